"""Work on a body so big that it holds up the loop: one at a time.

What takes a moment of the loop for a usual body takes tenths of a second for one of tens of megabytes, and no thread would
help, as the interpreter runs one of them at a time. So such bodies take turns, and the loop is left to all others for as
long after each of them as it took: small requests wait for one, and not for all that came at once.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeVar

import trio

BIG = 2_000_000
"""Bytes. A body of more waits for its turn."""

T = TypeVar("T")


class BigBodies:
    """Turns of one loop, first come first served. Who is cancelled while waiting leaves the queue, and nothing is done."""

    __slots__ = ("_first", "_next", "_rested")

    def __init__(self) -> None:
        self._first = trio.StrictFIFOLock()
        self._next = trio.StrictFIFOLock()
        self._rested = -math.inf  # when the next one may begin

    async def first_turn(self, work: Callable[[], T]) -> T:
        """Does it when its turn has come, and the others have had their time."""
        async with self._first:
            await trio.lowlevel.checkpoint()
            while trio.current_time() < self._rested:  # noqa: ASYNC110 - others may lengthen the rest meanwhile
                await trio.sleep_until(self._rested)
            return self._timed(work)

    async def next_turn(self, work: Callable[[], T]) -> T:
        """The same for who has had a first turn. It waits for no rest, as what it began with is held for so long; those who
        wait for their first one do so the longer."""
        async with self._next:
            await trio.lowlevel.checkpoint()
            return self._timed(work)

    def _timed(self, work: Callable[[], T]) -> T:
        began = trio.current_time()
        try:
            return work()
        finally:
            ended = trio.current_time()
            self._rested = max(self._rested, ended) + ended - began
