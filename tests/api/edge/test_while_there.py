"""A handler that waits for something before it reads the body: it learns at once that its client left, and loses nothing."""

from __future__ import annotations

import dataclasses
import ssl
from typing import TYPE_CHECKING

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from hyperinfer.api.edge import ClientGone, Exchange
from tests.api.edge.clients import H2Client, read_to_end, reset
from tests.api.edge.kit import CERTIFICATE, QUICK, Edge, data_plane, edge, until, within

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

pytestmark = pytest.mark.usefixtures("each_edge")

BODY = bytes(range(256)) * 4096  # 1 MiB: more than any edge reads unasked

HEAD = b"POST / HTTP/1.1\r\nhost: h\r\ncontent-length: %d\r\n\r\n" % len(BODY)

TLS = dataclasses.replace(QUICK, certfile=CERTIFICATE, keyfile=CERTIFICATE)


class Waiter:
    """Waits on `go`, then answers with the size of the body. `learnt`: it was told instead that nobody waits."""

    def __init__(self) -> None:
        self.reached, self.go, self.learnt = trio.Event(), trio.Event(), trio.Event()
        self.bodies: list[bytes] = []

    async def __call__(self, exchange: Exchange) -> None:
        self.reached.set()
        try:
            assert await exchange.while_there(self.wait) == "waited"
            assert await exchange.while_there(self.wait) == "waited"  # as often as one likes
        except ClientGone:
            assert exchange.gone
            self.learnt.set()
            raise
        self.bodies.append(await exchange.read_body(2 * len(BODY)))
        exchange.end_with_client()
        await exchange.send_head(200, [(b"content-length", b"2")])
        await exchange.send_last(b"ok")

    async def wait(self) -> str:
        await self.go.wait()
        return "waited"


async def _reset(stream: trio.SocketStream) -> None:
    reset(stream)


WAYS: dict[str, Callable[[trio.SocketStream], Awaitable[None]]] = {
    "close": trio.SocketStream.aclose,
    "half-close": trio.SocketStream.send_eof,
    "reset": _reset,
}


async def send_what_fits(stream: trio.abc.SendStream, data: bytes) -> None:
    """A server that does not read has it wait, and its client leaves all the same."""
    with trio.move_on_after(0.1):
        await stream.send_all(data)


@pytest.mark.parametrize(
    ("size", "way"),
    # Behind more than a window of bytes that nobody reads no end can come, only a reset.
    [*((size, way) for size in (0, 1, 60_000, 100_000) for way in WAYS), (len(BODY), "reset")],
)
async def test_a_client_that_leaves_is_seen_at_once(size: int, way: str) -> None:
    handler = Waiter()
    with within():
        async with edge(data_plane(handler)) as server:
            stream = await server.connect()
            await send_what_fits(stream, HEAD + BODY[:size])
            await handler.reached.wait()
            await wait_all_tasks_blocked(0.01)
            await WAYS[way](stream)
            await handler.learnt.wait()
            await stream.aclose()
            await until(lambda: not server.counters.open)
        assert server.counters.connection_crashes == server.counters.crashes == 0
        assert server.counters.clients_gone == 1


async def connect(server: Edge) -> trio.SSLStream[trio.SocketStream]:
    context = ssl.create_default_context(cafile=CERTIFICATE)
    stream = trio.SSLStream(await server.connect(), context, server_hostname="localhost", https_compatible=True)
    await stream.do_handshake()
    return stream


@pytest.mark.parametrize("size", [0, 60_000, 100_000])
async def test_a_client_that_leaves_is_seen_through_tls(size: int) -> None:
    handler = Waiter()
    with within():
        async with edge(data_plane(handler), TLS, tls=True) as server:
            stream = await connect(server)
            await send_what_fits(stream, HEAD + BODY[:size])
            await handler.reached.wait()
            await wait_all_tasks_blocked(0.01)
            await trio.aclose_forcefully(stream)
            await handler.learnt.wait()
            await until(lambda: not server.counters.open)
        assert server.counters.connection_crashes == server.counters.crashes == 0


@pytest.mark.parametrize("how", ["close", "reset of the stream"])
@pytest.mark.parametrize("size", [0, 30_000])
async def test_a_client_that_leaves_is_seen_in_http2(size: int, how: str) -> None:
    handler = Waiter()
    with within():
        async with edge(data_plane(handler)) as server:
            stream = await server.connect()
            client = H2Client(stream)
            await client.head(1, "/", end=False)
            for _ in range(size // 10_000):
                client.protocol.send_data(1, bytes(10_000))
                await client.flush()
            await handler.reached.wait()
            await wait_all_tasks_blocked(0.01)
            if how == "close":
                await stream.aclose()
            else:
                client.protocol.reset_stream(1)
                await client.flush()
            await handler.learnt.wait()
            await stream.aclose()
            await until(lambda: not server.counters.open)
        assert server.counters.connection_crashes == server.counters.crashes == 0


@pytest.mark.parametrize("tls", [False, True], ids=["", "tls"])
async def test_what_came_meanwhile_is_the_body(tls: bool) -> None:
    handler = Waiter()
    with within():
        async with edge(data_plane(handler), TLS if tls else QUICK, tls=tls) as server:
            stream = await connect(server) if tls else await server.connect()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(stream.send_all, HEAD + BODY)
                await handler.reached.wait()
                await wait_all_tasks_blocked(0.01)
                handler.go.set()
            await until(lambda: handler.bodies == [BODY])
            # And the connection goes on.
            await stream.send_all(b"POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 3\r\nconnection: close\r\n\r\nabc")
            assert (await read_to_end(stream)).count(b"ok") == 2
            assert handler.bodies == [BODY, b"abc"]
            await trio.aclose_forcefully(stream)


async def test_what_came_meanwhile_is_the_body_in_http2() -> None:
    handler = Waiter()
    with within():
        async with edge(data_plane(handler)) as server, await server.connect() as stream:
            client = H2Client(stream)
            await client.head(1, "/", end=False)
            await handler.reached.wait()
            for place in range(4):
                client.protocol.send_data(1, b"%d" % place * 10_000)
                await client.flush()
                await wait_all_tasks_blocked(0.01)
            handler.go.set()
            client.protocol.send_data(1, b"last", end_stream=True)
            await client.flush()
            await client.read_until(lambda: 1 in client.ended)
            assert client.bodies[1] == b"ok"
            assert handler.bodies == [b"".join(b"%d" % place * 10_000 for place in range(4)) + b"last"]


async def test_several_streams_of_a_connection_wait_at_once() -> None:
    handlers: list[Waiter] = []

    async def handler(exchange: Exchange) -> None:
        handlers.append(Waiter())
        await handlers[-1](exchange)

    with within():
        async with edge(data_plane(handler)) as server:
            stream = await server.connect()
            client = H2Client(stream)
            for number in (1, 3, 5, 7):
                await client.head(number, "/")
            await until(lambda: len(handlers) == 4)
            await wait_all_tasks_blocked(0.01)
            handlers[1].go.set()  # one that goes on leaves the others looking out
            await client.read_until(lambda: 3 in client.ended)
            client.protocol.reset_stream(5)
            await client.flush()
            await handlers[2].learnt.wait()
            await stream.aclose()
            await handlers[0].learnt.wait()
            await handlers[3].learnt.wait()
            await until(lambda: not server.counters.open)
        assert server.counters.connection_crashes == server.counters.crashes == 0
