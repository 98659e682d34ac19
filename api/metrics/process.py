"""What the machine knows of this process, and how busy its event loop is."""

from __future__ import annotations

import gc
import os
import platform
import resource
import time
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

import trio

import hyperinfer
from hyperinfer.nodes.measures import SHORT, Histogram

if TYPE_CHECKING:
    from hyperinfer.api.metrics.numbers import Told

LOOK_SECONDS: Final = 0.25
"""Between two looks at the lag of the loop."""


class LoopLag:
    """How late a task has its turn: what any request or piece of a stream waits for the event loop, at that moment."""

    def __init__(self) -> None:
        self.seconds = Histogram(SHORT)

    async def look(self) -> None:
        """For ever."""
        while True:
            due = trio.current_time() + LOOK_SECONDS
            await trio.sleep_until(due)
            self.seconds.add(trio.current_time() - due)


def tell_process(told: Told) -> None:
    """Of this one; where there is no /proc, only what any Unix knows."""
    told.value("hyperinfer_build_info", 1, hyperinfer.__version__, platform.python_version())
    for generation, stats in enumerate(gc.get_stats()):
        told.value("hyperinfer_gc_collections_total", stats["collections"], str(generation))
    used = resource.getrusage(resource.RUSAGE_SELF)
    told.value("process_cpu_seconds_total", used.ru_utime + used.ru_stime)
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY:
        told.value("process_max_fds", soft)
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        told.value("process_resident_memory_bytes", pages * os.sysconf("SC_PAGE_SIZE"))
        told.value("process_open_fds", len(os.listdir("/proc/self/fd")) - 1)  # without the one that looks
        told.value("process_start_time_seconds", _started())
    except (OSError, ValueError, IndexError):
        pass


@cache
def _started() -> float:
    """Unix time. Raises OSError where nobody knows."""
    fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    since_boot = int(fields[19]) / os.sysconf("SC_CLK_TCK")
    return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME) + since_boot
