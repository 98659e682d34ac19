"""One connection to an upstream, plain or TLS."""

import os
import select
import socket
import ssl
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address
from math import inf
from typing import NamedTuple, cast

import httpx2
import trio

from hyperinfer.providers.transport_hearing import READ_SIZE, Heard, Hearing, Sockets


class Origin(NamedTuple):
    """Where a connection leads: what must be equal for two requests to share one."""

    scheme: str
    host: str
    port: int


class Connection:
    """A connected byte stream that closes without waiting.

    `close` is synchronous on purpose: it works in a cancelled task, in every phase, and the peer sees it at once. A TLS
    connection ends without a goodbye; the framing of HTTP says whether a response was whole. `since`: trio's clock when it
    was there.
    """

    __slots__ = ("_descriptor", "_hearing", "_poll", "_socket", "_sockets", "_stream", "idle_since", "origin", "since")

    def __init__(
        self, origin: Origin, socket_stream: trio.SocketStream, stream: trio.abc.Stream, sockets: Sockets | None = None
    ) -> None:
        self.origin = origin
        self._socket = socket_stream.socket
        # Of nobody once the socket is closed: the number may be somebody else's by then.
        self._descriptor = self._socket.fileno()
        # None: there is no TLS, and the socket itself is read and written. trio's stream of it costs five times as much.
        self._stream = None if stream is socket_stream else stream
        self._sockets = sockets if self._stream is None else None
        self._hearing: Hearing | None = None
        self._poll = _poll_for(self._descriptor)
        self.idle_since = 0.0
        self.since = trio.current_time()

    async def send(self, data: bytes) -> None:
        """Sends all of `data`. Raises `httpx2.WriteError` when the peer is gone."""
        stream = self._stream
        try:
            if stream is not None:
                await stream.send_all(data)
                return
            # What is sent is followed by a wait for the answer: there is no need for another turn of the loop here.
            await trio.lowlevel.checkpoint_if_cancelled()
            sent = 0
            while True:
                try:
                    sent += os.write(self._descriptor, memoryview(data)[sent:] if sent else data)
                except BlockingIOError:
                    await trio.lowlevel.wait_writable(self._descriptor)
                if sent == len(data):
                    return
        except (OSError, trio.BrokenResourceError, trio.ClosedResourceError) as error:
            raise httpx2.WriteError(_cause(error)) from error

    async def receive(self) -> bytes:
        """The next bytes, empty at the end. Raises `httpx2.ReadError` when the connection breaks."""
        stream = self._stream
        try:
            if stream is not None:
                return bytes(await stream.receive_some(READ_SIZE))
            while True:
                if self._descriptor < 0:
                    raise _closed_before()
                # First of all: nothing lies there yet.
                await trio.lowlevel.wait_readable(self._descriptor)
                try:
                    return os.read(self._descriptor, READ_SIZE)
                except BlockingIOError:  # it was readable for somebody else, or is no longer
                    continue
        except (OSError, trio.BrokenResourceError, trio.ClosedResourceError) as error:
            raise httpx2.ReadError(_cause(error)) from error

    async def hear(self, take: Callable[[bytes], bool], idle: float = inf) -> Heard:
        """Gives `take` whatever comes, empty at the end, until it says that it takes no more, or nothing came for `idle`
        seconds.

        It must not wait: where the sockets of the process are watched it is called in another task, and none has a turn
        for it. Raises as `receive`, and what `take` raises. Cancelling it loses nothing.
        """
        if self._sockets is None:
            return await self._hear_waiting(take, idle)
        try:
            if self._descriptor < 0:
                raise _closed_before()
            hearing = self._hearing = Hearing(self._sockets, self._descriptor, take, idle)
            return await hearing.ended()
        except (OSError, trio.ClosedResourceError) as error:
            raise httpx2.ReadError(_cause(error)) from error
        finally:
            self._hearing = None

    async def _hear_waiting(self, take: Callable[[bytes], bool], idle: float) -> Heard:
        while True:
            data = b""
            with trio.move_on_after(idle) as silence:
                data = await self.receive()
            if silence.cancelled_caught:
                return "silence"
            if not take(data):
                return "enough"

    def has_news(self) -> bool:
        """Whether bytes or the end wait to be read. On an idle connection either means that it must not be used."""
        if self._descriptor < 0:
            return True
        ready = select.select([self._descriptor], [], [], 0)[0] if self._poll is None else self._poll.poll(0)
        return ready != []

    def close(self) -> None:
        """Closes the socket at once. Can be called again."""
        if self._hearing is not None:
            self._hearing.end(trio.ClosedResourceError("the connection was closed"))
        self._descriptor = -1
        self._socket.close()


