"""What a worker's connections are told without a task of their own: that something can be read, that a time has come."""

from __future__ import annotations

import heapq
import itertools
import logging
import select
import sys
from contextlib import suppress
from math import inf
from typing import TYPE_CHECKING

import trio

if TYPE_CHECKING:
    from collections.abc import Callable


log = logging.getLogger("hyperinfer.edge")

KEPT = 256
"""Times of alarms that have ended, which are kept until there are more of them than of others."""


class Alarm:
    """One time, which moves on without any cost: it is looked at when the one before it has come.

    `function` is called once `due` has come, which then is `inf`. It must neither wait nor raise.
    """

    __slots__ = ("_armed", "_function", "_watch", "due")

    def __init__(self, watch: Watch, function: Callable[[], None]) -> None:
        self._watch = watch
        self._function: Callable[[], None] | None = function
        self._armed = inf
        self.due = inf
        """To be put off or called off (`inf`) by whoever likes; `set` where it may be nearer than it was."""

    def set(self, due: float) -> None:
        """Moves it, nearer too."""
        self.due = due
        before = self._armed
        if due < before:
            self._armed = due
            if before < inf:
                self._watch.disarm()
            self._watch.arm(due, self)

    def end(self) -> None:
        """Calls it off for ever, and lets the function go."""
        self.due, self._function = inf, None
        if self._armed < inf:
            self._armed = inf
            self._watch.disarm()

    def is_armed_for(self, due: float) -> bool:
        """For the watch."""
        return self._armed == due

    def come(self, armed: float, now: float) -> None:
        """For the watch: a time has come for which this one was armed."""
        if armed != self._armed:
            return  # it was armed for a nearer time since
        self._armed = inf
        if now < self.due:
            if self.due < inf:
                self.set(self.due)
        elif self._function is not None:
            self.due = inf
            try:
                self._function()
            except (Exception, SystemExit):  # a bug, which is not to end all the others
                log.exception("an alarm failed")


class Watch:
    """The times and the sockets of a worker's connections. One for each worker, whose `run` tells them.

    Sockets are watched where the machine has epoll: all of them by one descriptor, which is what the event loop waits for. A
    socket that is watched costs no system call and no turn of a task for each time that something comes.
    """

    def __init__(self) -> None:
        self._times: list[tuple[float, int, Alarm]] = []
        self._count = itertools.count()
        self._useless = 0
        self._sleep = trio.CancelScope()
        self._readers: dict[int, Callable[[], object]] = {}
        self._sockets: select.epoll | None = None if sys.platform != "linux" else select.epoll()

    async def run(self) -> None:
        """Tells all of them, until it is cancelled."""
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._tell_times)
                if self._sockets is not None:
                    nursery.start_soon(self._tell_readers, self._sockets)
        finally:
            if self._sockets is not None:
                self._sockets.close()

    # Times

    def alarm(self, function: Callable[[], None]) -> Alarm:
        """An alarm that is not set."""
        return Alarm(self, function)

    def arm(self, due: float, alarm: Alarm) -> None:
        """For alarms."""
        heapq.heappush(self._times, (due, next(self._count), alarm))
        if due < self._sleep.deadline:
            self._sleep.deadline = due

    def disarm(self) -> None:
        """For alarms: one of the times is of no use any more. When most are not, they are let go."""
        self._useless += 1
        if self._useless > KEPT and self._useless * 2 > len(self._times):
            self._times[:] = [time for time in self._times if time[2].is_armed_for(time[0])]
            heapq.heapify(self._times)
            self._useless = 0

    async def _tell_times(self) -> None:
        times = self._times
        while True:
            with trio.CancelScope(deadline=times[0][0] if times else inf) as self._sleep:
                await trio.sleep_forever()
            now = trio.current_time()
            while times and times[0][0] <= now:
                armed, _, alarm = heapq.heappop(times)
                self._useless -= not alarm.is_armed_for(armed)
                alarm.come(armed, now)

    # Sockets

    @property
    def watches_sockets(self) -> bool:
        """Whether the machine can. Where it cannot, each connection needs a task that waits."""
        return self._sockets is not None

    @property
    def watched(self) -> int:
        """How many sockets are watched."""
        return len(self._readers)

    def read(self, descriptor: int, function: Callable[[], object]) -> None:
        """`function` is called while something can be read, the end too. It must neither wait nor raise."""
        assert self._sockets is not None
        self._readers[descriptor] = function
        self._sockets.register(descriptor, select.EPOLLIN)

    def pause(self, descriptor: int, *, paused: bool) -> None:
        """While `paused`, the function of a socket is called only once its peer has left, whatever lies there unread."""
        assert self._sockets is not None
        self._sockets.modify(descriptor, select.EPOLLRDHUP if paused else select.EPOLLIN)

    def forget(self, descriptor: int, function: Callable[[], object]) -> None:
        """To be called before somebody else may get the number of a descriptor that was closed. Can be called again."""
        if self._readers.get(descriptor) is function:
            del self._readers[descriptor]
            with suppress(OSError, ValueError):  # it was closed, or the watch has ended
                assert self._sockets is not None
                self._sockets.unregister(descriptor)

    async def _tell_readers(self, sockets: select.epoll) -> None:
        descriptor, reader_of = sockets.fileno(), self._readers.get
        while True:
            await trio.lowlevel.wait_readable(descriptor)
            for ready, _ in sockets.poll(0):
                # One of those before it may have ended it.
                if (reader := reader_of(ready)) is not None:
                    try:
                        reader()
                    except (Exception, SystemExit):  # as of an alarm; it would be called at once again
                        log.exception("a reader of a socket failed")
                        self.forget(ready, reader)
