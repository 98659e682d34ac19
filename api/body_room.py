"""How many bytes of request bodies a worker holds at once. Those that find no room wait, unread, and are then told."""

from __future__ import annotations

import math
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Final

import trio

from hyperinfer.engine import Failure

if TYPE_CHECKING:
    from hyperinfer.api.edge.exchange import Exchange

FREE: Final = 64 * 1024
"""A body of no more bytes needs no room: about as much is read of any before it is asked for."""

PATIENCE: Final = 10.0
"""Seconds that one waits for room."""

_NO_ROOM = Failure(
    "provider_overloaded",
    "The gateway holds as many bytes of requests as it takes at once; try again in ten seconds.",
    retry_after=PATIENCE,
)


class _Waiting:
    __slots__ = ("admitted", "name", "size")

    def __init__(self, name: str, size: int) -> None:
        self.name, self.size = name, size
        self.admitted = trio.Event()


class BodyRoom:
    """Room for `most` bytes, first come first served. It may be changed at any time; who is in then stays. A single body
    larger than that has its turn when there is no other.

    Each is in from before it is read to the end of its request, which holds what it says, in one form or another.
    """

    __slots__ = ("_sizes", "_waiting", "held", "most")

    def __init__(self, most: float = math.inf) -> None:
        self.most = most
        self.held = 0
        self._sizes: dict[str, int] = {}
        self._waiting: deque[_Waiting] = deque()

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._waiting)

    async def enter(self, name: str, size: int, exchange: Exchange) -> Failure | None:
        """None when a body of so many bytes, or of at most as many, is in. Raises `ClientGone`."""
        if not self._waiting and self._fits(size):
            self._admit(name, size)
            return None
        return await exchange.while_there(partial(self._wait, _Waiting(name, size)))

    async def _wait(self, waiting: _Waiting) -> Failure | None:
        self._waiting.append(waiting)
        try:
            with trio.move_on_after(PATIENCE):
                await waiting.admitted.wait()
        finally:
            if not waiting.admitted.is_set():
                self._waiting.remove(waiting)
                self._look()  # it may have been in the way of a smaller one
        return None if waiting.admitted.is_set() else _NO_ROOM

    def correct(self, name: str, size: int) -> None:
        """It is here, and has so many bytes."""
        if size <= FREE:
            self.leave(name)
            return
        self.held += size - self._sizes[name]
        self._sizes[name] = size
        self._look()

    def leave(self, name: str) -> None:
        """Its request is over. Also of one that never was in."""
        size = self._sizes.pop(name, 0)
        if size:
            self.held -= size
            self._look()

    def _fits(self, size: int) -> bool:
        return self.held + size <= self.most or not self._sizes

    def _admit(self, name: str, size: int) -> None:
        self._sizes[name] = size
        self.held += size

    def _look(self) -> None:
        while self._waiting and self._fits(self._waiting[0].size):
            waiting = self._waiting.popleft()
            self._admit(waiting.name, waiting.size)
            waiting.admitted.set()
