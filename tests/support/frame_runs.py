"""Streams read by the hot path, in reads of whole frames, and how many frames took it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from hyperinfer.formats.runs import FrameRun
from tests.support.pair import decode_stream

if TYPE_CHECKING:
    from hyperinfer.formats import Dialect, Event


def in_reads(raw: bytes, size: int) -> list[bytes]:
    """The bytes in reads of `size` frames, and what is left of them."""
    frames = [frame + b"\n\n" for frame in raw.split(b"\n\n")]
    frames[-1] = frames[-1].removesuffix(b"\n\n")
    return [b"".join(frames[start : start + size]) for start in range(0, len(frames), size)]


def both_ways(dialect: Dialect, raw: bytes, size: int = 1_000_000) -> tuple[list[Event | str], list[Event | str], int]:
    """(events by the hot path, by the long way, how many frames went the hot path).

    The hot path gets reads of `size` frames, the long way all in one.
    """
    taken, take = 0, FrameRun.take

    def counted(run: FrameRun, lines: Any, at: int, into: Any) -> int:
        nonlocal taken
        end = take(run, lines, at, into)
        taken += lines[at:end].count(b"")
        return end

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FrameRun, "take", counted)
        hot = decode_stream(dialect, in_reads(raw, size))
        patch.setattr(FrameRun, "take", lambda run, lines, at, into: at)  # pyright: ignore
        return hot, decode_stream(dialect, [raw]), taken
