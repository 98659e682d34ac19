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
    """Turns of one loop, first come first served."""

    __slots__ = ("_rested", "_turn")

    def __init__(self) -> None:
        self._turn = trio.StrictFIFOLock()
        self._rested = -math.inf  # when the next one may begin

    async def in_turn(self, work: Callable[[], T]) -> T:
        """Does it, when its turn has come. Who is cancelled before that leaves the queue, and nothing is done."""
        async with self._turn:
            await trio.sleep_until(self._rested)
            began = trio.current_time()
            try:
                return work()
            finally:
                ended = trio.current_time()
                self._rested = 2 * ended - began
