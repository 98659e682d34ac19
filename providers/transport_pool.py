"""Idle connections, kept by origin.

The pool holds only connections whose last exchange was complete, clean and uncancelled; who gives one back has checked
that. The last one given back is taken first, so that after a burst the others age and go.
"""

import math
from collections import deque

from hyperinfer.providers.transport_connection import Connection, Origin


class Pool:
    """At most `max_idle` idle connections an origin, none older than `idle_seconds`. Times (seconds) are passed in."""

    __slots__ = ("_idle", "_idle_seconds", "_max_idle", "_swept_at")

    def __init__(self, *, max_idle: int, idle_seconds: float) -> None:
        self._idle: dict[Origin, deque[Connection]] = {}
        self._max_idle = max_idle
        self._idle_seconds = idle_seconds
        self._swept_at = -math.inf

    def __len__(self) -> int:
        return sum(map(len, self._idle.values()))

    def take(self, origin: Origin, now: float) -> Connection | None:
        """The freshest idle connection that still looks alive. Dead and aged ones are closed on the way."""
        idle = self._idle.get(origin)
        if not idle:
            return None
        if now - idle[0].idle_since > self._idle_seconds:
            self._close_aged(idle, now)
        while idle:
            connection = idle.pop()
            if not connection.has_news():
                return connection
            connection.close()
        return None

    def put(self, connection: Connection, now: float) -> None:
        """Keeps a clean connection, or closes the one that has been idle longest in its favour."""
        connection.idle_since = now
        idle = self._idle.get(connection.origin)
        if idle is None:
            idle = self._idle[connection.origin] = deque()
        idle.append(connection)
        if now - idle[0].idle_since > self._idle_seconds:
            self._close_aged(idle, now)
        if now - self._swept_at > self._idle_seconds:
            self._sweep(now)
        while len(idle) > self._max_idle:
            idle.popleft().close()

    def close_to(self, origin: Origin) -> None:
        """Closes the idle connections to one origin."""
        for connection in self._idle.pop(origin, ()):
            connection.close()

    def close(self) -> None:
        """Closes every idle connection."""
        for idle in self._idle.values():
            for connection in idle:
                connection.close()
        self._idle.clear()

    def _sweep(self, now: float) -> None:
        """Origins that are asked no more, as after a change of the catalogue, would keep their last connections for ever."""
        self._swept_at = now
        for idle in self._idle.values():
            self._close_aged(idle, now)
        self._idle = {origin: idle for origin, idle in self._idle.items() if idle}

    def _close_aged(self, idle: deque[Connection], now: float) -> None:
        while idle and now - idle[0].idle_since > self._idle_seconds:
            idle.popleft().close()
