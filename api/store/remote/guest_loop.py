"""A loop of asyncio as a guest of trio's, for clients that know nothing else: it runs in the same thread, for a moment
whenever something in it is due.

`stop` before `run_forever` is one turn, as asyncio documents it: what the sockets have, all that is ready, no waiting. The
waiting is trio's: for the selector, which is a descriptor itself, for timers, and for whoever calls in from trio. What turns
make ready is run at once, so that sending a question and taking an answer are a turn of trio's each, and no more.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final, TypeVar, TypeVarTuple, final

import trio

if TYPE_CHECKING:
    from contextvars import Context

T = TypeVar("T")
_Ts = TypeVarTuple("_Ts")

TURNS: Final = 8
"""Of asyncio's in one of trio's, at most: other tasks have to get on too."""
END_SECONDS: Final = 1.0
"""For tasks of asyncio that are left at the end, and were cancelled."""


@final
class GuestLoop(asyncio.SelectorEventLoop):
    """The loop. Made by `open_loop`. Its clock is trio's."""

    def __init__(self, nursery: trio.Nursery) -> None:
        self._watched = selectors.DefaultSelector()
        self._hosts = nursery
        self._ends: list[trio.CancelScope] = []
        self._due = self._in_turn = False
        self._parked: trio.lowlevel.Task | None = None
        super().__init__(self._watched)
        for host in (self._watch, self._run_due):
            nursery.start_soon(self._host, host)

    def time(self) -> float:
        """By trio's clock."""
        return trio.current_time()

    def call_soon(self, callback: Callable[[*_Ts], object], *args: *_Ts, context: Context | None = None) -> asyncio.Handle:
        """See asyncio."""
        self._due = True
        self._wake()
        return super().call_soon(callback, *args, context=context)

    def call_at(
        self, when: float, callback: Callable[[*_Ts], object], *args: *_Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """See asyncio."""
        self._hosts.start_soon(self._host, self._run_at, when)
        return super().call_at(when, callback, *args, context=context)

    def run_now(self, callback: Callable[[], object]) -> None:
        """Calls it, and runs what it makes ready, without waiting for the next turn of trio's. From a task of trio's."""
        self._in_turn = True
        try:
            callback()
        finally:
            self._in_turn = False
        self._turn()

    async def wait(self, work: Coroutine[Any, Any, T]) -> T:
        """What a coroutine of asyncio's returns, in a task of its own; it is cancelled when we are. trio."""
        waiting = trio.lowlevel.current_task()
        task = self.create_task(work)
        task.add_done_callback(lambda _: trio.lowlevel.reschedule(waiting))
        cancel: Callable[[], object] | None = None

        def abort(raise_cancel: Callable[[], object]) -> trio.lowlevel.Abort:
            nonlocal cancel
            cancel = raise_cancel
            task.cancel()
            return trio.lowlevel.Abort.FAILED

        await trio.lowlevel.wait_task_rescheduled(abort)
        if cancel is not None and task.cancelled():
            cancel()
        return task.result()

    async def end(self) -> None:
        """Cancels what is left in it, and closes it."""
        with trio.CancelScope(shield=True):
            with trio.move_on_after(END_SECONDS):
                tasks = asyncio.all_tasks(self)
                for task in tasks:
                    task.cancel()
                if tasks:
                    await self.wait(_all_of(tasks))
                await self.wait(self.shutdown_asyncgens())
            for scope in self._ends:
                scope.cancel()
            self._ends.clear()
            await trio.lowlevel.checkpoint()
        self.close()

    # Inside ###################################################################

    def _turn(self) -> None:
        self._in_turn = True
        try:
            for _ in range(TURNS):
                self._due = False
                self.stop()
                self.run_forever()
                if not self._due:
                    return
        finally:
            self._in_turn = False
        self._wake()

    def _wake(self) -> None:
        if self._parked is not None and not self._in_turn:
            parked, self._parked = self._parked, None
            trio.lowlevel.reschedule(parked)

    async def _host(self, work: Callable[..., Coroutine[Any, Any, None]], *args: Any) -> None:
        # Whoever takes leave of a server when all is cancelled needs the loop to the end.
        with trio.CancelScope(shield=True) as scope:
            self._ends.append(scope)
            await work(*args)
            self._ends.remove(scope)

    async def _watch(self) -> None:
        while True:
            await trio.lowlevel.wait_readable(self._watched)
            self._turn()

    async def _run_due(self) -> None:
        while True:
            if self._due:
                await trio.lowlevel.checkpoint()
            else:
                self._parked = trio.lowlevel.current_task()
                await trio.lowlevel.wait_task_rescheduled(self._unpark)
            self._turn()

    def _unpark(self, _: object) -> trio.lowlevel.Abort:
        self._parked = None
        return trio.lowlevel.Abort.SUCCEEDED

    async def _run_at(self, when: float) -> None:
        await trio.sleep_until(when)
        self._turn()


_current: ContextVar[GuestLoop] = ContextVar("guest_loop")


def current_loop() -> GuestLoop:
    """The loop that the task is in. Raises RuntimeError for none."""
    try:
        return _current.get()
    except LookupError:
        raise RuntimeError("there is no loop of asyncio here: see open_loop") from None


@asynccontextmanager
async def open_loop() -> AsyncGenerator[GuestLoop]:
    """A loop of asyncio, for as long as the block runs, and for the tasks that are begun inside."""
    async with trio.open_nursery() as nursery:
        loop = GuestLoop(nursery)
        before = _current.set(loop)
        try:
            yield loop
        finally:
            _current.reset(before)
            await loop.end()


async def in_asyncio(function: Callable[..., Coroutine[Any, Any, T]], *args: Any) -> T:
    """What a coroutine function of asyncio's returns, in the loop that the task is in. trio."""
    return await current_loop().wait(function(*args))


async def _all_of(tasks: set[asyncio.Task[Any]]) -> None:
    await asyncio.gather(*tasks, return_exceptions=True)
