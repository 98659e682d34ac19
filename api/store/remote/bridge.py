"""asyncio clients under trio: one actor for each connection, asked in groups over a channel.

An asyncio client works only inside the task tree of its trio-asyncio loop, while requests come from elsewhere. So the
actor runs inside (`open_bridge`), and callers wait for an answer, each under a deadline of its own: one that gives up
only stops listening. A call through the loop costs about nine turns of the scheduler, whatever it holds: everything that
waits goes in one group.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final, Generic, TypeVar, final

import outcome
import trio

from hyperinfer.api.store.remote.driver import aio_as_trio, open_loop

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator


Ask = TypeVar("Ask")
Answer = TypeVar("Answer")

GROUP: Final = 64
"""Asks in a group at most."""
WAITING: Final = 4096
"""Asks that may wait for their group; more are refused at once."""
LEAVE_SECONDS: Final = 1.0
"""For taking leave of a service that may not answer."""


class Busy(Exception):
    """Thousands of asks wait already: the service is away or far too slow."""


class _Waiting(Generic[Ask, Answer]):
    __slots__ = ("answered", "ask", "result")

    def __init__(self, ask: Ask) -> None:
        self.ask = ask
        self.answered = trio.Event()
        self.result: outcome.Outcome[Answer] | None = None


@final
class Actor(Generic[Ask, Answer]):
    """Carries out asks, group by group. `perform`: a coroutine function of asyncio, from a group to an answer or an
    exception for each of its asks, in order; what it raises itself is the answer of all.

    `seconds`: so long a group may take; then it is cancelled, and its asks fail with TimeoutError. `give_up`: called after
    that, to drop a connection that may hang. `leave`: a coroutine function of asyncio, awaited at the end, for a second.
    """

    def __init__(
        self,
        perform: Callable[[Sequence[Ask]], Awaitable[Sequence[Answer | Exception]]],
        give_up: Callable[[], None],
        leave: Callable[[], Awaitable[None]],
        *,
        seconds: float,
    ) -> None:
        self._perform, self._give_up, self._leave, self._seconds = perform, give_up, leave, seconds
        self._send, self._receive = trio.open_memory_channel[_Waiting[Ask, Answer]](WAITING)

    async def ask(self, ask: Ask) -> Answer:
        """The answer. Raises what the service raised, Busy, or TimeoutError."""
        return await self.post(ask)()

    def post(self, ask: Ask) -> Callable[[], Awaitable[Answer]]:
        """Sends an ask now, in order with all others; returns how to wait for its answer. Raises Busy."""
        waiting: _Waiting[Ask, Answer] = _Waiting(ask)
        try:
            self._send.send_nowait(waiting)
        except trio.WouldBlock:
            raise Busy("thousands of requests wait for the store") from None

        async def wait() -> Answer:
            await waiting.answered.wait()
            assert waiting.result is not None
            return waiting.result.unwrap()

        return wait

    async def run(self) -> None:
        """The actor, until `close`. Inside the bridge."""
        try:
            await self._serve()
        finally:
            with trio.move_on_after(LEAVE_SECONDS, shield=True):
                await aio_as_trio(self._leave)()

    def close(self) -> None:
        """No more asks; those that wait are still carried out."""
        self._send.close()

    async def _serve(self) -> None:
        async for first in self._receive:
            group = [first]
            while len(group) < GROUP:
                try:
                    group.append(self._receive.receive_nowait())
                except (trio.WouldBlock, trio.EndOfChannel):
                    break
            for waiting, answer in zip(group, await self._answers([w.ask for w in group]), strict=True):
                waiting.result = outcome.Error(answer) if isinstance(answer, Exception) else outcome.Value(answer)
                waiting.answered.set()

    async def _answers(self, asks: list[Ask]) -> Sequence[Answer | Exception]:
        failure: Exception = TimeoutError(f"the store did not answer within {self._seconds:g} s")
        with trio.move_on_after(self._seconds) as scope:
            try:
                return await aio_as_trio(self._perform)(asks)
            except Exception as error:
                failure = error
        if scope.cancelled_caught:
            self._give_up()
        return [failure] * len(asks)


@asynccontextmanager
async def open_bridge() -> AsyncGenerator[trio.Nursery]:
    """A nursery inside a loop of asyncio, for actors. What is left in it is cancelled on the way out."""
    async with open_loop(), trio.open_nursery() as nursery:
        yield nursery
        nursery.cancel_scope.cancel()
