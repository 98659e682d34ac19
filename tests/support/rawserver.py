"""A loopback server that plays scripted bytes: each accepted connection runs the next script.

    async with raw_server([Request(), Reply(b"HTTP/1.1 200 OK\\r\\n..."), End()]) as server:
        ... server.url ...
    assert server.connections[0].requests == [...]

A script is a list of steps. After its last step the connection is held until the client closes it. Leaving the block
ends every connection. A connection without a script is closed at once and counted in `unexpected`.
"""

import socket
import ssl
import struct
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import trio
import trio.testing


@dataclass(frozen=True)
class Request:
    """Reads one request, head and body (by its content-length, or chunks up to the last)."""


@dataclass(frozen=True)
class Reply:
    """Sends bytes, in pieces of `piece` bytes that arrive in separate reads (0: in one)."""

    data: bytes
    piece: int = 0


@dataclass(frozen=True)
class End:
    """Closes the connection in the ordinary way (FIN)."""


@dataclass(frozen=True)
class HalfEnd:
    """Ends our sending direction and goes on reading."""


@dataclass(frozen=True)
class Reset:
    """Breaks the connection (RST)."""


@dataclass(frozen=True)
class Wait:
    """Waits until the test sets the event."""

    event: trio.Event


@dataclass(frozen=True)
class Hold:
    """Reads until the client closes, and notes when it did."""


Step = Request | Reply | End | HalfEnd | Reset | Wait | Hold
Script = Sequence[Step]


@dataclass
class Peer:
    """What one connection has seen. `closed_at` is the trio time at which the client was seen to be gone."""

    requests: list[bytes] = field(default_factory=list[bytes])
    closed: trio.Event = field(default_factory=trio.Event)
    closed_at: float | None = None

    def gone(self) -> None:
        if self.closed_at is None:
            self.closed_at = trio.current_time()
            self.closed.set()


@dataclass
class RawServer:
    """`url` has no trailing slash. `connections` are in the order in which they were accepted."""

    port: int
    scheme: str
    host: str = "127.0.0.1"
    connections: list[Peer] = field(default_factory=list[Peer])
    unexpected: int = 0

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.host}:{self.port}"

    @property
    def requests(self) -> list[bytes]:
        """The requests of all connections, in the order of connections."""
        return [request for peer in self.connections for request in peer.requests]


@asynccontextmanager
async def raw_server(*scripts: Script, tls: ssl.SSLContext | None = None) -> AsyncGenerator[RawServer]:
    """Serves one script per accepted connection. With `tls`, over TLS under the name `localhost`."""
    waiting = list(scripts)
    listener = (await trio.open_tcp_listeners(0, host="127.0.0.1"))[0]
    port = listener.socket.getsockname()[1]
    server = RawServer(port, "http" if tls is None else "https", "127.0.0.1" if tls is None else "localhost")

    async def handle(plain: trio.SocketStream) -> None:
        if not waiting:
            server.unexpected += 1
            plain.socket.close()
            return
        script = waiting.pop(0)
        peer = Peer()
        server.connections.append(peer)
        stream: trio.abc.Stream = plain
        try:
            if tls is not None:
                secure = trio.SSLStream(plain, tls, server_side=True, https_compatible=True)
                await secure.do_handshake()
                stream = secure
            await _play(script, stream, plain, peer)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            peer.gone()
        finally:
            plain.socket.close()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.serve_listeners, handle, [listener])
        yield server
        nursery.cancel_scope.cancel()


async def _play(script: Script, stream: trio.abc.Stream, plain: trio.SocketStream, peer: Peer) -> None:
    unread = bytearray()
    for step in script:
        match step:
            case Request():
                request = await _read_request(stream, unread)
                if request is None:
                    peer.gone()
                    return
                peer.requests.append(request)
            case Reply(data, piece):
                await _send(stream, data, piece)
            case End():
                return
            case HalfEnd():
                await plain.send_eof()
            case Reset():
                plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return
            case Wait(event):
                await event.wait()
            case Hold():
                break
    while await stream.receive_some(65536):
        pass
    peer.gone()


async def _send(stream: trio.abc.Stream, data: bytes, piece: int) -> None:
    if piece == 0:
        await stream.send_all(data)
        return
    for start in range(0, len(data), piece):
        await stream.send_all(data[start : start + piece])
        # Lets the client take this piece before the next one joins it in the kernel's buffer.
        await trio.testing.wait_all_tasks_blocked()


async def _read_request(stream: trio.abc.Stream, unread: bytearray) -> bytes | None:
    """The next request, or None when the client has gone."""
    while (end := _request_end(bytes(unread))) is None:
        data = await stream.receive_some(65536)
        if not data:
            return None
        unread += data
    request = bytes(unread[:end])
    del unread[:end]
    return request


def _request_end(data: bytes) -> int | None:
    head_end = data.find(b"\r\n\r\n")
    if head_end < 0:
        return None
    head_end += 4
    length = 0
    for line in data[:head_end].split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
        elif name.lower() == b"transfer-encoding":
            last = data.find(b"0\r\n\r\n", head_end)
            return None if last < 0 else last + 5
    return head_end + length if len(data) >= head_end + length else None
