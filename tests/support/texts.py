"""Text replies in the three upstream protocols, in the pieces that a test wants."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.faults.kit import CHAT, MESSAGES
from tests.faults.wire import (
    block_delta,
    block_start,
    block_stop,
    chat_ending,
    chat_whole,
    chunk,
    completed,
    event,
    message_ending,
    message_start,
    message_whole,
    response,
    response_whole,
    text_events,
    text_item,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hyperinfer.formats import Dialect


def text_frames(dialect: Dialect, pieces: Sequence[str]) -> tuple[bytes, list[bytes], bytes]:
    """A stream: what comes before the text, one frame a piece, and what comes after it."""
    if dialect == CHAT:
        return chunk({"role": "assistant", "content": ""}), [chunk({"content": piece}) for piece in pieces], chat_ending()
    if dialect == MESSAGES:
        opening = message_start(input_tokens=10, output_tokens=1) + block_start(0, "text")
        return opening, [block_delta(0, "text", piece) for piece in pieces], block_stop(0) + message_ending()
    text = "".join(pieces)
    life = text_events(0, text)
    at, item = life[2][1], life[-1][1]["item"]
    events: list[tuple[str, dict[str, Any]]] = [("created", {"response": response("in_progress")}), *life[:2]]
    events += [("output_text.delta", {**at, "delta": piece}) for piece in pieces]
    events += [*life[3:], completed(item)]
    frames = [event(f"response.{name}", sequence_number=n, **fields) for n, (name, fields) in enumerate(events)]
    return b"".join(frames[:3]), frames[3 : 3 + len(pieces)], b"".join(frames[3 + len(pieces) :])


def text_whole(dialect: Dialect, text: str) -> bytes:
    """A whole reply: 10 tokens in, 5 out."""
    if dialect == CHAT:
        return chat_whole({"content": text})
    if dialect == MESSAGES:
        return message_whole({"type": "text", "text": text})
    return response_whole(text_item(text))
