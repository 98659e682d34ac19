"""The numbers of all workers of a machine, for the one that was asked for them: so that any of them can tell them all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import trio

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hyperinfer.api.worker_process import WorkerProcess

PATIENCE: Final = 1.0
"""Seconds for the others to answer. One that hangs is missing then, and nothing else is."""


async def gathered(asking: WorkerProcess, workers: Iterable[WorkerProcess], places: int) -> dict[str, Any]:
    """What to tell it: its own `place`, and the numbers of the `workers` in the other places, None for one that is dead, not
    ready or late."""
    found: dict[str, object] = {str(place): None for place in range(places) if place != asking.place}

    async def hear(worker: WorkerProcess) -> None:
        found[str(worker.place)] = await worker.numbers(PATIENCE)

    async with trio.open_nursery() as nursery:
        for worker in workers:
            if worker is not asking and worker.ready and str(worker.place) in found:
                nursery.start_soon(hear, worker)
    return {"place": asking.place, "workers": found}
