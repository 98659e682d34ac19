"""The drain: who is told what and when, what ends by itself, what is cut."""

from __future__ import annotations

import dataclasses
import os
import socket
import ssl
from typing import TYPE_CHECKING

import pytest
import trio
from hypercorn.config import Sockets
from trio.testing import wait_all_tasks_blocked

from hyperinfer.api.edge import EdgeSettings, Exchange
from hyperinfer.api.edge import serve as serving
from hyperinfer.api.edge.serve import serve
from tests.api.edge.clients import H1Client, H2Client, read_to_end
from tests.api.edge.kit import CERTIFICATE, QUICK, Edge, RecordingDrain, data_plane, edge, hello, with_lifespan, within

if TYPE_CHECKING:
    from hyperinfer.api.edge import Handler

pytestmark = pytest.mark.usefixtures("each_edge")


SLOW = dataclasses.replace(QUICK, grace=3.0)
"""So much grace that what ends long before it ended at once."""


async def until_ended(server: Edge) -> float:
    """Begins the drain; seconds until the server has ended."""
    began = trio.current_time()
    server.shutdown.set()
    await server.ended.wait()
    return trio.current_time() - began


def streaming(drain: RecordingDrain, started: trio.Event, *, last_words: bool) -> Handler:
    """A stream that ends itself when the grace is over, as the engine's do, or never."""

    async def handler(exchange: Exchange) -> None:
        await exchange.read_body(100)
        await exchange.send_head(200, [])
        await exchange.send_body(b"first ")
        started.set()
        await drain.began.wait()
        assert drain.grace is not None
        if not last_words:
            await trio.sleep_forever()
        await trio.sleep(drain.grace)
        await exchange.send_last(b"last")

    return handler


async def test_the_application_is_told_at_once_with_the_grace() -> None:
    with within():
        async with edge(with_lifespan(hello), SLOW) as server:
            assert server.drain.grace is None
            took = await until_ended(server)
            assert server.drain.grace == SLOW.grace
            assert took < 1


def a_request(server: Edge) -> socket.socket:
    """A client that has connected and asked before the server can run again."""
    client = socket.create_connection(("127.0.0.1", server.port))
    client.sendall(b"GET / HTTP/1.1\r\nhost: h\r\n\r\n")
    return client


async def answer_to(client: socket.socket) -> bytes:
    client.setblocking(False)
    async with trio.SocketStream(trio.socket.from_stdlib_socket(client)) as stream:
        return await read_to_end(stream)


async def test_what_lies_in_the_backlog_or_unread_is_served_before_the_drain(
    monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.setattr(serving, "COMING", 0.3)
    drain, during = RecordingDrain(), list[bool]()

    async def handler(exchange: Exchange) -> None:
        during.append(drain.began.is_set())
        await exchange.send_head(200, [(b"content-length", b"5")])
        await exchange.send_last(b"hello")

    # The stock edge has but a task that waits for the next request of a connection.
    kept = "lean" in request.node.name
    with within():
        async with edge(data_plane(handler), SLOW, drain=drain) as server, await server.connect() as stream:
            client = H1Client(stream)
            assert (await client.ask("GET", "/")).complete
            client.next_request()
            with socket.socket(fileno=os.dup(stream.socket.fileno())) as at_once:
                at_once.send(b"GET / HTTP/1.1\r\nhost: h\r\n\r\n" if kept else b"")
                clients = [a_request(server) for _ in range(20)]
                server.shutdown.set()
            if kept:
                assert (await read_to_end(stream)).endswith(b"hello")
            assert all([(await answer_to(client)).endswith(b"hello") for client in clients])
            await server.ended.wait()
    assert during == [False] * (21 + kept)


async def test_a_handshake_that_waits_in_the_backlog_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "LAST_CALL", 3.0)
    context = ssl.create_default_context(cafile=CERTIFICATE)
    settings = dataclasses.replace(SLOW, certfile=CERTIFICATE, keyfile=CERTIFICATE)
    with within():
        async with edge(with_lifespan(hello), settings, tls=True) as server:
            client = socket.create_connection(("127.0.0.1", server.port))
            server.shutdown.set()
            client.setblocking(False)
            plain = trio.SocketStream(trio.socket.from_stdlib_socket(client))
            async with trio.SSLStream(plain, context, server_hostname="localhost", https_compatible=True) as stream:
                assert (await H1Client(stream).ask("GET", "/")).complete


