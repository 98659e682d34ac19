"""CPU time of a reply's stream through the codecs: µs an upstream event, for every pair of provider's and client's format.

    python -m benchmarks.codec_streams [--rounds 15] [--json FILE]

An event is one server-sent event of the upstream. A stream has 100 deltas of a few tokens, with the fields that its vendor
sends, and what opens and closes it. It is read in bursts of 16 events, or of one, decoded, put through the steps between
the formats, encoded and joined: all that the gateway does with it between two system calls, except for counting. The parts
are measured again on their own.

The floor is measured in the same rounds: the burst split, each delta decoded by msgspec into one record that fits it, its
text encoded between two constants. Everything is process CPU time, the median of the rounds; `best` is the round that other
load of the machine disturbed least.
"""

from __future__ import annotations

import argparse
import json
import platform
import random
import statistics
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

import msgspec

from hyperinfer.formats import FORMATS, Dialect, Reply, Upstream
from hyperinfer.formats import events as ev
from hyperinfer.formats.acting_items import ActingItems
from hyperinfer.formats.opaque import DEFAULT_VENDOR
from hyperinfer.formats.sse import SSEDecoder
from hyperinfer.nodes.reply_reader import ReplyReader

DELTAS = 100
STREAMS = 8
"""Streams of one measurement."""
BURSTS = (16, 1)
KINDS = ("text", "arguments", "reasoning")
SHORT = {"openai_chat": "chat", "openai_responses": "responses", "anthropic_messages": "messages"}
ASKED: dict[Dialect, bytes] = {
    "openai_chat": b'{"model":"m","stream":true,"messages":[{"role":"user","content":"Why?"}]}',
    "openai_responses": b'{"model":"m","stream":true,"input":"Why?"}',
    "anthropic_messages": b'{"model":"m","stream":true,"max_tokens":512,"messages":[{"role":"user","content":"Why?"}]}',
}
WORDS = ("the", " gateway", " reads", " each", " of", " them", ",", " so", " that", '"', "\n\n", " für", " 42", ".")

Wire = dict[str, Any]


def pieces(kind: str) -> list[str]:
    """What the deltas say: one to three tokens each; arguments are one JSON object."""
    draw = random.Random(7)
    texts = ["".join(draw.choices(WORDS, k=draw.randint(1, 3))) for _ in range(DELTAS)]
    if kind != "arguments":
        return texts
    inside = [json.dumps(text)[1:-1] for text in texts[2:]]
    return ['{"path":"src/main.py","text":"', *inside, '"}']


# -- streams in the words of each vendor


def named(name: str, fields: Wire) -> bytes:
    body = json.dumps({"type": name, **fields}, separators=(",", ":"), ensure_ascii=False)
    return f"event: {name}\ndata: {body}\n\n".encode()


def chat(kind: str) -> list[bytes]:
    draw = random.Random(8)
    head = {"id": "chatcmpl-C4Hq5a6K3RaPMymUv70btQNYv6", "object": "chat.completion.chunk", "created": 1_755_137_921}
    head |= {"model": "gpt-5-nano-2025-08-07", "service_tier": "default", "system_fingerprint": "fp_393bca965e"}

    def chunk(delta: Wire, finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        body = {**head, "choices": [choice], "usage": None, "obfuscation": "x" * draw.randint(1, 12)}
        return b"data: " + json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode() + b"\n\n"

    call = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "write", "arguments": ""}}
    first = {"tool_calls": [call]} if kind == "arguments" else {"content": ""}
    deltas: dict[str, Callable[[str], Wire]] = {
        "text": lambda text: {"content": text},
        "arguments": lambda text: {"tool_calls": [{"index": 0, "function": {"arguments": text}}]},
        "reasoning": lambda text: {"content": None, "reasoning_content": text},
    }
    usage = {"prompt_tokens": 12, "completion_tokens": 100, "total_tokens": 112}
    return [
        chunk({"role": "assistant", **first, "refusal": None}),
        *(chunk(deltas[kind](text)) for text in pieces(kind)),
        chunk({}, "tool_calls" if kind == "arguments" else "stop"),
        b"data: " + json.dumps({**head, "choices": [], "usage": usage}, separators=(",", ":")).encode() + b"\n\n",
        b"data: [DONE]\n\n",
    ]


