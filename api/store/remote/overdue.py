"""What takes too long, where thousands of things a second may and hardly one does: one timer for all of them. A deadline of
its own for each would cost a tenth of what a request costs the shared store.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final, Generic, TypeVar, final

import trio

T = TypeVar("T")

_PART: Final = 0.05
"""Of its seconds, by which it may be told later: so that many are told at once."""


@final
class Overdue(Generic[T]):
    """Calls `tell` with what was begun `seconds` ago, finished or not: who is told knows. By trio's clock."""

    def __init__(self, seconds: float, tell: Callable[[T], None]) -> None:
        self._seconds, self._tell = seconds, tell
        self._begun: deque[tuple[float, T]] = deque()

    def begin(self, what: T) -> None:
        """From now on its time runs."""
        self._begun.append((trio.current_time() + self._seconds, what))

    async def run(self) -> None:
        """Forever."""
        while True:
            now = trio.current_time()
            while self._begun and self._begun[0][0] <= now:
                self._tell(self._begun.popleft()[1])
            # What begins while we sleep is not due before we wake.
            due = self._begun[0][0] if self._begun else now + self._seconds
            await trio.sleep_until(max(due, now + self._seconds * _PART))
