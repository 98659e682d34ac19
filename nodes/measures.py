"""What nodes count while they work, for one process: numbers that are only ever added to, and read by whoever likes.

Each place of the hot path that counts does so with one call at most, which is why some reach into a `Histogram`.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import Final

SHORT: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Seconds: of what mostly takes a moment."""

LONG: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0)
"""Seconds: of what a model takes."""

BETWEEN: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0)
"""Seconds: between two tokens, or two pieces of a stream."""


class Histogram:
    """How many values there were up to each of `bounds`, and beyond the last (`counts`, each value in one of them); their
    `sum`."""

    __slots__ = ("bounds", "counts", "sum")

    def __init__(self, bounds: tuple[float, ...] = SHORT) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def plus(self, other: Histogram | None) -> Histogram:
        """Both together, where they have the same bounds."""
        found = Histogram(self.bounds)
        found.counts, found.sum = list(self.counts), self.sum
        if other is not None:
            found.counts = [one + two for one, two in zip(self.counts, other.counts, strict=True)]
            found.sum += other.sum
        return found

    def add(self, value: float) -> None:
        """One more."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value


class ProviderTimes:
    """Seconds that a provider took. `connecting`: to a connection, TLS with it. `first_byte`: to the head of the response to
    a request for a stream. `whole`: to the end of a stream that was complete and waited for nobody else."""

    __slots__ = ("connecting", "first_byte", "whole")

    def __init__(self) -> None:
        self.connecting = Histogram(SHORT)
        self.first_byte, self.whole = Histogram(LONG), Histogram(LONG)


class Measures:
    """Of the requests of one process. `gaps`: seconds between the pieces of streams, as their clients' connections took
    them. `held_up`: streams whose reader waits for the client right now, as the channel to it is full; `waits`, `waited`:
    how often that was, and seconds of it in all. `tools`: runs of server tools by name and by what they came to, `ok` or
    the code of an error."""

    __slots__ = ("_providers", "gaps", "held_up", "tools", "waited", "waits")

    def __init__(self) -> None:
        self.gaps = Histogram(BETWEEN)
        self.held_up = self.waits = 0
        self.waited = 0.0
        self.tools: dict[tuple[str, str], int] = {}
        self._providers: dict[str, ProviderTimes] = {}

    def of(self, provider: str) -> ProviderTimes:
        """Those of a provider of the catalogue."""
        times = self._providers.get(provider)
        if times is None:
            times = self._providers[provider] = ProviderTimes()
        return times

    @property
    def providers(self) -> dict[str, ProviderTimes]:
        """All that were asked, by name."""
        return self._providers

    def connected(self, provider: str, seconds: float) -> None:
        """A connection to a provider was opened."""
        self.of(provider).connecting.add(seconds)

    def ran(self, tool: str, error: str | None) -> None:
        """A server tool is done."""
        key = tool, error or "ok"
        self.tools[key] = self.tools.get(key, 0) + 1
