"""Reading from a socket without a task: what comes is taken at once, in the task that watches all sockets of the process."""

from __future__ import annotations

import os
from collections.abc import Callable
from math import inf
from typing import Final, Literal, Protocol, TypeAlias

import trio

READ_SIZE: Final = 40 * 1024
"""Bytes that are read at once, and so what a client that is slow makes us hold of its stream, in its own form."""

Heard: TypeAlias = Literal["enough", "end", "silence"]
"""Why something is listened to no longer: who takes it takes no more, nothing more comes, nothing came for too long."""


class Alarm(Protocol):
    """A time that moves on at no cost."""

    due: float
    """Trio's clock. May be put off."""

    def set(self, due: float) -> None: ...

    def end(self) -> None:
        """Calls it off for ever."""
        ...


class Sockets(Protocol):
    """Who watches the sockets of a process, and the clock. The functions it calls must neither wait nor raise."""

    def read(self, descriptor: int, function: Callable[[], None]) -> None:
        """`function` is called while something can be read, the end too."""
        ...

    def forget(self, descriptor: int, function: Callable[[], None]) -> None:
        """No more. To be called before the descriptor is closed; can be called again."""
        ...

    def alarm(self, function: Callable[[], None]) -> Alarm:
        """An alarm that calls `function` once it is due."""
        ...


class Hearing:
    """One time that a socket is listened to, until `take` takes no more or nothing came for `idle` seconds; see
    `Connection.hear`."""

    __slots__ = ("_alarm", "_descriptor", "_error", "_idle", "_silent", "_sockets", "_take", "_task", "_told")

    def __init__(self, sockets: Sockets, descriptor: int, take: Callable[[bytes], bool], idle: float) -> None:
        self._sockets, self._descriptor, self._take, self._idle = sockets, descriptor, take, idle
        self._told = self._read  # one object: it is known by its identity
        self._alarm: Alarm | None = None
        self._task: trio.lowlevel.Task | None = None
        self._error: BaseException | None = None
        self._silent = False

    async def ended(self) -> Heard:
        """Listens. Raises OSError, and what `take` raises."""
        self._task = trio.lowlevel.current_task()
        self._sockets.read(self._descriptor, self._told)
        if self._idle < inf:
            self._alarm = self._sockets.alarm(self._fall_silent)
            self._alarm.set(trio.current_time() + self._idle)
        try:
            await trio.lowlevel.wait_task_rescheduled(self._give_up)
            if self._error is not None:
                raise self._error
        finally:
            if self._alarm is not None:
                self._alarm.end()
            del self._told, self._error  # they hold this, and the task
        return "silence" if self._silent else "enough"

    def end(self, error: BaseException | None) -> None:
        """Ends it, from without too."""
        task, self._task = self._task, None
        if task is not None:
            self._error = error
            self._sockets.forget(self._descriptor, self._told)
            trio.lowlevel.reschedule(task)

    def _read(self) -> None:
        try:
            data = os.read(self._descriptor, READ_SIZE)
            if not self._take(data):
                self.end(None)
            elif self._alarm is not None:
                self._alarm.due = trio.current_time() + self._idle
        except BlockingIOError:
            pass
        except BaseException as error:  # for the task that listens
            self.end(error)

    def _fall_silent(self) -> None:
        # What came was taken, even if the time has passed before the one who listens could be told.
        if self._task is not None:
            self._silent = True
            self.end(None)

    def _give_up(self, _: object) -> trio.lowlevel.Abort:
        self._task = None
        self._sockets.forget(self._descriptor, self._told)
        return trio.lowlevel.Abort.SUCCEEDED
