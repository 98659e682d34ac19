"""What a store still has to write: requests that have ended and are not in its database yet."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable


class Backlog(NamedTuple):
    """At one instant. `requests`: how many. `oldest`: seconds for which the oldest has been waiting. `journal`: bytes of the
    journal that holds them; None where there is none."""

    requests: int
    oldest: float
    journal: int | None = None


class Waiting:
    """Since when each has been waiting, as far as is seen by looking now and then: to about the time between two looks."""

    def __init__(self) -> None:
        self._since: dict[str, float] = {}

    def look(self, requests: Iterable[str], now: float) -> None:
        """Those that wait now. `now`: any steady clock."""
        known = self._since
        self._since = {request: known.get(request, now) for request in requests}

    def oldest(self, now: float) -> float:
        """Seconds."""
        return max(0.0, now - min(self._since.values(), default=now))
