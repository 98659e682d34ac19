"""Requests per minute, by key: token buckets that fill evenly. In memory, of one process."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hyperinfer.nodes.ports import Rate

_FORGET_ABOVE = 10_000
"""Buckets kept before the full ones, which say nothing, are dropped."""


class TokenBuckets:
    """The buckets of all keys."""

    def __init__(self) -> None:
        self._full_at: dict[str, float] = {}  # key to the time at which its bucket is full again
        self._forget_above = _FORGET_ABOVE

    def take(self, key: str, rate: Rate, now: float) -> float | None:
        """Takes a token. None when there was one, else the seconds until there will be. `now`: any steady clock."""
        wait, full_at = self.look(key, rate, now)
        if wait is None:
            self.keep(key, full_at, now)
        return wait

    def keep(self, key: str, full_at: float, now: float) -> None:
        """Takes the token that `look` has found at the same time."""
        self._full_at[key] = full_at
        if len(self._full_at) > self._forget_above:
            self._full_at = {key: full_at for key, full_at in self._full_at.items() if full_at > now}
            self._forget_above = max(_FORGET_ABOVE, 2 * len(self._full_at))

    def look(self, key: str, rate: Rate, now: float) -> tuple[float | None, float]:
        """What `take` would say, taking nothing; and when the bucket would be full again after it."""
        # A bucket is known by when it is full: each token taken puts that off, and no more than `burst` are ever missing,
        # also where more were before the rate was changed.
        seconds_each = 60 / rate.per_minute
        full_at = self._full_at.get(key, now)
        if full_at - now > (rate.burst + 0.001) * seconds_each:
            full_at = self._full_at[key] = now + rate.burst * seconds_each
        full_at = max(full_at, now) + seconds_each
        wait = full_at - now - rate.burst * seconds_each
        return (wait if wait > 1e-9 * seconds_each else None), full_at
