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


@final
class _Asked(Generic[Ask, Answer]):
    __slots__ = ("answered", "ask")

    def __init__(self, ask: Ask, answered: Callable[[outcome.Outcome[Answer]], None]) -> None:
        self.ask, self.answered = ask, answered


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
        self._send, self._receive = trio.open_memory_channel[_Asked[Ask, Answer]](WAITING)

    def post(self, ask: Ask, answered: Callable[[outcome.Outcome[Answer]], None]) -> None:
        """Sends an ask now, in order with all others. `answered`: called once with the answer, by the actor. Raises Busy."""
        try:
            self._send.send_nowait(_Asked(ask, answered))
        except trio.WouldBlock:
            raise Busy("thousands of requests wait for the store") from None

    async def ask(self, ask: Ask) -> Answer:
        """The answer. Raises what the service raised, Busy, or TimeoutError."""
        task: trio.lowlevel.Task | None = trio.lowlevel.current_task()

        def answered(answer: outcome.Outcome[Answer]) -> None:
            nonlocal task
            if task is not None:
                trio.lowlevel.reschedule(task, answer)
                task = None

        def stop_listening(_: object) -> trio.lowlevel.Abort:
            nonlocal task
            task = None
            return trio.lowlevel.Abort.SUCCEEDED

        self.post(ask, answered)
        answer: Answer = await trio.lowlevel.wait_task_rescheduled(stop_listening)
        return answer

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
            for asked, answer in zip(group, await self._answers([asked.ask for asked in group]), strict=True):
                asked.answered(outcome.Error(answer) if isinstance(answer, Exception) else outcome.Value(answer))

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
