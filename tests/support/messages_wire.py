"""Wire events of a Messages stream, to build streams from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.support.messages_codec import decode_stream, encode_whole, wire

if TYPE_CHECKING:
    from hyperinfer.formats import events as ev

START: dict[str, Any] = {
    "type": "message_start",
    "message": {"id": "m", "model": "x", "content": [], "usage": {"input_tokens": 3, "output_tokens": 1}},
}
STOP = {"type": "message_stop"}


def begin(index: int, block: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"type": "content_block_start", "index": index, "content_block": block, **fields}


def text(index: int, piece: str, **fields: Any) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": index, "delta": {"type": "text_delta", "text": piece, **fields}}


def delta(index: int, **fields: Any) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": index, "delta": fields}


def stop(index: int) -> dict[str, Any]:
    return {"type": "content_block_stop", "index": index}


def end(reason: str | None = "end_turn", **usage: Any) -> dict[str, Any]:
    return {
        "type": "message_delta",
        "delta": {"stop_reason": reason, "stop_sequence": None},
        "usage": {"output_tokens": 5, **usage},
    }


TEXT = {"type": "text", "text": ""}


def decoded(*events: dict[str, Any]) -> list[ev.Event]:
    return decode_stream([wire(*events)])


def blocks(*events: dict[str, Any]) -> list[Any]:
    """The whole message's blocks."""
    content: list[Any] = encode_whole(decoded(START, *events, end(), STOP))["content"]
    return content
