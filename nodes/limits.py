"""Requests per minute, by key: a token bucket that fills evenly."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hyperinfer.nodes.ports import Principal

_FORGET_ABOVE = 10_000
"""Buckets kept before the full ones, which say nothing, are dropped."""


class RateLimits:
    """Token buckets in memory, of one process. `rate_per_minute` and `burst` hold for keys without their own."""

    def __init__(self, rate_per_minute: int, burst: int) -> None:
        self._rate, self._burst = rate_per_minute, burst
        self._full_at: dict[str, float] = {}  # key to the time at which its bucket is full again
        self._forget_above = _FORGET_ABOVE

    def set_defaults(self, rate_per_minute: int, burst: int) -> None:
        """New values for keys without their own, from the next request on."""
        self._rate, self._burst = rate_per_minute, burst

    def take(self, principal: Principal, now: float) -> float | None:
        """Takes a token. None when there was one, else the seconds until there will be. `now`: any steady clock."""
        seconds_each = 60 / (principal.rate_per_minute or self._rate)
        burst = principal.burst or self._burst
        # A bucket is known by when it is full: each token taken puts that off, and no more than `burst` are ever missing.
        full_at = max(self._full_at.get(principal.key_id, now), now) + seconds_each
        wait = full_at - now - burst * seconds_each
        if wait > 1e-9 * seconds_each:
            return wait
        self._full_at[principal.key_id] = full_at
        if len(self._full_at) > self._forget_above:
            self._full_at = {key: full_at for key, full_at in self._full_at.items() if full_at > now}
            self._forget_above = max(_FORGET_ABOVE, 2 * len(self._full_at))
        return None
