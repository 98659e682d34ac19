"""A small reply in each upstream protocol, in the pieces in which it comes: whole, and as a stream."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

TEXT = "Hello there."


@dataclass(frozen=True)
class Reply:
    """`opening`: frames before any output; `output`: frames with `TEXT`; `ending`: the rest. `whole`: the JSON body."""

    opening: tuple[bytes, ...]
    output: tuple[bytes, ...]
    ending: tuple[bytes, ...]
    whole: bytes

    @property
    def stream(self) -> bytes:
        """All frames."""
        return b"".join((*self.opening, *self.output, *self.ending))


def frame(document: Any, *, named: bool = True) -> bytes:
    """A server-sent event; named after its `type` where the protocol does that."""
    name = f"event: {document['type']}\n" if named else ""
    return f"{name}data: {json.dumps(document)}\n\n".encode()


def _chat() -> Reply:
    common = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1_700_000_000, "model": "upstream"}
    usage = {"prompt_tokens": 10, "completion_tokens": 4, "total_tokens": 14}

    def chunk(delta: Any, reason: str | None = None) -> bytes:
        return frame({**common, "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}, named=False)

    message = {"role": "assistant", "content": TEXT}
    whole = {
        **common,
        "object": "chat.completion",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": usage,
    }
    return Reply(
        (chunk({"role": "assistant", "content": ""}),),
        (chunk({"content": TEXT[:5]}), chunk({"content": TEXT[5:]})),
        (chunk({}, "stop"), frame({**common, "choices": [], "usage": usage}, named=False), b"data: [DONE]\n\n"),
        json.dumps(whole).encode(),
    )


def _responses() -> Reply:
    numbers = iter(range(100))
    usage = {
        "input_tokens": 10,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": 4,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 14,
    }
    part: dict[str, Any] = {"type": "output_text", "text": TEXT, "annotations": []}
    item: dict[str, Any] = {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed", "content": [part]}

    def response(status: str, output: list[Any], usage: Any = None) -> dict[str, Any]:
        return {
            "id": "resp_1",
            "object": "response",
            "created_at": 1_700_000_000,
            "model": "upstream",
            "status": status,
            "output": output,
            "usage": usage,
            "tools": [],
            "tool_choice": "auto",
            "parallel_tool_calls": True,
        }

    def event(name: str, **fields: Any) -> bytes:
        return frame({"type": f"response.{name}", "sequence_number": next(numbers), **fields})

    place = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    return Reply(
        (
            event("created", response=response("in_progress", [])),
            event("in_progress", response=response("in_progress", [])),
            event("output_item.added", output_index=0, item={**item, "status": "in_progress", "content": []}),
            event("content_part.added", **place, part={**part, "text": ""}),
        ),
        (
            event("output_text.delta", **place, delta=TEXT[:5], logprobs=[]),
            event("output_text.delta", **place, delta=TEXT[5:], logprobs=[]),
        ),
        (
            event("output_text.done", **place, text=TEXT, logprobs=[]),
            event("content_part.done", **place, part=part),
            event("output_item.done", output_index=0, item=item),
            event("completed", response=response("completed", [item], usage)),
        ),
        json.dumps(response("completed", [item], usage)).encode(),
    )


def _messages() -> Reply:
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "upstream"}
    start: dict[str, Any] = {**message, "content": [], "stop_reason": None, "stop_sequence": None}
    usage = {"input_tokens": 10, "output_tokens": 1}
    end = {"stop_reason": "end_turn", "stop_sequence": None}
    whole = {**message, "content": [{"type": "text", "text": TEXT}], **end, "usage": {**usage, "output_tokens": 4}}

    def delta(text: str) -> bytes:
        return frame({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}})

    return Reply(
        (
            frame({"type": "message_start", "message": {**start, "usage": usage}}),
            frame({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
            frame({"type": "ping"}),
        ),
        (delta(TEXT[:5]), delta(TEXT[5:])),
        (
            frame({"type": "content_block_stop", "index": 0}),
            frame({"type": "message_delta", "delta": end, "usage": {"output_tokens": 4}}),
            frame({"type": "message_stop"}),
        ),
        json.dumps(whole).encode(),
    )


REPLIES = {"chat": _chat(), "responses": _responses(), "messages": _messages()}
"""By the name of the protocol."""
