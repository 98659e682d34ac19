"""The time that one write to a client may take, and how a drain shortens it while writes are under way."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import trio

if TYPE_CHECKING:
    from collections.abc import Callable, Generator


class WriteDeadline:
    """Seconds that a client may leave a write untaken. One a connection, shared by all that write to it. `late`: to be
    called by who finds that it was left for longer."""

    __slots__ = ("_open", "late", "seconds")

    def __init__(self, seconds: float, late: Callable[[], None] = lambda: None) -> None:
        self.seconds = seconds
        self.late = late
        self._open: list[trio.CancelScope] = []  # mostly none, at most a few

    @contextmanager
    def scope(self, *, shield: bool = False) -> Generator[trio.CancelScope]:
        """A scope that ends `seconds` from now; the writer moves its deadline on when bytes were taken (`extend`)."""
        with trio.CancelScope(deadline=trio.current_time() + self.seconds, shield=shield) as scope:
            self._open.append(scope)
            try:
                yield scope
            finally:
                self._open.remove(scope)

    def extend(self, scope: trio.CancelScope) -> None:
        """Bytes were taken: the time counts from now."""
        scope.deadline = trio.current_time() + self.seconds

    def tighten(self, seconds: float) -> None:
        """From now on writes may take `seconds` only; those under way get no more than that either."""
        self.seconds = min(self.seconds, seconds)
        latest = trio.current_time() + self.seconds
        for scope in self._open:
            scope.deadline = min(scope.deadline, latest)

    @property
    def waiting(self) -> bool:
        """Some write is under way."""
        return bool(self._open)
