"""What goes to the writer's process, in groups.

A write to its socket wakes the writer, which takes the core from us where there is one for both, and makes a transaction of
what has come: of a single record, where the next would have come a moment later. So records wait for one another, as long as
each turn of the event loop brings more of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

import trio

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

GROUP: Final = 32
"""So many wait for no more."""
HELD_SECONDS: Final = 0.002
"""The longest that a record waits for others. A turn of a loop that is busy takes a third of it."""


@final
class Outbox:
    """Frames on their way to a socket, in order. `more`: whether others may follow at any moment. `clock`: in seconds."""

    def __init__(self, more: Callable[[], bool], clock: Callable[[], float] = trio.current_time) -> None:
        self._more, self._clock = more, clock
        self._frames: list[bytes] = []
        self._unsent = b""  # of a group that the socket had no room for
        self._socket: socket.socket | None = None
        self._parked: trio.lowlevel.Task | None = None

    def put(self, data: bytes) -> None:
        """Take a frame. It is sent at once if none is likely to follow, else by the task that is in `run`."""
        self._frames.append(data)
        if self._socket is not None and not self._unsent and (len(self._frames) >= GROUP or not self._more()):
            self._send(self._socket)
        if self._parked is not None and (self._frames or self._unsent):
            task, self._parked = self._parked, None
            trio.lowlevel.reschedule(task)

    def clear(self) -> None:
        """Forget what is not sent yet."""
        self._frames.clear()
        self._unsent = b""

    async def run(self, ours: socket.socket) -> None:
        """Send what is put, until cancelled. `ours`: connected, never blocking."""
        self._socket = ours
        try:
            while True:
                if self._unsent:
                    await trio.lowlevel.wait_writable(ours)
                    self._send(ours)
                elif self._frames:
                    await self._gather()
                    self._send(ours)
                else:
                    await self._park()
        finally:
            self._socket = None

    async def _gather(self) -> None:
        until = self._clock() + HELD_SECONDS
        before = 0
        while len(self._frames) > before and self._more() and self._clock() < until:
            before = len(self._frames)
            await trio.lowlevel.checkpoint()

    def _send(self, ours: socket.socket) -> None:
        if not self._unsent:
            self._unsent = b"".join(self._frames)
            self._frames.clear()
        try:
            sent = ours.send(self._unsent)
        except BlockingIOError:
            return
        except OSError:  # The writer is gone; its successor is sent all that is not answered.
            sent = len(self._unsent)
        self._unsent = self._unsent[sent:]

    async def _park(self) -> None:
        def stop(_: object) -> trio.lowlevel.Abort:
            self._parked = None
            return trio.lowlevel.Abort.SUCCEEDED

        self._parked = trio.lowlevel.current_task()
        await trio.lowlevel.wait_task_rescheduled(stop)
