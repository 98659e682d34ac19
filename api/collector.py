"""When a worker's garbage collector works. What was tried, and what it gave: benchmarks/README.md."""

from __future__ import annotations

import gc

THRESHOLDS = (700, 10, 200)
"""Full collections a twentieth as often as Python makes them (from 3.14 on the third number means nothing). Each looks at
all that is alive, some 330 objects an open stream, and stops all streams for it."""


def rest() -> None:
    """Until the worker serves, whatever is made stays: there is nothing to find."""
    gc.disable()


def work() -> None:
    """From here on, without what is there already: that is left out of every collection."""
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
    gc.enable()
