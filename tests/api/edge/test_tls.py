"""What the guarded stream promises, from below TLS."""

from __future__ import annotations

import dataclasses
import ssl

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from hyperinfer.api.edge import BodyTooLarge, Exchange
from tests.api.edge.clients import H1Client
from tests.api.edge.kit import CERTIFICATE, QUICK, Edge, data_plane, edge, hello, until, until_gone, with_lifespan, within

pytestmark = pytest.mark.usefixtures("each_edge")


TLS = dataclasses.replace(QUICK, certfile=CERTIFICATE, keyfile=CERTIFICATE)


async def connect(server: Edge, *, receive_buffer: int | None = None) -> trio.SSLStream[trio.SocketStream]:
    context = ssl.create_default_context(cafile=CERTIFICATE)
    transport = await server.connect(receive_buffer=receive_buffer)
    stream = trio.SSLStream(transport, context, server_hostname="localhost", https_compatible=True)
    await stream.do_handshake()
    return stream


@pytest.mark.parametrize("way", ["close", "half-close"])
@pytest.mark.parametrize("pipelined", [b"", b"GET /next HTTP/1.1\r\nhost: h\r\n\r\n"], ids=["", "next"])
async def test_the_disconnect(pipelined: bytes, way: str) -> None:
    learnt = trio.Event()
    reached = trio.Event()

    async def handler(exchange: Exchange) -> None:
        await exchange.read_body(10)
        await exchange.send_head(200, [])
        reached.set()
        await until_gone(exchange)
        learnt.set()

    with within():
        async with edge(data_plane(handler), TLS, tls=True) as server:
            stream = await connect(server)
            await stream.send_all(b"GET / HTTP/1.1\r\nhost: h\r\n\r\n" + pipelined)
            await reached.wait()
            await wait_all_tasks_blocked(0.01)
            if way == "close":
                await stream.aclose()
            else:
                await stream.transport_stream.send_eof()
            await learnt.wait()
            await trio.aclose_forcefully(stream)
        assert server.counters.connection_crashes == 0


async def test_a_handler_that_ends_with_its_client_is_cancelled() -> None:
    reached, ended = trio.Event(), trio.Event()

    async def handler(exchange: Exchange) -> None:
        await exchange.read_body(10)
        exchange.end_with_client()
        reached.set()
        try:
            await trio.sleep_forever()
        finally:
            ended.set()

    with within():
        async with edge(data_plane(handler), TLS, tls=True) as server:
            stream = await connect(server)
            await stream.send_all(b"GET / HTTP/1.1\r\nhost: h\r\n\r\n")
            await reached.wait()
            await stream.aclose()
            await ended.wait()
            await until(lambda: not server.counters.open)
        assert server.counters.clients_gone == 1
        assert server.counters.connection_crashes == server.counters.crashes == 0


async def test_a_client_that_never_reads() -> None:
    async def handler(exchange: Exchange) -> None:
        await exchange.read_body(10)
        await exchange.send_head(200, [])
        while True:
            await exchange.send_body(bytes(50_000))

    with within():
        async with edge(data_plane(handler), dataclasses.replace(TLS, write_deadline=0.2), tls=True) as server:
            stream = await connect(server, receive_buffer=4096)
            await stream.send_all(b"GET / HTTP/1.1\r\nhost: h\r\n\r\n")
            await until(lambda: server.counters.clients_gone == 1)
            await until(lambda: not server.counters.open)
            await trio.aclose_forcefully(stream)
        assert server.counters.connection_crashes == 0


async def test_an_early_413() -> None:
    async def handler(exchange: Exchange) -> None:
        with pytest.raises(BodyTooLarge):
            await exchange.read_body(1000)
        await exchange.send_head(413, [(b"content-length", b"2"), (b"connection", b"close")])
        await exchange.send_last(b"no")

    with within():
        async with edge(data_plane(handler), TLS, tls=True) as server:
            stream = await connect(server)
            await stream.send_all(b"POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 2000000\r\n\r\n" + bytes(2_000_000))
            received = b""
            while data := await stream.receive_some():
                received += data
            assert received.startswith(b"HTTP/1.1 413")
            assert received.endswith(b"no")
            await trio.aclose_forcefully(stream)


@pytest.mark.parametrize("state", ["handshake", "idle"])
async def test_a_drain_ends_what_is_idle_at_once(state: str) -> None:
    with within():
        async with edge(with_lifespan(hello), dataclasses.replace(TLS, grace=4.0), tls=True) as server:
            if state == "idle":
                stream = await connect(server)
                await stream.send_all(b"GET / HTTP/1.1\r\nhost: h\r\n\r\n")
                await stream.receive_some()
                transport = stream.transport_stream
            else:
                transport = await server.connect()
                await until(lambda: server.counters.open == 1)
            began = trio.current_time()
            server.shutdown.set()
            await server.ended.wait()
            assert trio.current_time() - began < 2
            await trio.aclose_forcefully(transport)


async def test_a_handshake_that_never_ends_is_cut() -> None:
    with within():
        async with edge(with_lifespan(hello), dataclasses.replace(TLS, handshake=0.1), tls=True) as server:
            async with await server.connect() as stream:
                assert await stream.receive_some() == b""
            assert server.counters.handshakes_failed == 1


async def test_several_requests_on_a_connection() -> None:
    with within():
        async with edge(with_lifespan(hello), TLS, tls=True) as server:
            stream = await connect(server)
            for _ in range(3):
                client = H1Client(stream)
                assert (await client.ask("GET", "/")).body == b"hello"
            await stream.aclose()
