"""asyncio clients under trio: one actor for each connection, asked in groups.

An asyncio client works only inside the task tree of its trio-asyncio loop, while requests come from elsewhere. So the
actor is one task of that loop for as long as it runs, and callers wait for an answer, under a deadline of their own where
they have one: who gives up only stops listening. What goes through the loop costs turns of the scheduler, whatever it
holds: everything that waits goes in one group.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, Generic, TypeAlias, TypeVar, final

import outcome
import trio

from hyperinfer.api.store.remote.driver import aio_as_trio, open_loop
from hyperinfer.api.store.remote.overdue import Overdue

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator


Ask = TypeVar("Ask")
Answer = TypeVar("Answer")
Answered: TypeAlias = Callable[["outcome.Outcome[Answer]"], None]

GROUP: Final = 64
"""Asks in a group at most."""
WAITING: Final = 4096
"""Asks that may wait for their group; more are refused at once."""
_PATIENCE: Final = 1.1
"""Of the seconds of a group: so long an ask waits for its answer."""
LEAVE_SECONDS: Final = 1.0
"""For taking leave of a service that may not answer."""


class Busy(Exception):
    """Thousands of asks wait already: the service is away or far too slow."""


@final
class _Listener:
    """A task that waits for an answer, as long as it does."""

    __slots__ = ("_task",)

    def __init__(self) -> None:
        self._task: trio.lowlevel.Task | None = trio.lowlevel.current_task()

    @property
    def waits(self) -> bool:
        """Whether it was neither answered nor cancelled."""
        return self._task is not None

    def answer(self, answer: outcome.Outcome[Any]) -> None:
        """Wakes it up, unless something has."""
        task, self._task = self._task, None
        if task is not None:
            trio.lowlevel.reschedule(task, answer)

    def leave(self, _: object) -> trio.lowlevel.Abort:
        """It was cancelled, and waits no more."""
        self._task = None
        return trio.lowlevel.Abort.SUCCEEDED


@final
class Actor(Generic[Ask, Answer]):
    """Carries out asks, group by group. `perform`: a coroutine function of asyncio, from a group to an answer or an
    exception for each of its asks, in order; what it raises itself is the answer of all.

    `seconds`: so long a group may take; then it is cancelled, and its asks fail with TimeoutError, as does an ask whose turn
    does not come soon after that time. `give_up`: called after
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
        self._waiting: deque[tuple[Ask, Answered[Answer]]] = deque()
        self._group: list[tuple[Ask, Answered[Answer]]] = []
        self._wake: asyncio.Future[None] | None = None
        self._scope = trio.CancelScope()
        self._closed = False
        self._overdue: Overdue[_Listener] = Overdue(seconds * _PATIENCE, self._expire)

    def post(self, ask: Ask, answered: Answered[Answer]) -> None:
        """Sends an ask now, in order with all others. `answered`: called once with the answer, by the actor. Raises Busy."""
        if len(self._waiting) >= WAITING:
            raise Busy("thousands of requests wait for the store")
        self._waiting.append((ask, answered))
        self._awake()

    async def ask(self, ask: Ask) -> Answer:
        """The answer. Raises what the service raised, Busy, or TimeoutError."""
        listener = _Listener()
        self.post(ask, listener.answer)
        self._overdue.begin(listener)
        answer: Answer = await trio.lowlevel.wait_task_rescheduled(listener.leave)
        return answer

    async def run(self) -> None:
        """The actor, until `close`. Inside the bridge."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._overdue.run)
            try:
                while not self._closed or self._waiting:
                    with trio.CancelScope() as self._scope:
                        await aio_as_trio(self._serve)()
                    if self._scope.cancelled_caught:
                        self._give_up()
                        self._tell([TimeoutError(f"the store did not answer within {self._seconds:g} s")] * len(self._group))
            finally:
                with trio.move_on_after(LEAVE_SECONDS, shield=True):
                    await aio_as_trio(self._leave)()
                nursery.cancel_scope.cancel()

    def close(self) -> None:
        """No more asks; those that wait are still carried out."""
        self._closed = True
        self._awake()

    def _expire(self, listener: _Listener) -> None:
        if listener.waits:
            listener.answer(outcome.Error(TimeoutError(f"the store was not heard of for {self._seconds:g} s")))

    def _awake(self) -> None:
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

    # Inside the loop of asyncio ###############################################

    async def _serve(self) -> None:
        """Group after group, until `close`, or until a group has taken too long and the scope is cancelled."""
        while self._waiting or not self._closed:
            if not self._waiting:
                self._wake = asyncio.get_running_loop().create_future()
                await self._wake
                continue
            self._group = [self._waiting.popleft() for _ in range(min(GROUP, len(self._waiting)))]
            self._scope.deadline = trio.current_time() + self._seconds
            answers: Sequence[Answer | Exception]
            try:
                answers = await self._perform([ask for ask, _ in self._group])
            except Exception as error:
                answers = [error] * len(self._group)
            self._scope.deadline = math.inf
            self._tell(answers)
            if self._scope.cancel_called:  # and the client hid it from us
                return

    def _tell(self, answers: Sequence[Answer | Exception]) -> None:
        group, self._group = self._group, []
        for (_, answered), answer in zip(group, answers, strict=True):
            answered(outcome.Error(answer) if isinstance(answer, Exception) else outcome.Value(answer))


@asynccontextmanager
async def open_bridge() -> AsyncGenerator[trio.Nursery]:
    """A nursery inside a loop of asyncio, for actors. What is left in it is cancelled on the way out."""
    async with open_loop(), trio.open_nursery() as nursery:
        yield nursery
        nursery.cancel_scope.cancel()
