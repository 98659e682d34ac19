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
        self._buckets: dict[str, tuple[float, float]] = {}  # key to (tokens, when)

    def set_defaults(self, rate_per_minute: int, burst: int) -> None:
        """New values for keys without their own, from the next request on."""
        self._rate, self._burst = rate_per_minute, burst

    def take(self, principal: Principal, now: float) -> float | None:
        """Takes a token. None when there was one, else the seconds until there will be. `now`: any steady clock."""
        rate = (principal.rate_per_minute or self._rate) / 60
        burst = principal.burst or self._burst
        tokens, when = self._buckets.get(principal.key_id, (float(burst), now))
        tokens = min(float(burst), tokens + (now - when) * rate)
        if tokens < 1:
            self._buckets[principal.key_id] = (tokens, now)
            return (1 - tokens) / rate
        self._buckets[principal.key_id] = (tokens - 1, now)
        if len(self._buckets) > _FORGET_ABOVE:
            self._forget(now)
        return None

    def _forget(self, now: float) -> None:
        minute = 120.0
        self._buckets = {key: (tokens, when) for key, (tokens, when) in self._buckets.items() if now - when < minute}
