"""The hot path of a Responses stream: a delta that goes where the one before it went.

Nearly every event of a stream is such a one. The first delta at a place takes the long way, which finds or opens its item
and gives what says more there; those right behind it with equal type and place need no search. Whatever else comes, or has
any field that is not read here, takes the long way, so that nothing of it is lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from hyperinfer.formats.runs import FrameRun, Say

_DATA = b"data: "


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


def again(lines: Sequence[bytes], delta: Delta, say: Say) -> Again | None:
    """The run of frames as that of `lines`, which holds `delta`; None for one of an unusual form."""
    if len(lines) > 2 or not lines[-1].startswith(_DATA):
        return None
    return Again(lines[0] if len(lines) == 2 else None, delta, say)


class Again(FrameRun):
    """A run of deltas that go where `last` went."""

    __slots__ = ("_last",)

    def __init__(self, name: bytes | None, last: Delta, say: Say) -> None:
        super().__init__(name, say)
        self._last = last

    def texts(self, data: Sequence[bytes]) -> list[str]:
        last = self._last
        kind, item, output, content, summary = (
            last.type,
            last.item_id,
            last.output_index,
            last.content_index,
            last.summary_index,
        )
        texts: list[str] = []
        for line in data:
            if not line.startswith(_DATA):
                break
            try:
                delta = _decode(line[6:])
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                break
            if (
                delta.logprobs
                or delta.output_index != output
                or delta.item_id != item
                or delta.content_index != content
                or delta.summary_index != summary
                or delta.type != kind
            ):
                break
            texts.append(delta.delta)
        return texts
