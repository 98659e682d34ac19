"""Requests that came while as many are in flight as may be: they wait a moment for the end of one, the newest first."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

import trio

from hyperinfer.engine import Drain, FullError

if TYPE_CHECKING:
    from hyperinfer.api.edge.exchange import Exchange

PATIENCE: Final = 1.0
"""Seconds that one waits. A client that waits does not ask meanwhile: to be told at once would cost more than it spares."""


class WaitingRoom:
    """Who waits. The newest has the next place: it is answered as soon as any could be, and only those are told that have
    waited in vain, where otherwise all would wait for as long as that."""

    __slots__ = ("waiting",)

    def __init__(self) -> None:
        self.waiting: list[trio.Event] = []
        """The oldest first."""

    async def admit(self, drain: Drain, exchange: Exchange) -> None:
        """`drain.admit` as soon as that can be. Raises `FullError`, `DrainingError`, and `ClientGone` once nobody waits."""
        await exchange.while_there(partial(self._admit, drain))

    async def _admit(self, drain: Drain) -> None:
        with trio.move_on_after(PATIENCE):
            while True:
                try:
                    drain.admit()
                except FullError:
                    await self._wait()
                else:
                    return
        raise FullError("no place has become free in time")

    async def _wait(self) -> None:
        woken = trio.Event()
        self.waiting.append(woken)
        try:
            await woken.wait()
        finally:
            if not woken.is_set():
                self.waiting.remove(woken)

    def wake(self) -> None:
        """A place may be free."""
        if self.waiting:
            self.waiting.pop().set()