def messages(kind: str) -> list[bytes]:
    message: Wire = {
        "id": "msg_01XFDUDYJgAACzvnptvVoYEL",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-4",
    }
    message |= {"content": [], "stop_reason": None, "usage": {"input_tokens": 12, "output_tokens": 1}}
    call: Wire = {"type": "tool_use", "id": "toolu_1", "name": "write", "input": {}}
    blocks: dict[str, tuple[Wire, str, str]] = {
        "text": ({"type": "text", "text": ""}, "text_delta", "text"),
        "arguments": (call, "input_json_delta", "partial_json"),
        "reasoning": ({"type": "thinking", "thinking": "", "signature": ""}, "thinking_delta", "thinking"),
    }
    block, delta, field = blocks[kind]
    stop = "tool_use" if kind == "arguments" else "end_turn"
    return [
        named("message_start", {"message": message}),
        named("content_block_start", {"index": 0, "content_block": block}),
        *(named("content_block_delta", {"index": 0, "delta": {"type": delta, field: text}}) for text in pieces(kind)),
        named("content_block_stop", {"index": 0}),
        named("message_delta", {"delta": {"stop_reason": stop, "stop_sequence": None}, "usage": {"output_tokens": 100}}),
        named("message_stop", {}),
    ]


def responses(kind: str) -> list[bytes]:
    draw = random.Random(9)
    number = iter(range(1000))
    said = "".join(pieces(kind))
    response: Wire = {"id": "resp_0c6e197b73d08e53016a3c", "object": "response", "created_at": 1_755_137_921, "output": []}
    response |= {"status": "in_progress", "model": "gpt-5", "parallel_tool_calls": True, "tool_choice": "auto", "tools": []}
    items: dict[str, tuple[Wire, Wire, str, Wire]] = {
        "text": (
            {"id": "msg_0c6e197b73d08e53", "type": "message", "status": "in_progress", "content": [], "role": "assistant"},
            {"content": [{"type": "output_text", "annotations": [], "logprobs": [], "text": said}]},
            "output_text.delta",
            {"content_index": 0, "logprobs": []},
        ),
        "arguments": (
            {"id": "fc_0c6e197b73d08e53", "type": "function_call", "status": "in_progress", "arguments": "", "name": "write"}
            | {"call_id": "call_1"},
            {"arguments": said},
            "function_call_arguments.delta",
            {},
        ),
        "reasoning": (
            {"id": "rs_0c6e197b73d08e53", "type": "reasoning", "summary": []},
            {"summary": [{"type": "summary_text", "text": said}]},
            "reasoning_summary_text.delta",
            {"summary_index": 0},
        ),
    }
    item, done, delta, beside = items[kind]

    def event(name: str, **fields: Any) -> bytes:
        return named(f"response.{name}", {"sequence_number": next(number), **fields})

    def piece(text: str) -> bytes:
        fields = {"item_id": item["id"], "output_index": 0, **beside, "delta": text}
        return event(delta, **fields, obfuscation="x" * draw.randint(1, 12))

    done = {**item, **done, "status": "completed"}
    counts = {"input_tokens": 12, "output_tokens": 100, "total_tokens": 112}
    last = {**response, "status": "completed", "output": [done], "usage": counts}
    return [
        event("created", response=response),
        event("output_item.added", output_index=0, item=item),
        *(piece(text) for text in pieces(kind)),
        event("output_item.done", output_index=0, item=done),
        event("completed", response=last),
    ]


STREAM: dict[Dialect, Callable[[str], list[bytes]]] = {
    "openai_chat": chat,
    "openai_responses": responses,
    "anthropic_messages": messages,
}


class _Text(msgspec.Struct):
    content: str = ""
    text: str = ""


class _Choice(msgspec.Struct):
    delta: _Text


class _Chunk(msgspec.Struct):
    choices: list[_Choice]


class _Event(msgspec.Struct):
    delta: str


class _Nested(msgspec.Struct):
    delta: _Text


_LEAST: dict[Dialect, msgspec.json.Decoder[Any]] = {
    "openai_chat": msgspec.json.Decoder(_Chunk),
    "openai_responses": msgspec.json.Decoder(_Event),
    "anthropic_messages": msgspec.json.Decoder(_Nested),
}
_TEXT_OF: dict[Dialect, Callable[[Any], str]] = {
    "openai_chat": lambda chunk: chunk.choices[0].delta.content if chunk.choices else "",
    "openai_responses": lambda event: event.delta,
    "anthropic_messages": lambda event: event.delta.text,
}


# -- what is measured: functions that take one stream through


def reads(frames: list[bytes], size: int) -> list[bytes]:
    return [b"".join(frames[start : start + size]) for start in range(0, len(frames), size)]


def framing(data: list[bytes]) -> None:
    frames = SSEDecoder()
    for read in data:
        frames.receive_data(read)
        while frames.next_frame() is not None:
            pass


