"""Which route is tried next, and when: the policy of retries and failover. Pure; the clock is the caller's."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeAlias

from hyperinfer.nodes.concurrency import QUEUE_SECONDS

if TYPE_CHECKING:
    from hyperinfer.formats.upstream_errors import UpstreamFault
    from hyperinfer.nodes.concurrency import Room
    from hyperinfer.nodes.ports import RouteHealth

PATIENCE = 5.0
"""Seconds that all waits of one request may take together (RULES: Errors)."""

_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 2.0

Jitter: TypeAlias = Callable[[], float]
"""A number from 0 to 1."""


class Retrying:
    """The attempts of one request. `route` is the place of the route to try now; `retries`: attempts beyond the first.

    A route that has not been asked yet comes first, in the order given and at once; then the one that may be asked again
    soonest: when its upstream said, or after a pause that doubles with each of its failures. One whose breaker is open is
    passed over, unless there is no other: a request has the same attempts as if there were no breakers, and the one that is
    half-open soonest comes first. One that has no place free counts as one that has to be waited for. `rooms`: None where as
    many may go as like. `last`: nothing else can serve the request; before that no route is waited for, and none asked whose
    breaker is open.
    """

    def __init__(
        self,
        healths: Sequence[RouteHealth],
        rooms: Sequence[Room | None],
        *,
        retries: int,
        jitter: Jitter,
        last: bool = True,
    ) -> None:
        self.route = 0
        self._healths, self._rooms = healths, rooms
        self._ready = dict.fromkeys(range(len(healths)), -math.inf)  # when each route that is left may be asked
        self._failures = [0] * len(healths)
        self._retries, self._jitter, self._last = retries, jitter, last
        self._patience = PATIENCE if last else 0.0

    def choose(self, now: float) -> float | None:
        """Seconds to wait before trying `route`, as things are now; None when there is nothing to try. `now`: seconds of any
        steady clock."""
        patient = [route for route, ready in self._ready.items() if ready - now <= self._patience]
        usable = [route for route in patient if self._healths[route].usable()]
        if not patient or not (usable or self._last):
            return None
        self.route = min(usable or patient, key=lambda route: self._preference(route, now))
        wait = max(0.0, self._ready[self.route] - now)
        self._patience -= wait
        return wait

    def unfit(self, now: float) -> float | None:
        """This route cannot express the request: it is left out, and was no attempt. As `choose` otherwise."""
        del self._ready[self.route]
        return self.choose(now)

    def failed(self, fault: UpstreamFault, now: float) -> float | None:
        """This route failed before any output. As `choose`; None also when the fault is final."""
        if self._retries == 0 or not (fault.retryable or fault.failover):
            return None
        self._retries -= 1
        if fault.retryable:
            self._ready[self.route] = now + self._pause(fault.retry_after)
        else:
            del self._ready[self.route]
        return self.choose(now)

    def queued(self, now: float, began: float) -> None:
        """The time since `began` went by for want of a place."""
        self._patience -= now - began

    @property
    def queue(self) -> float:
        """Seconds that may be waited for a place."""
        return max(0.0, min(QUEUE_SECONDS, self._patience))

    def _preference(self, route: int, now: float) -> tuple[float, float, float]:
        """When it can be asked, how bad it is, and whether it was asked before."""
        ready = self._ready[route]
        return max(ready, now) + self._queue(route), self._healths[route].pause_left(), ready

    def _queue(self, route: int) -> float:
        """The most that a place there takes."""
        room = self._rooms[route]
        return QUEUE_SECONDS if room is not None and room.full else 0.0

    def _pause(self, asked: float | None) -> float:
        failures = self._failures[self.route]
        self._failures[self.route] += 1
        if asked is not None:
            return asked
        return min(_FIRST_PAUSE * float(2**failures), _LONGEST_PAUSE) * (0.5 + self._jitter() / 2)
