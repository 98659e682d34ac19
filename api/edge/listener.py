"""Accepting connections: as many as the limit allows, each guarded; an error of one does not end the listener."""

from __future__ import annotations

import errno
import logging
import os
import socket as stdlib_socket
from typing import TYPE_CHECKING

import trio

from hyperinfer.api.edge.deadline import WriteDeadline
from hyperinfer.api.edge.guarded import GuardedStream

if TYPE_CHECKING:
    from collections.abc import Callable

    from hyperinfer.api.edge.counters import EdgeCounters
    from hyperinfer.api.edge.settings import EdgeSettings

log = logging.getLogger("hyperinfer.edge")

# What accept(2) says when the machine or the process has run out of something: wait, it may pass.
_CAPACITY = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS})
_CAPACITY_PAUSE = 0.1

# What says that the listener itself is wrong. All else that accept(2) raises is about the connection that came.
_FATAL = frozenset({errno.EBADF, errno.EINVAL, errno.ENOTSOCK, errno.EFAULT})


FULL_PAUSE = 0.05
"""Seconds that an idle connection is given to end for a client that waits, before the next one is."""


class BoundedListener(trio.abc.Listener[GuardedStream]):
    """Accepts only while the limiter has room: past that, clients wait in the backlog of the kernel, and `make_room` is
    called for them until there is some.

    Every stream holds one token of the limiter, which its handler gives back with `release`.
    """

    def __init__(
        self,
        inner: trio.SocketListener,
        limit: trio.Semaphore,
        settings: EdgeSettings,
        counters: EdgeCounters,
        make_room: Callable[[], None],
    ) -> None:
        self._inner = inner
        self._limit = limit
        self._settings = settings
        self._counters = counters
        self._make_room = make_room
        self._short = False

    async def accept(self) -> GuardedStream:
        await self._place()
        try:
            inner = await self._accept()
        except BaseException:
            self._limit.release()
            raise
        return self._guarded(inner)

    def accept_waiting(self) -> list[GuardedStream]:
        """Those that lie in the backlog, as far as there is room, without waiting. What comes from now on is not for us: the
        listener is to be closed at once."""
        accepted: list[GuardedStream] = []
        with stdlib_socket.socket(fileno=os.dup(self._inner.socket.fileno())) as listening:
            while self._limit.value:
                try:
                    inner, _ = listening.accept()
                except OSError:  # there is none, or what is there cannot be had
                    break
                self._limit.acquire_nowait()
                inner.setblocking(False)
                accepted.append(self._guarded(trio.SocketStream(trio.socket.from_stdlib_socket(inner))))
        return accepted

    def _guarded(self, inner: trio.SocketStream) -> GuardedStream:
        self._counters.connections += 1
        self._counters.open += 1
        return GuardedStream(
            inner,
            write_deadline=WriteDeadline(self._settings.write_deadline, self._counters.late_write),
            send_buffer=self._settings.send_buffer,
            first_request_by=trio.current_time() + self._settings.first_request,
        )

    def release(self) -> None:
        self._counters.open -= 1
        self._limit.release()

    async def _place(self) -> None:
        """One of the limiter's tokens."""
        while not self._limit.value:
            await trio.lowlevel.wait_readable(self._inner.socket)
            if not self._limit.value:
                self._make_room()
            with trio.move_on_after(FULL_PAUSE):
                await self._limit.acquire()
                return
        await self._limit.acquire()

    async def _accept(self) -> trio.SocketStream:
        while True:
            try:
                stream = await self._inner.accept()
            except OSError as error:
                if error.errno in _FATAL:
                    raise
                self._counters.accept_errors += 1
                if error.errno in _CAPACITY:
                    if not self._short:
                        log.error("cannot accept connections: %s; trying on", error.strerror)
                    self._short = True
                    await trio.sleep(_CAPACITY_PAUSE)
            else:
                self._short = False
                return stream

    async def aclose(self) -> None:
        await self._inner.aclose()
