"""How many requests each key has under way in one worker, where `limits.in_flight_per_key` limits that."""

from __future__ import annotations

from hyperinfer.engine import Failure


class KeyPlaces:
    """Who was let in leaves again, whatever happens. `most`: of one key at once; None: any number. It may be changed at any
    time; who is in then stays."""

    __slots__ = ("_taken", "most")

    def __init__(self, most: int | None = None) -> None:
        self.most = most
        self._taken: dict[str, int] = {}

    @property
    def taken(self) -> int:
        """Of all keys together."""
        return sum(self._taken.values())

    def enter(self, key: str) -> Failure | None:
        """None when the request is in."""
        taken = self._taken.get(key, 0)
        if self.most is not None and taken >= self.most:
            message = f"This key may have {self.most} requests under way at once, and has: wait for one to end."
            return Failure("rate_limit_exceeded", message, retry_after=1.0)
        self._taken[key] = taken + 1
        return None

    def leave(self, key: str) -> None:
        """A request of this key is over."""
        if self._taken[key] == 1:
            del self._taken[key]
        else:
            self._taken[key] -= 1
