"""A served edge within the test's own loop, or one end of a connection, and the applications for them."""

from __future__ import annotations

import socket
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING

import trio
from hypercorn.config import Sockets

from hyperinfer.api.edge import AsgiApp, Dispatch, EdgeCounters, EdgeSettings, Exchange, Handler, Receive, Scope, Send
from hyperinfer.api.edge.deadline import WriteDeadline
from hyperinfer.api.edge.guarded import GuardedStream
from hyperinfer.api.edge.serve import serve
from tests.api.edge.clients import read_to_end

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable
    from contextlib import AbstractContextManager

CERTIFICATE = str(Path(__file__).with_name("localhost.pem"))

served_by = EdgeSettings().edge
"""The edge of a test that names none."""

QUICK = EdgeSettings(grace=0.3, settle_margin=0.6, first_request=5.0, write_deadline=5.0, max_connections=100)


@dataclass
class RecordingDrain:
    """What `serve` told the application."""

    began: trio.Event = field(default_factory=trio.Event)
    grace: float | None = None

    def begin(self, grace: float) -> None:
        assert self.grace is None, "a drain begins once"
        self.grace = grace
        self.began.set()


@dataclass
class Edge:
    """A running server."""

    port: int
    counters: EdgeCounters
    drain: RecordingDrain
    shutdown: trio.Event
    ended: trio.Event

    async def connect(self, *, receive_buffer: int | None = None) -> trio.SocketStream:
        """A client's connection; a small receive buffer makes a client that does not read felt soon."""
        sock = trio.socket.socket()
        if receive_buffer is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        try:
            await sock.connect(("127.0.0.1", self.port))
        except BaseException:  # a client that is cancelled while it connects leaves no socket either
            sock.close()
            raise
        return trio.SocketStream(sock)

    async def ask(self, wire: bytes) -> bytes:
        """Sends these bytes and returns what comes until the server closes (or resets: what came until then)."""
        async with await self.connect() as stream:
            with suppress(trio.BrokenResourceError):
                await stream.send_all(wire)
            return await read_to_end(stream)


@asynccontextmanager
async def edge(
    app: AsgiApp, settings: EdgeSettings = QUICK, *, drain: RecordingDrain | None = None, tls: bool = False
) -> AsyncGenerator[Edge]:
    """Serves `app` on a port of its own; drains it at the end unless the test did; fails when that takes too long."""
    if settings.edge == EdgeSettings().edge:
        settings = replace(settings, edge=served_by)
    listening = socket.create_server(("127.0.0.1", 0), backlog=128)
    listening.setblocking(False)
    port: int = listening.getsockname()[1]
    running = Edge(port, EdgeCounters(), drain or RecordingDrain(), trio.Event(), trio.Event())
    sockets = Sockets([listening], [], []) if tls else Sockets([], [listening], [])

    async def served(*, task_status: trio.TaskStatus[list[str]]) -> None:
        with trio.fail_after(30):
            await serve(
                app,
                settings,
                sockets=sockets,
                shutdown=running.shutdown,
                drain=running.drain,
                counters=running.counters,
                task_status=task_status,
            )
        running.ended.set()

    async with trio.open_nursery() as nursery:
        urls = await nursery.start(served)
        assert urls == [f"{'https' if tls else 'http'}://127.0.0.1:{port}"]
        yield running
        running.shutdown.set()
    assert running.counters.open == 0


async def bare(scope: Scope, receive: Receive, send: Send) -> None:
    """A control plane that has nothing but a lifespan."""
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
    else:
        await send({"type": "http.response.start", "status": 404, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def with_lifespan(http: AsgiApp) -> AsgiApp:
    """An application of raw ASGI for requests."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await (bare if scope["type"] == "lifespan" else http)(scope, receive, send)

    return app


def data_plane(handler: Handler) -> AsgiApp:
    """An application whose every path is this handler's."""

    def every(path: str) -> Handler:
        del path
        return handler

    return Dispatch(every, bare)


async def until_gone(exchange: Exchange) -> None:
    """Returns once the client of an exchange is gone."""
    gone = trio.Event()
    exchange.on_gone(gone.set)
    await gone.wait()


async def until(condition: Callable[[], bool]) -> None:
    """Looks until it holds: for what nothing tells, such as counters and other processes."""
    while not condition():  # noqa: ASYNC110 - see above
        await trio.sleep(0.005)


async def hello(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers every request at once."""
    del scope, receive
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
    await send({"type": "http.response.body", "body": b"hello", "more_body": False})


def within(seconds: float = 5.0) -> AbstractContextManager[trio.CancelScope]:
    """Nothing in these tests takes longer; a hang is a failure that says where."""
    return trio.fail_after(seconds)


@asynccontextmanager
async def connected(
    *, seconds: float = 5.0, first_request: float = inf
) -> AsyncGenerator[tuple[GuardedStream, trio.SocketStream]]:
    """Our end and the peer's end of a loopback connection with small buffers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        peer = trio.socket.socket()
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        await peer.connect(listening.getsockname())
        accepted, _ = listening.accept()
    accepted.setblocking(False)
    guarded = GuardedStream(
        trio.SocketStream(trio.socket.from_stdlib_socket(accepted)),
        write_deadline=WriteDeadline(seconds),
        send_buffer=4096,
        first_request_by=trio.current_time() + first_request,
    )
    peer_stream = trio.SocketStream(peer)
    try:
        with within():
            yield guarded, peer_stream
    finally:
        await trio.aclose_forcefully(guarded)
        await trio.aclose_forcefully(peer_stream)
