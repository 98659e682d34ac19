"""A socket stream whose peer cannot hold the server: bounded writes, a disconnect that is always seen, a polite end.

It stands below TLS. It must have no `do_handshake`: hypercorn takes a stream without that method for a plain one.

* Writes: `send_all` gives the socket what it takes, piece by piece. A peer that takes no byte for the write deadline
  is reset. The deadline lives inside `send_all`, so it also works in the shielded sends of hypercorn.
* Disconnect: hypercorn stops reading while pipelined bytes wait behind a running request, and would not see the peer
  leave. `wait_gone` then reads ahead, bounded, in its place. A half-closed peer counts as gone.
* First request: a peer that has not brought a whole request head by `first_request_by` counts as gone.
* End: bytes that arrive at a closed socket make the kernel send a reset, which can destroy a reply that the peer has
  not read yet. After a reply, or while unread bytes lie there, `aclose` therefore sends the end and leaves the socket
  open; the owner of the stream calls `linger`, which drops what still comes for at most `LINGER` seconds.
"""

from __future__ import annotations

import os
import socket as stdlib_socket
import struct
from contextlib import suppress
from math import inf
from typing import TYPE_CHECKING

import trio

if TYPE_CHECKING:
    from collections.abc import Callable

    from hyperinfer.api.edge.deadline import WriteDeadline

READ_AHEAD = 64 * 1024
"""Bytes that may wait behind a running request. A peer that pipelines more is closed."""

