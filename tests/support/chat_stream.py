"""Streams of a Chat server made by hand, and what they decode to, a word a block."""

from __future__ import annotations

import json
from typing import Any

from hyperinfer.formats import Event
from hyperinfer.formats import events as ev
from tests.support.chunks import byte_by_byte
from tests.support.pair import decode_stream, joined

DONE = b"data: [DONE]\n\n"


def chunk(delta: dict[str, Any] | None = None, finish: str | None = None, **fields: Any) -> bytes:
    choice = {"index": fields.pop("index", 0), "delta": delta or {}, "finish_reason": finish, **fields.pop("choice", {})}
    body = {"id": "c1", "object": "chat.completion.chunk", "created": 7, "model": "m", "choices": [choice], **fields}
    return b"data: " + json.dumps(body).encode() + b"\n\n"


def usage_chunk(**usage: Any) -> bytes:
    return b"data: " + json.dumps({"id": "c1", "choices": [], "usage": usage}).encode() + b"\n\n"


def decoded(*frames: bytes, end: bytes = DONE, vendor: str = "openai") -> list[Event | str]:
    """The events without their wire fields; the same at every cut."""
    raw = b"".join(frames) + end
    whole = decode_stream("openai_chat", [raw], vendor)
    assert decode_stream("openai_chat", byte_by_byte(raw), vendor) == whole
    return whole


def blocks(events: list[Event | str]) -> list[str]:
    """A word a block: what it is and what it says."""
    out: list[str] = []
    for event in joined(events):
        match event:
            case ev.TextDelta() | ev.ReasoningDelta() | ev.RefusalDelta() | ev.ArgumentsDelta():
                out[-1] += event.text
            case ev.TextStart():
                out.append("text ")
            case ev.ReasoningStart():
                out.append("reasoning ")
            case ev.RefusalStart():
                out.append("refusal ")
            case ev.ToolCallStart():
                out.append(f"{event.kind} {event.call_id} {event.name} ")
            case ev.ReasoningEnd() if event.opaque:
                out[-1] += "".join(f" <{blob.kind} {blob.data}>" for blob in event.opaque)
            case ev.MessageEnd():
                out.append(f"end {event.stop}")
            case ev.ChoiceEnd():
                out.append(f"end of {event.choice} {event.stop}")
            case ev.UpstreamError():
                out.append(f"failed {event.code}")
            case str():
                out.append(f"error {event}")
            case _:
                pass
    return out


def call(index: int | None, arguments: str = "", call_id: str | None = None, name: str | None = None) -> dict[str, Any]:
    function: dict[str, Any] = {"arguments": arguments, **({"name": name} if name else {})}
    piece = {"function": function, **({"id": call_id, "type": "function"} if call_id is not None else {})}
    return {"tool_calls": [{**piece, **({"index": index} if index is not None else {})}]}
