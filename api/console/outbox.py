"""What is told to whoever watches a request: a JSON object a line, in the order in which things happened.

Bounded, however slowly it is read: who writes what must not be lost waits for room, and of what only counts as it stands
now, the latest is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import inf
from typing import Any, Final

import msgspec
import trio

ROOM: Final = 64 * 1024
"""Bytes that may wait to be read. One who writes more at once is told to wait after it."""
INTERVAL: Final = 0.05
"""Seconds between two lines about the same thing."""
SILENCE: Final = 15.0
"""Seconds after which a line says that we are still there: what stands between us and the browser may think otherwise."""

_encode: Final = msgspec.json.Encoder().encode


@dataclass(slots=True)
class _Standing:
    """How something stands. `line` makes the line about it; None where the last one is still true."""

    line: Callable[[], Mapping[str, Any]] | None
    due: float


class Outbox:
    """Lines on their way. `at` of each line: seconds since this was made, in a trio run; when it was said, unless the line
    knows better."""

    def __init__(self) -> None:
        self.began = trio.current_time()
        self._lines: list[bytes] = []
        self._size = 0
        self._standing: dict[object, _Standing] = {}
        self._last: Mapping[str, Any] | None = None
        self._over = False
        self._news = trio.Event()
        self._read = trio.Event()

    @property
    def at(self) -> float:
        """Seconds since it began, to the microsecond."""
        return round(trio.current_time() - self.began, 6)

    def say(self, line: Mapping[str, Any]) -> None:
        """A line that is not lost. Whoever may say many of them waits for `room` after each."""
        data = _encode({"at": self.at, **line})
        self._lines.append(data)
        self._size += len(data) + 1
        self._news.set()

    def stands(self, key: object, line: Callable[[], Mapping[str, Any]]) -> None:
        """Something is otherwise than it was. It is told at once, or as soon as that has not been for so long; what changes
        until then is one line."""
        standing = self._standing.get(key)
        if standing is None:
            self._standing[key] = _Standing(line, -inf)
        else:
            standing.line = line
        self._news.set()

    @property
    def room(self) -> bool:
        """Whether more may be said."""
        return self._size < ROOM

    async def wait_room(self) -> None:
        """Until there is."""
        while not self.room:
            await self._read.wait()

    def end(self, line: Mapping[str, Any]) -> None:
        """The last line, after everything else that is left to be told."""
        self._last = line
        self._news.set()

    def __aiter__(self) -> Outbox:
        return self

    async def __anext__(self) -> bytes:
        """The lines that are due, as soon as there are any."""
        told = trio.current_time()
        while True:
            now = trio.current_time()
            self._tell_standing(now)
            if self._last is not None and not self._over:
                self._over = True
                self.say(self._last)
            if self._lines:
                return self._taken()
            if self._over:
                raise StopAsyncIteration
            self._news = trio.Event()
            due = min((each.due for each in self._standing.values() if each.line is not None), default=inf)
            with trio.move_on_at(min(due, told + SILENCE)):
                await self._news.wait()
            if trio.current_time() >= told + SILENCE:
                self.say({"kind": "alive"})

    def _tell_standing(self, now: float) -> None:
        for each in self._standing.values():
            if each.line is not None and (each.due <= now or self._last is not None):
                self.say(each.line())
                each.line, each.due = None, now + INTERVAL

    def _taken(self) -> bytes:
        taken = b"\n".join(self._lines) + b"\n"
        self._lines.clear()
        self._size = 0
        self._read.set()
        self._read = trio.Event()
        return taken
