"""A virtual clock for asyncio, which has none of its own."""

from __future__ import annotations

import asyncio
import bisect
import selectors
from collections.abc import Callable
from contextvars import Context
from typing import Final, TypeVarTuple

Ts = TypeVarTuple("Ts")

_NEAR: Final = 1e-6


class VirtualEventLoop(asyncio.SelectorEventLoop):
    """An event loop of asyncio whose clock starts at 0 and jumps to the next timer as soon as nothing else is to be done:
    sleeps, timeouts and the pauses of a transport's script are exact and take no time.

        with asyncio.Runner(loop_factory=VirtualEventLoop) as runner:
            runner.run(main())

    As with any virtual clock, nothing may wait outside of the loop: it jumps over what threads and sockets are at.
    """

    def __init__(self) -> None:
        self._now = 0.0
        self._due: list[float] = []
        super().__init__(_JumpingSelector(self._jump))

    def time(self) -> float:
        """Seconds since the loop was made."""
        return self._now

    def call_at(
        self, when: float, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """As of any loop."""
        bisect.insort(self._due, when)
        return super().call_at(when, callback, *args, context=context)

    def _jump(self, seconds: float) -> None:
        # The loop knows how long it is, and rounding makes another instant of that: the very instant is among those due.
        target = self._now + seconds
        del self._due[: bisect.bisect_right(self._due, self._now)]
        place = bisect.bisect_left(self._due, target - _NEAR)
        if place < len(self._due) and self._due[place] <= target + _NEAR:
            target = self._due[place]
        self._now = max(self._now, target)


class _JumpingSelector(selectors.DefaultSelector):
    """Where it would wait for a time, it jumps."""

    def __init__(self, jump: Callable[[float], None]) -> None:
        super().__init__()
        self._jump = jump

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """What is ready; without a timeout it waits, for there is nothing to jump to."""
        if timeout is None:
            return super().select(None)
        ready = super().select(0)
        if not ready and timeout > 0:
            self._jump(timeout)
        return ready
