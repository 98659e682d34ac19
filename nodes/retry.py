"""Which route is tried next, and when: the policy of retries and failover. Pure; the clock is the caller's."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from hyperinfer.formats.upstream_errors import UpstreamFault

PATIENCE = 5.0
"""Seconds that all waits of one request may take together (RULES: Errors)."""

_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 2.0

Jitter: TypeAlias = Callable[[], float]
"""A number from 0 to 1."""


class Retrying:
    """The attempts of one request. `route` is the place of the route to try now; `retries`: attempts beyond the first.

    A route that has not been asked yet comes first, in the order given and at once; then the one that may be asked again
    soonest: when its upstream said, or after a pause that doubles with each of its failures.
    """

    def __init__(self, routes: int, *, retries: int, jitter: Jitter) -> None:
        self.route = 0
        self._ready = dict.fromkeys(range(routes), -math.inf)  # when each route that is left may be asked
        self._failures = [0] * routes
        self._retries, self._jitter, self._patience = retries, jitter, PATIENCE

    def unfit(self, now: float) -> float | None:
        """This route cannot express the request: it is left out, and was no attempt. As `failed` otherwise."""
        del self._ready[self.route]
        return self._choose(now)

    def failed(self, fault: UpstreamFault, now: float) -> float | None:
        """This route failed before any output. Seconds to wait before trying `route`, which is another or the same one;
        None when the fault is final. `now`: seconds of any steady clock."""
        if self._retries == 0 or not (fault.retryable or fault.failover):
            return None
        self._retries -= 1
        if fault.retryable:
            self._ready[self.route] = now + self._pause(fault.retry_after)
        else:
            del self._ready[self.route]
        return self._choose(now)

    def _pause(self, asked: float | None) -> float:
        failures = self._failures[self.route]
        self._failures[self.route] += 1
        if asked is not None:
            return asked
        return min(_FIRST_PAUSE * float(2**failures), _LONGEST_PAUSE) * (0.5 + self._jitter() / 2)

    def _choose(self, now: float) -> float | None:
        if not self._ready:
            return None
        self.route = min(self._ready, key=lambda route: max(self._ready[route], now))
        wait = max(0.0, self._ready[self.route] - now)
        if wait > self._patience:
            return None
        self._patience -= wait
        return wait
