"""How long a worker that ended is waited for."""

from __future__ import annotations


class Backoff:
    """Seconds to wait before a worker that ended is replaced."""

    STABLE = 10.0
    LONGEST = 5.0

    def __init__(self) -> None:
        self._next = 0.0

    def after(self, lived: float) -> float:
        """`lived`: seconds from the worker's start to its end."""
        delay = 0.0 if lived >= self.STABLE else self._next
        self._next = min(self.LONGEST, max(0.1, delay * 2))
        return delay
