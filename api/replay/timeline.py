"""The time of a replay: what was recorded happens again when it did, and on the same side of every sign of life."""

from __future__ import annotations

import math

import trio

_STEP = 1e-6
"""Seconds: what comes before a sign of life comes so much before it is due."""


class Timeline:
    """When recorded things happen again.

    A replay computes in no time. What the gateway does at a time of its own, as it does signs of life, it therefore does a
    little earlier than it did, and what came just before one may find itself behind it. So whoever plays something waits
    with `reach`, which knows how many there were before it.

    `origin`: trio's clock when the request came. `keepalive`: seconds from what the client last heard to a sign of life.
    """

    def __init__(self, keepalive: float) -> None:
        self.origin = trio.current_time()
        self._keepalive = keepalive
        self._alive = 0
        self._due = math.inf

    @property
    def now(self) -> float:
        """Seconds since the request came."""
        return trio.current_time() - self.origin

    def began(self) -> None:
        """A route is asked: from the first one on, silence is filled."""
        if self._due == math.inf:
            self.spoke()

    def spoke(self) -> None:
        """The client has heard of the gateway."""
        self._due = self.now + self._keepalive

    def kept_alive(self) -> None:
        """A sign of life was made, which is about to be written."""
        self._alive += 1

    async def reach(self, at: float, alive: int | None = None) -> None:
        """Returns at that time, or now where it is past. `alive`: so many signs of life came before; where the next one
        would come first, this returns before it is due. None: nobody knows."""
        while (now := self.now) < at:
            if alive is None or self._due <= now - _STEP:
                until = at
            elif self._alive < alive:
                until = min(at, self._due + _STEP)
            elif self._due - _STEP <= now:
                break
            else:
                until = min(at, self._due - _STEP)
            await trio.sleep_until(self.origin + until)
        await trio.lowlevel.checkpoint()
