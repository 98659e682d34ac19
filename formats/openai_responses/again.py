"""The hot path of a Responses stream: a delta that goes where the one before it went.

Nearly every event of a stream is such a one. The first delta at a place takes the long way, which finds or opens its item
and gives what says more there; those right behind it with equal type and place need no search. Whatever else comes, or has
any field that is not read here, takes the long way, so that nothing of it is lost.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

Say = Callable[[str], None]
"""Says one more piece of text at the place of the last delta."""


class Delta(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """The usual delta: where it goes, its text, and what is not carried."""

    type: str
    delta: str
    item_id: str | None = None
    output_index: int | None = None
    content_index: int | None = None
    summary_index: int | None = None
    sequence_number: int | None = None
    logprobs: list[Any] | None = None
    obfuscation: str | None = None


_decode = msgspec.json.Decoder(Delta).decode


def usual_delta(data: bytes) -> Delta | None:
    """The delta in the data of a frame; None for a frame that holds anything more, or anything else."""
    try:
        delta = _decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return None if delta.logprobs else delta


class Again:
    """Where the last delta went."""

    __slots__ = ("_last", "_say")

    def __init__(self, last: Delta, say: Say) -> None:
        self._last, self._say = last, say

    def takes(self, data: bytes) -> bool:
        """Whether the frame was a delta for the same place; then it has been said."""
        text = self._text(data)
        if text is None:
            return False
        self._say(text)
        return True

    def takes_read(self, read: bytes) -> bool:
        """Whether a read of whole frames (`SSEDecoder.takes_whole`) was deltas for the same place alone, each frame with
        a name; then they have been said, else nothing has."""
        lines = read.split(b"\n")
        if any(lines[2::3]) or len(lines) % 3 != 1 or not lines[0].startswith(b"event: "):
            return False
        if lines[:-1:3].count(lines[0]) != len(lines) // 3:
            return False
        texts: list[str] = []
        for line in lines[1::3]:
            if not line.startswith(b"data: ") or (text := self._text(line[6:])) is None:
                return False
            texts.append(text)
        for text in texts:
            self._say(text)
        return True

    def _text(self, data: bytes) -> str | None:
        """The text of a delta for the same place; None for any other frame."""
        last, delta = self._last, usual_delta(data)
        if (
            delta is None
            or delta.output_index != last.output_index
            or delta.item_id != last.item_id
            or delta.content_index != last.content_index
            or delta.summary_index != last.summary_index
            or delta.type != last.type
        ):
            return None
        return delta.delta
