"""When a worker's garbage collector works. What was tried, and what it gave: benchmarks/README.md."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, Final

import trio

if TYPE_CHECKING:
    from collections.abc import Callable

THRESHOLDS = (700, 10, 200)
"""Full collections a twentieth as often as Python makes them (from 3.14 on the third number means nothing). Each looks at
all that is alive, some 330 objects an open stream, and stops all streams for it."""

PAUSE_SECONDS: Final = 10.0
"""The least between two full collections of ours."""
SHARE: Final = 0.01
"""The most of the time that they may take."""
DUE: Final = 3
"""Collections of the middle generation since the last full one, from which on another is worth it."""


def rest() -> None:
    """Until the worker serves, whatever is made stays: there is nothing to find."""
    gc.disable()


def work() -> None:
    """From here on, without what is there already: that is left out of every collection."""
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
    gc.enable()


async def collect_in_time(clock: Callable[[], float]) -> None:
    """For ever. A stream that lasts outlives the young generations, and what is left of it (its connection's 6 kB in cycles)
    waits for a full collection. By numbers of objects alone that is after thousands of streams. So there is one every few
    seconds too, where streams have come since the last, and seldom enough that all take but a little of the time.

    `clock`: seconds of the processor that we had: what others took from us says nothing of what it costs.
    """
    pause = PAUSE_SECONDS
    while True:
        await trio.sleep(pause)
        if gc.get_count()[2] >= DUE:
            began = clock()
            gc.collect()
            pause = max(PAUSE_SECONDS, (clock() - began) / SHARE)