def bursts(data: list[bytes], upstream: Dialect, client: Dialect) -> Iterator[list[ev.Event]]:
    reader = ReplyReader(FORMATS[upstream], Upstream(vendor=DEFAULT_VENDOR[upstream], id_seed="x"))
    acting = ActingItems() if upstream == "openai_responses" != client else None
    for read in data:
        events = reader.receive_data(read)
        if acting is not None and not acting.looks_at.isdisjoint(map(type, events)):
            looks_at = acting.looks_at
            events = [new for event in events for new in (acting.push(event) if type(event) in looks_at else (event,))]
        yield events
    assert reader.ended, reader.error


def decoding(data: list[bytes], upstream: Dialect) -> None:
    for _ in bursts(data, upstream, upstream):
        pass


def encoding(found: Iterable[list[ev.Event]], asked: Reply, client: Dialect) -> None:
    encoder = FORMATS[client].stream_encoder(asked)
    for events in found:
        pieces: list[bytes] = []
        encoder.send_burst(events, pieces)
        b"".join(pieces)
    encoder.end()


def chain(data: list[bytes], upstream: Dialect, asked: Reply, client: Dialect) -> None:
    encoding(bursts(data, upstream, client), asked, client)


def floor(data: list[bytes], upstream: Dialect) -> None:
    """For text: what cannot be left out."""
    decode, encode, text_of = _LEAST[upstream].decode, msgspec.json.encode, _TEXT_OF[upstream]
    for read in data:
        out: list[bytes] = []
        for frame in read.split(b"\n\n"):
            if b"delta" in frame:
                text = text_of(decode(frame[frame.find(b"data: ") + 6 :]))
                out.append(b'data: {"delta":' + encode(text) + b"}\n\n")
        b"".join(out)


def reply(upstream: Dialect, client: Dialect) -> Reply:
    conversation = FORMATS[client].decode_request(ASKED[client])
    return Reply(request_id="r1", model="a/model", created=1_700_000_000, conversation=conversation, upstream=upstream)


def measurements() -> Iterator[tuple[tuple[str, ...], int, Callable[[], None]]]:
    """(what, events of the stream, the function)."""
    for size in BURSTS:
        for kind in KINDS:
            for upstream, make in STREAM.items():
                frames = make(kind)
                data, count, way = reads(frames, size), len(frames), (str(size), kind, upstream)
                yield (*way, "sse"), count, partial(framing, data)
                yield (*way, "decode"), count, partial(decoding, data, upstream)
                if kind == "text":
                    yield (*way, "floor"), count, partial(floor, data, upstream)
                for client in STREAM:
                    found, asked = list(bursts(data, upstream, client)), reply(upstream, client)
                    yield (*way, "encode", client), count, partial(encoding, found, asked, client)
                    yield (*way, "chain", client), count, partial(chain, data, upstream, asked, client)


def measure(rounds: int) -> dict[tuple[str, ...], list[float]]:
    """µs an event, in every round."""
    found: dict[tuple[str, ...], list[float]] = {}
    cells = list(measurements())
    for turn in range(rounds + 1):
        for name, count, once in cells:
            start = time.process_time()
            for _ in range(STREAMS):
                once()
            if turn:  # the first one warms up
                found.setdefault(name, []).append((time.process_time() - start) / STREAMS / count * 1e6)
    return found


def table(rounds: dict[tuple[str, ...], list[float]]) -> Iterator[str]:
    found = {name: statistics.median(values) for name, values in rounds.items()}
    for size in BURSTS:
        yield f"\nµs an event, {size} a read{'':<12}SSE   decode - SSE   encode    whole    best   floor  times"
        for kind in KINDS:
            for upstream in STREAM:
                way = (str(size), kind, upstream)
                sse, decode, least = found[*way, "sse"], found[*way, "decode"], found[str(size), "text", upstream, "floor"]
                for client in STREAM:
                    whole, best = found[*way, "chain", client], min(rounds[*way, "chain", client])
                    yield (
                        f"{kind:<10}{SHORT[upstream]:>9} → {SHORT[client]:<9}{sse:6.2f}{decode - sse:15.2f}"
                        f"{found[*way, 'encode', client]:9.2f}{whole:9.2f}{best:8.2f}{least:8.2f}{whole / least:7.1f}"
                    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--json", help="where to write the figures, too")
    asked = parser.parse_args()
    about = f"Python {platform.python_version()}, msgspec {msgspec.__version__}, {platform.system()} {platform.machine()}"
    found = measure(asked.rounds)
    print(f"{about}, median of {asked.rounds} rounds", *table(found), sep="\n")
    if asked.json:
        figures = {" ".join(name): round(statistics.median(values), 3) for name, values in found.items()}
        with open(asked.json, "w", encoding="utf-8") as out:
            json.dump({"about": about, "rounds": asked.rounds, "unit": "µs an event", "figures": figures}, out, indent=1)


if __name__ == "__main__":
    main()
