"""Where a connection's bytes come from: a socket that the worker's watch looks at, or a task that waits for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import trio

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from contextlib import AbstractContextManager

    from hyperinfer.api.edge.connection import Connection
    from hyperinfer.api.edge.guarded import GuardedStream
    from hyperinfer.api.edge.watch import Watch


class Source(Protocol):
    """Hands on the bytes that come, as soon as they do, and b"" for their end. Who takes them says whether more may come."""

    async def feed_while(self, body: Callable[[], Awaitable[None]]) -> bool:
        """Until `body` has ended: whether it did by itself, and not by `cut`. Raises what taking the bytes raised; `body`
        then is cancelled."""
        ...

    def cut(self) -> None:
        """Cancels the body."""
        ...

    def resume(self) -> None:
        """More may come, after it was said that no more may."""
        ...

    def stop(self) -> None:
        """Nothing more is to come. To be called when the stream was closed."""
        ...

    def look(self) -> bool:
        """Takes what has come and was not handed on yet, where that can be: whether there was something."""
        ...


class WatchedSource:
    """A socket without TLS. A peer that leaves is seen even while no more may come."""

    def __init__(self, watch: Watch, stream: GuardedStream, received: Callable[[bytes], bool]) -> None:
        self._watch = watch
        self._stream = stream
        self._received = received
        self._descriptor = stream.socket.fileno()
        self._told: Callable[[], object] = self._tell  # one object: the watch knows it by its identity
        self._paused = self._stopped = False
        self._scope = trio.CancelScope()
        self._failure: BaseException | None = None

    async def feed_while(self, body: Callable[[], Awaitable[None]]) -> bool:
        with self._scope:
            self._watch.read(self._descriptor, self._told)
            try:
                await body()
            finally:
                self.stop()
        if self._failure is not None:
            raise self._failure
        return not self._scope.cancelled_caught

    def cut(self) -> None:
        self._scope.cancel()

    def resume(self) -> None:
        if self._paused and not self._stopped:
            self._paused = False
            self._watch.pause(self._descriptor, paused=False)

    def stop(self) -> None:
        self._stopped = True  # from here on the number of the socket may be somebody else's
        self._watch.forget(self._descriptor, self._told)

    def look(self) -> bool:
        return not self._paused and not self._stopped and self._tell()

    def _tell(self) -> bool:
        try:
            data = b"" if self._paused else self._stream.receive_now()
            if data is None:
                return False
            if not data:
                self.stop()
            if not self._received(data) and not self._stopped:
                self._paused = True
                self._watch.pause(self._descriptor, paused=True)
        except (Exception, SystemExit) as error:
            self.stop()
            self._failure = error
            self._scope.cancel()
        return True


class TaskSource:
    """A stream with TLS, or any where sockets cannot be watched. `receive` gives b"" at the end, or raises trio's errors.
    `looking_out`: a block within which its function is called where the peer leaves (`Connection.looking_out`): for when no
    more may come."""

    def __init__(
        self,
        receive: Callable[[], Awaitable[bytes | bytearray]],
        received: Callable[[bytes], bool],
        looking_out: Callable[[Callable[[], None]], AbstractContextManager[None]],
    ) -> None:
        self._receive = receive
        self._received = received
        self._looking_out = looking_out
        self._room = trio.lowlevel.ParkingLot()
        self._paused = False
        self._scope = trio.CancelScope()

    async def feed_while(self, body: Callable[[], Awaitable[None]]) -> bool:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._read)
            with self._scope:
                await body()
            nursery.cancel_scope.cancel()
        return not self._scope.cancelled_caught

    def cut(self) -> None:
        self._scope.cancel()

    def resume(self) -> None:
        self._paused = False
        self._room.unpark_all()

    def stop(self) -> None:
        """It finds the end itself."""

    def look(self) -> bool:
        """Only its task reads."""
        return False

    async def _read(self) -> None:
        data = b"more"
        while data:
            if self._paused:
                with self._looking_out(self._left):
                    while self._paused:
                        await self._room.park()
            try:
                data = bytes(await self._receive())
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                data = b""
            self._paused = not self._received(data)

    def _left(self) -> None:
        self._received(b"")


def source_of(
    watch: Watch,
    connection: Connection,
    tls: trio.SSLStream[GuardedStream] | None,
    received: Callable[[bytes], bool],
) -> Source:
    """That of a connection. `received` takes the bytes, and says whether more may come."""
    if tls is not None:
        return TaskSource(tls.receive_some, received, connection.looking_out)
    if watch.watches_sockets:
        return WatchedSource(watch, connection.stream, received)
    return TaskSource(connection.stream.receive_next, received, connection.looking_out)
