"""The edge into a segment that is not driven by a node of its own: a bounded buffer, and a short cut past it.

While the segment has nothing to do, what is sent to it is handled in the sender's task, up to the first wait; only the rest
of that, if there is any, is left to the segment's own task. So an item that nobody has to wait for costs no switch of
tasks, and a sender is never held up by anything but a full buffer. Both ways the segment handles one item at a time.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, final

import trio

from hyperinfer.engine.clock import NEVER, just_after
from hyperinfer.engine.node import DONE, DownstreamClosed

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from hyperinfer.engine.clock import Clock
    from hyperinfer.engine.node import Sink


@final
class _Place:
    """Where one task waits until it is woken."""

    __slots__ = ("_task",)

    def __init__(self) -> None:
        self._task: trio.lowlevel.Task | None = None

    @property
    def taken(self) -> bool:
        return self._task is not None

    async def wait(self) -> None:
        self._task = trio.lowlevel.current_task()
        await trio.lowlevel.wait_task_rescheduled(self._give_up)

    def _give_up(self, _: object) -> trio.lowlevel.Abort:
        self._task = None
        return trio.lowlevel.Abort.SUCCEEDED

    def wake(self) -> None:
        if self._task is not None:
            task, self._task = self._task, None
            trio.lowlevel.reschedule(task)


class Handover:
    """One sender, one segment behind it, and at most `capacity` items between. With none, a sender is held up by an item
    that the segment has to wait with, for as long as it does: then nothing is held but what the segment holds itself."""

    __slots__ = (
        "_alarm",
        "_capacity",
        "_clock",
        "_due",
        "_ended",
        "_items",
        "_left",
        "_link",
        "_reader",
        "_rest",
        "_sender",
    )

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._items: list[Any] = []
        self._reader, self._sender = _Place(), _Place()
        self._rest: Awaitable[None] | None = None  # of an item that its sender has begun to handle
        self._ended = self._left = False
        self._link: Sink[Any]
        self._clock: Clock = NEVER
        self._alarm: trio.CancelScope
        self._due = math.inf  # when the reader wakes by itself

    # ---- the sender -------------------------------------------------------------------------------------------------

    def send(self, item: Any, /) -> Awaitable[None]:
        """Raises `DownstreamClosed` once nobody reads."""
        if self._reader.taken:
            self._begin(item)
            if self._rest is not None and not self._capacity:
                return self._until_idle()
        elif len(self._items) < self._capacity and not self._left:
            self._items.append(item)
        else:
            return self._send_later(item)
        return DONE

    @property
    def fill(self) -> int:
        """Items in the buffer."""
        return len(self._items)

    @property
    def waiting(self) -> bool:
        """The sender is held up."""
        return self._sender.taken

    @property
    def left(self) -> bool:
        """Nobody reads."""
        return self._left

    def close(self) -> None:
        """Nothing more comes."""
        self._ended = True
        self._reader.wake()

    def _begin(self, item: Any) -> None:
        """Handle an item while the reader waits."""
        try:
            rest = self._link.send(item)
        except BaseException as error:  # one of the segment's, to be raised in its task
            if not self._reader.taken:
                return  # which what failed has cancelled: it raises that
            rest = _raise(error)
        if rest is not DONE:
            self._rest = rest
            self._reader.wake()
            return
        clock = self._clock
        if clock.done:
            self._reader.wake()
        elif clock.due < self._due:
            self._due = clock.due
            self._alarm.deadline = just_after(clock.due)

    async def _send_later(self, item: Any) -> None:
        while not self._left:
            if self._reader.taken:
                self._begin(item)
                del item
                if self._rest is not None and not self._capacity:
                    await self._until_idle()
                return
            if len(self._items) < self._capacity:
                self._items.append(item)
                return
            await self._sender.wait()
        raise DownstreamClosed

    async def _until_idle(self) -> None:
        while not (self._reader.taken or self._left):
            await self._sender.wait()

    # ---- the segment ------------------------------------------------------------------------------------------------

    async def serve(self, link: Sink[Any], clock: Clock = NEVER) -> None:
        """Handle what is sent, by the first link of the segment, until the sender has closed or the clock is done."""
        self._link, self._clock = link, clock
        while not clock.done:
            if self._rest is not None:
                # Before anything else, cancellation included: its beginning was done.
                await self._take_rest()
                continue
            await trio.lowlevel.checkpoint_if_cancelled()
            if self._items:
                item = self._items.pop(0)
                self._sender.wake()
                await link.send(item)
            elif self._ended:
                return
            elif trio.current_time() > clock.due:
                await clock.tick()
            else:
                await self._wait()

    def leave(self) -> None:
        """Nothing more is read."""
        self._left = True
        self._items.clear()
        self._sender.wake()

    def _take_rest(self) -> Awaitable[None]:
        """Kept nowhere any more."""
        rest, self._rest = self._rest, None
        return DONE if rest is None else rest

    async def _wait(self) -> None:
        self._sender.wake()
        if self._clock is NEVER:
            await self._reader.wait()
            return
        self._due = self._clock.due
        with trio.CancelScope(deadline=just_after(self._due)) as self._alarm:
            await self._reader.wait()


async def _raise(error: BaseException) -> None:
    raise error