@pytest.mark.parametrize("protocol", ["http/1.1", "http/2"])
async def test_an_idle_connection_may_ask_once_more(protocol: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "LAST_CALL", 3.0)
    with within():
        async with edge(with_lifespan(hello), SLOW) as server, await server.connect() as stream:
            both, client = H2Client(stream), H1Client(stream)
            if protocol == "http/2":
                await both.head(1, "/")
                await both.read_until(lambda: 1 in both.ended)
            else:
                assert (await client.ask("GET", "/")).complete
                client.next_request()
            server.shutdown.set()
            await server.drain.began.wait()
            await wait_all_tasks_blocked(0.01)
            if protocol == "http/2":
                await both.head(3, "/")
                await both.read_until(lambda: 3 in both.ended)
                assert both.bodies[3] == b"hello"
            else:
                answer = await client.ask("GET", "/")
                assert (answer.body, answer.headers["connection"]) == (b"hello", "close")


async def test_a_request_that_came_with_the_end_is_answered(
    monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.setattr(serving, "LAST_CALL", 0.0)
    if "stock" in request.node.name:
        return  # which has but a task that waits for it
    with within():
        async with edge(with_lifespan(hello), SLOW) as server, await server.connect() as stream:
            client = H1Client(stream)
            assert (await client.ask("GET", "/")).complete
            client.next_request()
            await client.send("GET", "/")
            server.shutdown.set()
            assert (await client.receive()).body == b"hello"


async def test_a_connection_that_has_just_begun_may_still_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "LAST_CALL", 3.0)
    with within():
        async with edge(with_lifespan(hello), SLOW) as server, await server.connect() as stream:
            await wait_all_tasks_blocked(0.01)
            server.shutdown.set()
            await server.drain.began.wait()
            await wait_all_tasks_blocked(0.01)
            answer = await H1Client(stream).ask("GET", "/")
            assert (answer.body, answer.headers["connection"]) == (b"hello", "close")


async def test_new_connections_are_refused_at_once() -> None:
    drain, started = RecordingDrain(), trio.Event()
    with within():
        app = data_plane(streaming(drain, started, last_words=True))
        async with edge(app, drain=drain) as server, await server.connect() as stream:
            await H1Client(stream).send("GET", "/")
            await started.wait()
            server.shutdown.set()
            await drain.began.wait()
            await wait_all_tasks_blocked()
            with pytest.raises(OSError, match="refused"):
                await server.connect()


@pytest.mark.parametrize("protocol", ["http/1.1", "http/2"])
async def test_streams_end_themselves_well_formed(protocol: str) -> None:
    drain, started = RecordingDrain(), trio.Event()
    with within():
        async with edge(data_plane(streaming(drain, started, last_words=True)), drain=drain) as server:
            async with await server.connect() as stream, trio.open_nursery() as nursery:
                client = H2Client(stream)
                if protocol == "http/2":
                    await client.head(1, "/")
                    nursery.start_soon(client.read_until, lambda: 1 in client.ended)
                    await started.wait()
                    took = await until_ended(server)
                else:
                    plain = H1Client(stream)
                    await plain.send("GET", "/")
                    await started.wait()
                    server.shutdown.set()
                    answer = await plain.receive()
                    assert (answer.complete, answer.body) == (True, b"first last")
                    await stream.aclose()
                    took = await until_ended(server)
            if protocol == "http/2":
                assert (client.ended, client.bodies[1]) == ({1: "end"}, b"first last")
            assert took < QUICK.grace + QUICK.settle_margin


async def test_responses_that_begin_during_the_drain_say_close() -> None:
    drain = RecordingDrain()
    started = trio.Event()

    async def handler(exchange: Exchange) -> None:
        started.set()
        await drain.began.wait()
        await exchange.send_head(200, [(b"content-length", b"0")])
        await exchange.send_last()

    with within():
        async with edge(data_plane(handler), drain=drain) as server, await server.connect() as stream:
            client = H1Client(stream)
            await client.send("GET", "/")
            await started.wait()
            server.shutdown.set()
            answer = await client.receive()
            assert answer.headers["connection"] == "close"
            assert await stream.receive_some() == b""