def _closed_before() -> trio.ClosedResourceError:
    """For those who would wait for it: trio takes -1 for a socket, and remembers it as one that somebody waits for."""
    return trio.ClosedResourceError("the connection was closed before")


def _poll_for(descriptor: int) -> "select.poll | None":
    """What says whether a socket is readable; None where the machine has no such thing."""
    if not hasattr(select, "poll"):
        return None
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return poll


async def connect(
    origin: Origin,
    ssl_context: ssl.SSLContext | None,
    *,
    seconds: float | None,
    receive_buffer: int | None,
    address: IPv4Address | IPv6Address | None = None,
    sockets: Sockets | None = None,
) -> Connection:
    """Opens a connection, with TLS when there is a context, within `seconds` (None: as long as it takes).

    The host is looked up and its addresses are tried as happy eyeballs does. With an `address` nothing is looked up: the
    connection leads there and nowhere else, and TLS asks it for the origin's name all the same. `receive_buffer` bounds
    the kernel's buffer, in bytes. `sockets`: who watches those without TLS. Raises `httpx2.ConnectTimeout`, or
    `httpx2.ConnectError` for refusal, name lookup, routing and TLS.
    """
    try:
        with trio.fail_after(float("inf") if seconds is None else seconds):
            if address is None:
                stream = await trio.open_tcp_stream(origin.host, origin.port)
            else:
                stream = await _open_at(address, origin.port)
            return await _secure(origin, stream, ssl_context, receive_buffer, sockets)
    except trio.TooSlowError as error:
        raise httpx2.ConnectTimeout(f"no connection to {origin.host}:{origin.port} in {seconds:g} s") from error
    except trio.BrokenResourceError as error:
        raise httpx2.ConnectError(f"TLS with {origin.host}:{origin.port} failed: {_cause(error)}") from error
    except (OSError, ValueError) as error:
        # ValueError: a host name that cannot be encoded.
        raise httpx2.ConnectError(f"cannot connect to {origin.host}:{origin.port}: {_cause(error)}") from error


async def _open_at(address: IPv4Address | IPv6Address, port: int) -> trio.SocketStream:
    family = socket.AF_INET if isinstance(address, IPv4Address) else socket.AF_INET6
    opened = trio.socket.socket(family, socket.SOCK_STREAM)
    try:
        await opened.connect((str(address), port))
        return trio.SocketStream(opened)
    except BaseException:
        opened.close()
        raise


async def _secure(
    origin: Origin,
    socket_stream: trio.SocketStream,
    ssl_context: ssl.SSLContext | None,
    receive_buffer: int | None,
    sockets: Sockets | None,
) -> Connection:
    """The connection on a stream (which has set TCP_NODELAY), which it closes when anything goes wrong."""
    try:
        if receive_buffer is not None:
            socket_stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        if ssl_context is None:
            return Connection(origin, socket_stream, socket_stream, sockets)
        tls = trio.SSLStream(socket_stream, ssl_context, server_hostname=origin.host, https_compatible=True)
        await tls.do_handshake()
        return Connection(origin, socket_stream, tls)
    except BaseException:
        socket_stream.socket.close()
        raise


def _cause(error: BaseException) -> str:
    """The text of what lies below trio's own exception. Of addresses that were tried it has one each, with the address."""
    below = error.__cause__ or error
    if not isinstance(below, ExceptionGroup):
        return str(below)
    tried = cast("ExceptionGroup[Exception]", below).exceptions
    return ", ".join(dict.fromkeys(os.strerror(each.errno or 0) for each in tried if isinstance(each, OSError)))
