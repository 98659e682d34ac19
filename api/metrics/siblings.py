"""The workers of a machine, as one of them sees them: they tell one another their numbers through their supervisor."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

import msgspec

from hyperinfer.api.metrics.numbers import Numbers, Told


class Gathered(msgspec.Struct, kw_only=True):
    """The numbers of all workers. `workers`: by their places; None: it is dead, or did not answer in time. `restarts`: how
    often each place had to be filled anew. `refused`: catalogues that were; None where nobody says."""

    workers: dict[str, Numbers | None]
    restarts: dict[str, int] = {}
    refused: int | None = None


Ask: TypeAlias = Callable[[], Awaitable["Mapping[str, Any] | None"]]
"""Asks the supervisor for the numbers of the others: `{"place", "workers", "restarts", "refused"}` (`gathering.py`), None
where it does not answer in time."""


class Siblings:
    """`numbers`: this worker's own. `place`: among the workers, given with `ask` by who has a supervisor; without one there
    is one worker."""

    def __init__(self, numbers: Callable[[], Numbers] = lambda: Told().numbers) -> None:
        self.numbers = numbers
        self.place: int | None = None
        self.ask: Ask | None = None

    async def gather(self) -> Gathered:
        """Of all that answer in time. Where the supervisor does not, this worker's alone, in its place."""
        if self.place is None:
            return Gathered(workers={"0": self.numbers()}, restarts={"0": 0}, refused=0)
        others = None if self.ask is None else await self.ask()
        if others is None:
            return Gathered(workers={str(self.place): self.numbers()})
        place = str(others["place"])
        workers = {**others["workers"], place: self.numbers()}
        return Gathered(
            workers=dict(sorted(workers.items(), key=lambda each: int(each[0]))),
            restarts=others["restarts"],
            refused=others["refused"],
        )
