"""What happened at the edge of a worker since its start; for metrics."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field
from time import perf_counter

from hyperinfer.nodes.measures import SHORT, Histogram


@dataclass(slots=True)
class EdgeCounters:
    """Numbers that only grow, but for `open`."""

    connections: int = 0
    open: int = 0
    requests: int = 0
    clients_gone: int = 0
    """Requests whose client left or stopped reading."""
    crashes: int = 0
    """Requests whose handler threw."""
    connection_crashes: int = 0
    """Connections that ended by an exception: a bug here, in hypercorn or in a parser, each logged."""
    handshakes_failed: int = 0
    accept_errors: int = 0
    late_writes: int = 0
    """Clients that took nothing for as long as they may."""
    refused: dict[int, int] = field(default_factory=lambda: dict[int, int]())
    """What was no request, by the status of its answer."""
    queue: Histogram = field(default_factory=lambda: Histogram(SHORT))
    """Seconds from when the first bytes of a request were read until its handler ran, where that is known."""

    def begin(self, came: float) -> None:
        """The handler of a request begins, which came at `came` (`time.perf_counter`; 0: not known)."""
        self.requests += 1
        if came:
            waited, queue = perf_counter() - came, self.queue
            queue.counts[bisect_left(SHORT, waited)] += 1
            queue.sum += waited

    def late_write(self) -> None:
        """A client took nothing for as long as it may."""
        self.late_writes += 1
