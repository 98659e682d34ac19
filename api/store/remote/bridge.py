"""asyncio clients under trio: one actor for each connection, asked in groups.

An asyncio client works only inside its own loop, while requests come from elsewhere. So the actor is one task of that loop
for as long as it runs, and callers wait for an answer, under a deadline of their own where they have one: who gives up only
stops listening. A group costs about the same whatever it holds, the servers too: everything that waits goes in one, and
where many ask, it waits until no more of them come.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, Generic, TypeAlias, TypeVar, final

import outcome
import trio

from hyperinfer.api.store.remote.guest_loop import current_loop, in_asyncio, open_loop
from hyperinfer.api.store.remote.overdue import Overdue

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator


Ask = TypeVar("Ask")
Answer = TypeVar("Answer")
Answered: TypeAlias = Callable[["Answer | Exception"], None]

GROUP: Final = 64
"""Asks in a group at most."""
WAITING: Final = 4096
"""Asks that may wait for their group; more are refused at once."""
_PATIENCE: Final = 1.1
"""Of the seconds of a group: so long an ask waits for its answer."""
LEAVE_SECONDS: Final = 1.0
"""For taking leave of a service that may not answer."""
GATHER_SECONDS: Final = 0.002
"""So long a group waits for others to come at most, beside a loop that is busy; beside an idle one some turns of it."""
_QUIET_TURNS: Final = 3
"""Turns in which nobody came: then no more do for now."""
LATER_SECONDS: Final = 0.005
"""So long what can wait for the next group waits for it."""


class Busy(Exception):
    """Thousands of asks wait already: the service is away or far too slow."""


@final
class Listener:
    """A task that waits for an answer, as long as it does: `await trio.lowlevel.wait_task_rescheduled(listener.leave)`."""

    __slots__ = ("_task",)

    def __init__(self) -> None:
        self._task: trio.lowlevel.Task | None = trio.lowlevel.current_task()

    @property
    def waits(self) -> bool:
        """Whether it was neither answered nor cancelled."""
        return self._task is not None

    def answer(self, answer: object) -> None:
        """Wakes it up, unless something has."""
        task, self._task = self._task, None
        if task is not None:
            trio.lowlevel.reschedule(task, outcome.Error(answer) if isinstance(answer, Exception) else outcome.Value(answer))

    def leave(self, _: object) -> trio.lowlevel.Abort:
        """It was cancelled, and waits no more."""
        self._task = None
        return trio.lowlevel.Abort.SUCCEEDED


@final
class Actor(Generic[Ask, Answer]):
    """Carries out asks, group by group. `perform`: a coroutine function of asyncio, from a group to an answer or an
    exception for each of its asks, in order; what it raises itself is the answer of all.

    `seconds`: so long a group may take; then it is cancelled, and its asks fail with TimeoutError, as does an ask whose turn
    does not come soon after that time. `give_up`: called after that, to drop a connection that may hang. `leave`: a
    coroutine function of asyncio, awaited at the end, for a second.

    before_group, after_group: called before a group is sent, and when it was answered, before whoever waits goes on.
    """

    def __init__(
        self,
        perform: Callable[[Sequence[Ask]], Awaitable[Sequence[Answer | Exception]]],
        give_up: Callable[[], None],
        leave: Callable[[], Coroutine[Any, Any, None]],
        *,
        seconds: float,
    ) -> None:
        self._perform, self._give_up, self._leave, self._seconds = perform, give_up, leave, seconds
        self.before_group: Callable[[], None] = _nothing
        self.after_group: Callable[[], None] = _nothing
        self._waiting: deque[tuple[Ask, Answered[Answer]]] = deque()
        self._group: list[tuple[Ask, Answered[Answer]]] = []
        self._begin: asyncio.Future[None] | None = None  # while no group is under way
        self._urgent = 0  # of those that wait
        self._crowded = False  # the last group had several of them
        self._gatherer: trio.lowlevel.Task | None = None  # while it has nothing to do
        self._later = trio.Event()
        self._scope = trio.CancelScope()
        self._closed = False
        self._overdue: Overdue[Listener] = Overdue(seconds * _PATIENCE, self._expire)

    def post(self, ask: Ask, answered: Answered[Answer]) -> None:
        """Sends an ask, in order with all others. `answered`: called once with the answer, by the actor. Raises Busy."""
        self._append(ask, answered)
        self._urgent += 1
        self._awake()

    def post_later(self, ask: Ask, answered: Answered[Answer]) -> None:
        """The same, but nobody waits for it: it is sent with what comes next, or after a moment."""
        self._append(ask, answered)
        self._later.set()

    async def ask(self, ask: Ask, told: Answered[Answer] | None = None) -> Answer:
        """The answer. Raises what the service raised, Busy, or TimeoutError. `told`: called with it by the actor, also when
        nobody waits any more."""
        listener = Listener()
        self.post(ask, listener.answer if told is None else _both(told, listener.answer))
        self._overdue.begin(listener)
        answer: Answer = await trio.lowlevel.wait_task_rescheduled(listener.leave)
        return answer

    async def run(self) -> None:
        """The actor, until `close`. Inside the bridge."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._overdue.run)
            nursery.start_soon(self._gather_groups)
            nursery.start_soon(self._send_later)
            try:
                while not self._closed or self._waiting:
                    with trio.CancelScope() as self._scope:
                        await in_asyncio(self._serve)
                    if self._scope.cancelled_caught:
                        self._give_up()
                        self._tell([TimeoutError(f"the store did not answer within {self._seconds:g} s")] * len(self._group))
            finally:
                with trio.move_on_after(LEAVE_SECONDS, shield=True):
                    await in_asyncio(self._leave)
                nursery.cancel_scope.cancel()

    def close(self) -> None:
        """No more asks; those that wait are still carried out."""
        self._closed = True
        self._awake()

    def _append(self, ask: Ask, answered: Answered[Answer]) -> None:
        if len(self._waiting) >= WAITING:
            raise Busy("thousands of requests wait for the store")
        self._waiting.append((ask, answered))

    def _expire(self, listener: Listener) -> None:
        if listener.waits:
            listener.answer(TimeoutError(f"the store was not heard of for {self._seconds:g} s"))

    def _awake(self) -> None:
        """A group is to begin, now or soon, unless one is under way."""
        if not self._crowded or self._closed:
            self._start()
        elif self._begin is not None and self._gatherer is not None:
            gatherer, self._gatherer = self._gatherer, None
            trio.lowlevel.reschedule(gatherer)

    def _start(self) -> None:
        if self._begin is not None and not self._begin.done():
            self._begin.set_result(None)

    def _no_gatherer(self, _: object) -> trio.lowlevel.Abort:
        self._gatherer = None
        return trio.lowlevel.Abort.SUCCEEDED

    async def _gather_groups(self) -> None:
        loop = current_loop()
        while True:
            if self._begin is None or self._begin.done() or not self._urgent:
                self._gatherer = trio.lowlevel.current_task()
                await trio.lowlevel.wait_task_rescheduled(self._no_gatherer)
            until, known, quiet = trio.current_time() + GATHER_SECONDS, len(self._waiting), 0
            while quiet < _QUIET_TURNS and known < GROUP and trio.current_time() < until:
                await trio.lowlevel.checkpoint()
                quiet = quiet + 1 if len(self._waiting) == known else 0
                known = len(self._waiting)
            loop.run_now(self._start)

    async def _send_later(self) -> None:
        while True:
            await self._later.wait()
            self._later = trio.Event()
            await trio.sleep(LATER_SECONDS)
            if self._waiting:
                self._awake()

    # Inside the loop of asyncio ###############################################

    async def _serve(self) -> None:
        """Group after group, until `close`, or until a group has taken too long and the scope is cancelled."""
        while self._waiting or not self._closed:
            if self._crowded or not self._urgent:
                self._begin = asyncio.get_running_loop().create_future()
                if self._urgent or self._closed:
                    self._awake()
                await self._begin
                self._begin = None
            self._group = [self._waiting.popleft() for _ in range(min(GROUP, len(self._waiting)))]
            self._crowded, self._urgent = self._urgent > 1, len(self._waiting)
            if not self._group:
                continue
            self._scope.deadline = trio.current_time() + self._seconds
            answers: Sequence[Answer | Exception]
            self.before_group()
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
            answered(answer)
        self.after_group()


def _nothing() -> None:
    """What is to be done where nobody has said."""


def _both(first: Callable[[Any], None], second: Callable[[Any], None]) -> Callable[[Any], None]:
    def both(answer: object) -> None:
        first(answer)
        second(answer)

    return both


@asynccontextmanager
async def open_bridge() -> AsyncGenerator[trio.Nursery]:
    """A nursery inside a loop of asyncio, for actors. What is left in it is cancelled on the way out."""
    async with open_loop(), trio.open_nursery() as nursery:
        yield nursery
        nursery.cancel_scope.cancel()