LINGER = 1.0
"""Seconds that a peer has to close its side after ours."""

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class GuardedStream(trio.abc.HalfCloseableStream):
    """A stream around one connected TCP or Unix socket; see the module's text for what it guards against.

    `gone` is set once nothing more will come from the peer or can be sent to it, whoever noticed.
    `send_failed` says that bytes handed to `send_all` were not all taken.
    """

    def __init__(
        self,
        inner: trio.SocketStream,
        *,
        write_deadline: WriteDeadline,
        send_buffer: int | None = None,
        first_request_by: float = inf,
    ) -> None:
        self.socket = inner.socket
        # Of nobody once the socket is closed: the number may be somebody else's by then.
        self._descriptor = self.socket.fileno()
        self.write_deadline = write_deadline
        self.gone = trio.Event()
        self.send_failed = False
        self._inner = inner
        self._first_request_by = first_request_by
        self._reading: trio.CancelScope | None = None
        self._read_lock = trio.Lock()
        self._on_end: Callable[[], None] | None = None
        self._ahead = bytearray()
        self._at_end = False
        self._replied = False
        self._lingering = False
        self._sending = False
        # Small events must leave at once; the kernel's buffer is part of the memory that a stream may hold.
        # A Unix socket has no TCP_NODELAY.
        with suppress(OSError):
            self.socket.setsockopt(stdlib_socket.IPPROTO_TCP, stdlib_socket.TCP_NODELAY, 1)
        if send_buffer is not None:
            with suppress(OSError):
                self.socket.setsockopt(stdlib_socket.SOL_SOCKET, stdlib_socket.SO_SNDBUF, send_buffer)

    # Sending

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Raises BrokenResourceError when the peer is gone, or took no byte for the write deadline and was reset."""
        if self._sending:
            raise trio.BusyResourceError("another task is sending on this stream")
        self._sending = True
        complete = False
        try:
            with self.write_deadline.scope() as scope, memoryview(data) as view:
                await self._send_pieces(view, scope)
                complete = True
        except OSError as error:
            raise self._broken(error) from error
        finally:
            self._sending = False
            if not complete:
                self.send_failed = True
        if not complete:
            self.write_deadline.late()
            self.abort()
            raise trio.BrokenResourceError("the peer took no byte before the write deadline")

    async def _send_pieces(self, view: memoryview, scope: trio.CancelScope) -> None:
        if self.closed:
            raise trio.ClosedResourceError("the stream was closed")
        if not view:
            await trio.lowlevel.checkpoint()
            return
        sent = 0
        while True:
            with view[sent:] as rest:
                sent += await self.socket.send(rest)
            if sent == len(view):
                return
            self.write_deadline.extend(scope)

    def send_now(self, data: bytes) -> int:
        """Bytes that the socket took without waiting, perhaps none; for a writer that sends the others by `send_all`."""
        if self._sending:
            raise trio.BusyResourceError("another task is sending on this stream")
        if self._lingering or self._descriptor < 0:
            self.send_failed = True
            raise trio.ClosedResourceError("the stream was closed")
        try:
            return os.write(self._descriptor, data)
        except BlockingIOError:
            return 0
        except OSError as error:
            self.send_failed = True
            raise self._broken(error) from error

    async def wait_send_all_might_not_block(self) -> None:
        await self._inner.wait_send_all_might_not_block()

    async def send_eof(self) -> None:
        if self._sending:
            raise trio.BusyResourceError("another task is sending on this stream")
        self._replied = True
        await self._inner.send_eof()

    # Receiving

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """What the peer sent, b"" at its end. Raises BrokenResourceError or ClosedResourceError."""
        if self._ahead:
            # Without the lock: wait_gone may hold it, reading further ahead.
            await trio.lowlevel.checkpoint_if_cancelled()
            data = self._take_ahead(max_bytes)
            await trio.lowlevel.cancel_shielded_checkpoint()
            return data
        async with self._read_lock:
            if self._ahead:
                return self._take_ahead(max_bytes)
            if self._at_end and not self._lingering:
                return b""
            return await self._receive(max_bytes)

    def _take_ahead(self, max_bytes: int | None) -> bytes:
        size = len(self._ahead) if max_bytes is None else max_bytes
        data = bytes(self._ahead[:size])
        del self._ahead[:size]
        return data

    async def _receive(self, max_bytes: int | None) -> bytes:
        if self._lingering:
            raise trio.ClosedResourceError("the stream was closed")
        data = b""
        try:
            with trio.CancelScope(deadline=self._first_request_by) as scope:
                self._reading = scope
                data = await self._inner.receive_some(max_bytes)
        except Exception:
            self._end()
            raise
        finally:
            self._reading = None
        if scope.cancelled_caught:
            if self._lingering:
                raise trio.ClosedResourceError("the stream was closed while it was reading")
            # No request came in time: to hypercorn the peer has left, and half a head gets its 400.
            data = b""
        if not data:
            self._end()
        return data

    def receive_now(self) -> bytes | None:
        """What lies there, b"" at the end or where the connection broke; None where nothing does. For the only reader."""
        try:
            data = os.read(self._descriptor, READ_AHEAD)
        except BlockingIOError:
            return None
        except OSError:
            data = b""
        if not data:
            self._end()
        return data

    async def receive_next(self) -> bytes:
        """As `receive_some`, for a reader that is the only one, reads all the time and knows its own times: it waits
        first, as mostly nothing lies there, and nothing is begun for a read."""
        while True:
            if self.closed:
                raise trio.ClosedResourceError("the stream was closed")
            try:
                await trio.lowlevel.wait_readable(self.socket)
                data = os.read(self._descriptor, READ_AHEAD)
            except BlockingIOError:
                continue
            except OSError as error:
                self._end()
                raise trio.BrokenResourceError(f"the connection broke: {error}") from error
            except trio.ClosedResourceError:
                self._end()
                raise
            if not data:
                self._end()
            return data

    def unread(self, data: bytes) -> None:
        """Bytes that were received and are to be received once more, before all others."""
        self._ahead[:0] = data

    def first_request_came(self) -> None:
        """Lifts the limit of `first_request_by`, for a read that is under way too."""
        self._first_request_by = inf
        if self._reading is not None:
            self._reading.deadline = inf

    async def wait_gone(self) -> None:
        """Returns once the peer closed, half-closed or reset the connection, or the stream was closed on our side.

        While nobody else reads, it reads up to `READ_AHEAD` bytes ahead, which `receive_some` returns later; past
        that the peer is reset. Cancelling it loses nothing.
        """
        while not self.gone.is_set():
            # Fair: a reader that comes while we wait here has its turn after us, with the bytes we read.
            async with self._read_lock:
                if self.gone.is_set():
                    return
                if len(self._ahead) >= READ_AHEAD:
                    self.abort()
                    return
                with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
                    self._ahead += await self._receive(READ_AHEAD)

    # Ending

    @property
    def closed(self) -> bool:
        """No user of the stream can send or receive any more."""
        return self._lingering or self._descriptor < 0

    def abort(self) -> None:
        """Resets the connection at once: what the kernel still holds for the peer is dropped. Wakes all who wait."""
        if self._descriptor >= 0:
            with suppress(OSError):
                self.socket.setsockopt(stdlib_socket.SOL_SOCKET, stdlib_socket.SO_LINGER, _RESET_ON_CLOSE)
            self._close()
        self._end()

    async def aclose(self) -> None:
        """Ends the stream for its users. The socket is closed now or, where this module says so, by `linger`."""
        if not self.closed:
            if not self._at_end and (self._replied or self.socket.is_readable()):
                self.close_after_reply()
            else:
                self._close()
        self._end()
        await trio.lowlevel.checkpoint()

    def close_after_reply(self) -> None:
        """What was sent reaches the peer, then the end; closed for all users of the stream, left to `linger`."""
        self._lingering = True
        with suppress(OSError):
            self.socket.shutdown(stdlib_socket.SHUT_WR)
        if self._reading is not None:
            self._reading.cancel()
        self._end()

    async def linger(self) -> None:
        """Reads and drops what a peer still sends after `aclose`, until it closes too; then the socket is closed."""
        try:
            with trio.move_on_after(LINGER), suppress(trio.BrokenResourceError, trio.ClosedResourceError):
                while self._lingering and await self._inner.receive_some():
                    pass
        finally:
            self._close()

    def replied(self) -> None:
        """Something was sent that the peer is to read before it learns of the end; see `aclose`."""
        self._replied = True

    def addresses(self) -> tuple[tuple[str, int] | None, tuple[str, int | None]]:
        """The peer's address and port, None where it has none, and our own; ours is a path on a Unix socket."""
        try:
            peer, own = self.socket.getpeername(), self.socket.getsockname()
        except OSError:  # it is gone already
            return None, ("", None)
        if self.socket.family == stdlib_socket.AF_UNIX:
            return None, (str(own), None)
        return (peer[0], peer[1]), (own[0], own[1])

    def call_at_end(self, function: Callable[[], None]) -> None:
        """`function` is called, perhaps more than once, when `gone` is set."""
        self._on_end = function

    def _close(self) -> None:
        self._descriptor = -1
        self.socket.close()

    def _end(self) -> None:
        self._at_end = True
        self.gone.set()
        if self._on_end is not None:
            self._on_end()

    def _broken(self, error: OSError) -> trio.BrokenResourceError | trio.ClosedResourceError:
        self._end()
        if self._descriptor < 0:
            return trio.ClosedResourceError("the stream was closed while it was sending")
        return trio.BrokenResourceError(f"the connection broke: {error}")
