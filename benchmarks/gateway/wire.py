"""What the mock upstream says and what the load generator asks, as bytes that are made once.

A stream has 100 deltas and what opens and closes it, with the fields that its vendor sends (`benchmarks.codec_streams`). In
a paced one each delta says when it was written: `@MICROSECONDS@`, 16 digits of the machine's monotonic clock, which all
processes share; what reads it at the other end knows how long it was on its way.
"""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from benchmarks.codec_requests import Session
from benchmarks.codec_requests import chat as chat_session
from benchmarks.codec_streams import STREAM, pieces

if TYPE_CHECKING:
    from hyperinfer.formats import Dialect

DIALECTS: tuple[Dialect, ...] = ("openai_chat", "openai_responses", "anthropic_messages")
SHORT: dict[Dialect, str] = {"openai_chat": "chat", "openai_responses": "responses", "anthropic_messages": "messages"}
PATHS: dict[Dialect, str] = {
    "openai_chat": "/chat/completions",
    "openai_responses": "/responses",
    "anthropic_messages": "/messages",
}
STAMP = re.compile(rb"@(\d{16})@")
TEXT = "The gateway reads each part of a reply once, and keeps what it does not know."
PROMPT = "Name the parts of a request that a gateway has to read before it can say where it goes, and why. " * 2
SYSTEM = "You answer briefly."


def now_us() -> int:
    """Microseconds of the clock that all processes of a machine share."""
    return time.monotonic_ns() // 1000


def stamp() -> bytes:
    """What a paced delta says."""
    return b"@%016d@" % now_us()


def chunk(data: bytes) -> bytes:
    """As a piece of a body in chunks (RFC 9112, 7.1)."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def compact(document: Any) -> bytes:
    """JSON without blanks."""
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()


@dataclass(frozen=True)
class Script:
    """The replies of one protocol. `whole`: a JSON body.

    A stream is `opening`, any number of `deltas`, `closing`: events. `delta`: what is around the text of a paced one.
    `said`: the text of all deltas, which may stand in the closing.
    """

    whole: bytes
    opening: tuple[bytes, ...]
    deltas: tuple[bytes, ...]
    closing: tuple[bytes, ...]
    delta: tuple[bytes, bytes]
    said: bytes

    def closing_of(self, said: bytes) -> bytes:
        """The end of a stream whose deltas said `said`, an HTTP chunk an event."""
        return b"".join(chunk(event.replace(self.said, said)) for event in self.closing)

    def stream(self, deltas: int) -> bytes:
        """A whole stream with so many deltas, an HTTP chunk an event."""
        known = len(self.deltas)
        times, rest = divmod(deltas, known)
        if rest:
            raise ValueError(f"not a multiple of {known}")
        body = b"".join(map(chunk, self.deltas)) * times
        return b"".join(map(chunk, self.opening)) + body + self.closing_of(self.said * times) + b"0\r\n\r\n"

    def events(self, deltas: int = 100) -> int:
        """Upstream events of such a stream."""
        return len(self.opening) + deltas + len(self.closing)


def script(dialect: Dialect) -> Script:
    """The replies of one protocol."""
    events = STREAM[dialect]("text")
    texts = pieces("text")
    first = next(number for number, event in enumerate(events) if _member(dialect, texts[0]) in event)
    before, text, after = events[first].partition(compact(texts[0]))
    return Script(
        whole=compact(_whole(dialect)),
        opening=tuple(events[:first]),
        deltas=tuple(events[first : first + len(texts)]),
        closing=tuple(events[first + len(texts) :]),
        delta=(before + text[:1], text[-1:] + after),
        said=compact("".join(texts))[1:-1],
    )


def _member(dialect: Dialect, text: str) -> bytes:
    name = {"openai_chat": b'"content":', "openai_responses": b'"delta":', "anthropic_messages": b'"text":'}[dialect]
    return name + compact(text)


def _whole(dialect: Dialect) -> dict[str, Any]:
    if dialect == "openai_chat":
        message: dict[str, Any] = {"role": "assistant", "content": TEXT, "refusal": None, "annotations": []}
        usage = {"prompt_tokens": 48, "completion_tokens": 18, "total_tokens": 66}
        return {
            "id": "chatcmpl-C4Hq5a6K3RaPMymUv70btQNYv6",
            "object": "chat.completion",
            "created": 1_755_137_921,
            "model": "gpt-5-nano-2025-08-07",
            "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}],
            "usage": usage,
            "service_tier": "default",
            "system_fingerprint": None,
        }
    if dialect == "anthropic_messages":
        return {
            "id": "msg_01XFDUDYJgAACzvnptvVoYEL",
            "type": "message",
            "role": "assistant",
            "model": "claude-sonnet-4",
            "content": [{"type": "text", "text": TEXT}],
            "stop_reason": "end_turn",
            "stop_sequence": None,
            "usage": {"input_tokens": 48, "output_tokens": 18},
        }
    part: dict[str, Any] = {"type": "output_text", "annotations": [], "logprobs": [], "text": TEXT}
    item: dict[str, Any] = {
        "id": "msg_0c6e197b73d08e53",
        "type": "message",
        "status": "completed",
        "content": [part],
        "role": "assistant",
    }
    return {
        "id": "resp_0c6e197b73d08e53016a3c",
        "object": "response",
        "created_at": 1_755_137_921,
        "status": "completed",
        "model": "gpt-5",
        "output": [item],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "usage": {"input_tokens": 48, "output_tokens": 18, "total_tokens": 66},
    }


def question(dialect: Dialect, model: str, *, streamed: bool) -> bytes:
    """A small request of a client."""
    fields: dict[str, Any] = {"model": model, "stream": streamed}
    if dialect == "openai_responses":
        return compact({**fields, "instructions": SYSTEM, "input": PROMPT, "max_output_tokens": 512})
    turn = {"role": "user", "content": PROMPT}
    if dialect == "anthropic_messages":
        return compact({**fields, "max_tokens": 512, "system": SYSTEM, "messages": [turn]})
    if streamed:
        fields["stream_options"] = {"include_usage": True}
    return compact({**fields, "max_tokens": 512, "messages": [{"role": "system", "content": SYSTEM}, turn]})


def long_question(model: str, kilobytes: int) -> bytes:
    """A coding agent's long session, of about so many kB, in the Chat format; its answer is not streamed."""
    document = {**chat_session(Session(kilobytes)), "model": model, "stream": False}
    del document["stream_options"]
    return compact(document)