@pytest.mark.parametrize("state", ["fresh", "half a head", "after a response", "http/2"])
async def test_idle_connections_are_closed_at_once(state: str) -> None:
    with within():
        async with edge(with_lifespan(hello), SLOW) as server, await server.connect() as stream:
            if state == "half a head":
                await stream.send_all(b"GET / HT")
            elif state == "after a response":
                assert (await H1Client(stream).ask("GET", "/")).complete
            elif state == "http/2":
                client = H2Client(stream)
                await client.head(1, "/")
                await client.read_until(lambda: 1 in client.ended)
            await wait_all_tasks_blocked(0.01)
            # The client does not close its side, as pools do not until they use the connection again.
            assert await until_ended(server) < 1


async def test_what_does_not_end_is_cut_after_the_margin() -> None:
    drain, started = RecordingDrain(), trio.Event()
    with within():
        async with edge(data_plane(streaming(drain, started, last_words=False)), drain=drain) as server:
            async with await server.connect() as stream, trio.open_nursery() as nursery:
                client = H1Client(stream)
                await client.send("GET", "/")
                await started.wait()
                nursery.start_soon(until_ended, server)
                answer = await client.receive()
                assert not answer.complete
            assert server.ended.is_set()


@pytest.mark.parametrize("protocol", ["http/1.1", "http/2"])
async def test_a_client_that_never_reads_does_not_hold_the_drain(protocol: str) -> None:
    """It stopped reading long before its write deadline: the margin must be enough all the same."""
    blocked = trio.Event()
    settled: list[float] = []

    async def handler(exchange: Exchange) -> None:
        await exchange.read_body(10)
        await exchange.send_head(200, [])
        try:
            while True:
                blocked.set()
                await exchange.send_body(bytes(100_000))
        finally:
            settled.append(trio.current_time())

    settings = dataclasses.replace(QUICK, write_deadline=60, settle_margin=1.8)
    with within():
        async with edge(data_plane(handler), settings) as server, await server.connect(receive_buffer=4096) as stream:
            if protocol == "http/2":
                client = H2Client(stream)
                await client.head(1, "/")
            else:
                await H1Client(stream).send("GET", "/")
            await blocked.wait()
            began = trio.current_time()
            took = await until_ended(server)
            assert took < settings.grace + settings.settle_margin
            # The handler was freed early in the margin: it still has time to settle.
            assert settled[0] - began < settings.grace + settings.settle_margin * 2 / 3
            assert server.counters.clients_gone == 1


async def test_a_handler_that_shields_itself_does_not_hold_the_drain() -> None:
    """Blocked in a send, under a shield of its own: only the reset of the connection ends that."""
    blocked = trio.Event()

    async def handler(exchange: Exchange) -> None:
        await exchange.send_head(200, [])
        with trio.CancelScope(shield=True):
            while True:
                blocked.set()
                await exchange.send_body(bytes(1_000_000))

    with within():
        settings = dataclasses.replace(QUICK, write_deadline=60)
        async with edge(data_plane(handler), settings) as server, await server.connect() as stream:
            await H1Client(stream).send("GET", "/")
            await blocked.wait()
            assert await until_ended(server) < settings.grace + settings.settle_margin + 0.2


async def test_cancelling_from_outside_does_not_wait_for_clients() -> None:
    blocked = trio.Event()

    async def handler(exchange: Exchange) -> None:
        await exchange.send_head(200, [])
        while True:
            blocked.set()
            await exchange.send_body(bytes(1_000_000))

    listening = socket.create_server(("127.0.0.1", 0))
    listening.setblocking(False)
    address = listening.getsockname()
    with within():
        async with trio.open_nursery() as nursery:

            async def served() -> None:
                sockets = Sockets([], [listening], [])
                app = data_plane(handler)
                await serve(app, EdgeSettings(), sockets=sockets, shutdown=trio.Event(), drain=RecordingDrain())

            nursery.start_soon(served)
            async with await trio.open_tcp_stream(*address) as stream:
                await stream.send_all(b"GET / HTTP/1.1\r\nhost: h\r\n\r\n")
                await blocked.wait()
                await wait_all_tasks_blocked(0.01)
                nursery.cancel_scope.cancel()
