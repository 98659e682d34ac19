"""The disconnect in every phase of a request, clients that do not read, and handlers that are cancelled."""

from __future__ import annotations

import dataclasses
import json

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from hyperinfer.api.edge import ClientGone, Exchange
from tests.api.edge.clients import H1Client, H2Client, read_to_end, reset
from tests.api.edge.kit import QUICK, data_plane, edge, until, until_gone, within

pytestmark = pytest.mark.usefixtures("each_edge")


async def answer(exchange: Exchange, status: int, body: bytes) -> None:
    await exchange.send_head(status, [(b"content-length", b"%d" % len(body))])
    await exchange.send_last(body)


BIG = bytes(range(256)) * 4096 * 3  # 3 MiB: more messages than hypercorn queues

PHASES = ["in the body", "before the head", "before the first bytes", "between bytes", "while it sends"]

WAYS = ["close", "half-close", "reset"]


async def leave(stream: trio.SocketStream, way: str) -> None:
    match way:
        case "close":
            await stream.aclose()
        case "half-close":
            await stream.send_eof()
        case _:
            reset(stream)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("pipelined", [b"", b"\r\n", b"GET /next HTTP/1.1\r\nhost: h\r\n\r\n"], ids=["", "crlf", "next"])
@pytest.mark.parametrize("phase", PHASES)
async def test_the_handler_learns_at_once_that_its_client_left(phase: str, pipelined: bytes, way: str) -> None:
    reached, learnt = trio.Event(), trio.Event()
    last_path: list[str] = []

    async def handler(exchange: Exchange) -> None:
        last_path.append(exchange.path)
        if exchange.path == "/next":
            # The pipelined request, when the first one has ended; its client is gone too.
            return await answer(exchange, 200, b"")
        if phase == "in the body":
            reached.set()
            try:
                await exchange.read_body(1000)
            except ClientGone:
                learnt.set()
                raise
        await exchange.read_body(1000)
        with trio.CancelScope() as running:

            def leave() -> None:
                learnt.set()
                running.cancel()

            exchange.on_gone(leave)
            if phase != "before the head":
                await exchange.send_head(200, [])
            if phase in {"between bytes", "while it sends"}:
                await exchange.send_body(b"some")
            reached.set()
            while phase == "while it sends":
                await exchange.send_body(b"more")
                await trio.lowlevel.checkpoint()
            await trio.sleep_forever()

    with within(3):
        async with edge(data_plane(handler)) as server:
            stream = await server.connect()
            body = b"half" if phase == "in the body" else b"whole body" + pipelined
            await stream.send_all(b"POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 10\r\n\r\n" + body)
            await reached.wait()
            await wait_all_tasks_blocked() if phase != "while it sends" else None
            await leave(stream, way)
            await learnt.wait()
            await stream.aclose()
            await until(lambda: not server.counters.open)
        assert server.counters.connection_crashes == 0
        assert server.counters.crashes == 0


@pytest.mark.parametrize("way", WAYS)
async def test_a_body_is_asked_for_when_its_client_has_left(way: str) -> None:
    """While the handler waits for something else, more of the body than is read unasked lies there."""
    reached, go_on, learnt = trio.Event(), trio.Event(), trio.Event()

    async def handler(exchange: Exchange) -> None:
        reached.set()
        await go_on.wait()
        try:
            await exchange.read_body(10**6)
        except ClientGone:
            learnt.set()
            raise

    with within(3):
        async with edge(data_plane(handler)) as server:
            stream = await server.connect()
            await stream.send_all(b"POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 900000\r\n\r\n" + bytes(200_000))
            await reached.wait()
            await wait_all_tasks_blocked()
            await leave(stream, way)
            await trio.sleep(0.05)
            go_on.set()
            await learnt.wait()
            await stream.aclose()
            await until(lambda: not server.counters.open)
        assert server.counters.crashes == 0


@pytest.mark.parametrize("way", WAYS)
async def test_a_handler_that_ends_with_its_client_is_cancelled(way: str) -> None:
    reached, after = trio.Event(), list[str]()

    async def handler(exchange: Exchange) -> None:
        await exchange.read_body(10)
        exchange.end_with_client()
        if exchange.path == "/last":
            try:
                await exchange.send_head(200, [])
                await exchange.send_body(b"some")
                reached.set()
                await trio.sleep_forever()
            finally:
                assert exchange.gone
                with trio.move_on_after(1, shield=True):
                    await wait_all_tasks_blocked()
                after.append(exchange.path)
        await answer(exchange, 200, b"ok")
        await trio.lowlevel.checkpoint()
        assert not exchange.gone
        after.append(exchange.path)

    with within(3):
        async with edge(data_plane(handler)) as server:
            stream = await server.connect()
            client = H1Client(stream)
            for path in ("/1", "/2"):
                assert (await client.ask("GET", path)).body == b"ok"
                client.next_request()
            await client.send("GET", "/last")
            await reached.wait()
            await leave(stream, way)
            await until(lambda: "/last" in after)
            await stream.aclose()
            await until(lambda: not server.counters.open)
        assert after == ["/1", "/2", "/last"]
        assert server.counters.clients_gone == 1
        assert server.counters.connection_crashes == server.counters.crashes == 0


async def test_a_pipelined_request_is_answered_after_the_first() -> None:
    go = trio.Event()

    async def handler(exchange: Exchange) -> None:
        await exchange.read_body(10)
        with trio.CancelScope() as running:
            exchange.on_gone(running.cancel)
            if exchange.path == "/1":
                await go.wait()
        await answer(exchange, 200, exchange.path.encode())

    def request(path: bytes, more: bytes = b"") -> bytes:
        return b"GET " + path + b" HTTP/1.1\r\nhost: h\r\n" + more + b"\r\n"

    with within():
        async with edge(data_plane(handler)) as server, await server.connect() as stream:
            await stream.send_all(request(b"/1") + request(b"/2"))
            await wait_all_tasks_blocked(0.01)
            # Comes while the first one still runs: read ahead, and handed on later.
            await stream.send_all(request(b"/3", b"connection: close\r\n"))
            await wait_all_tasks_blocked(0.01)
            go.set()
            received = await read_to_end(stream)
            assert [received.count(b"\r\n\r\n" + path) for path in (b"/1", b"/2", b"/3")] == [1, 1, 1]
            assert received.index(b"/1") < received.index(b"/2") < received.index(b"/3")


async def test_waiting_without_having_read_the_body_drops_it() -> None:
    learnt = trio.Event()

    async def handler(exchange: Exchange) -> None:
        await until_gone(exchange)
        learnt.set()

    with within():
        async with edge(data_plane(handler)) as server:
            async with await server.connect() as stream:
                await H1Client(stream).send("POST", "/", BIG)
            await learnt.wait()


@pytest.mark.parametrize("way", ["reset the stream", "close the connection"])
async def test_the_disconnect_on_http_2(way: str) -> None:
    reached, learnt = trio.Event(), trio.Event()

    async def handler(exchange: Exchange) -> None:
        await exchange.read_body(10)
        await exchange.send_head(200, [])
        reached.set()
        await until_gone(exchange)
        with pytest.raises(ClientGone):
            await exchange.send_body(b"x")
        learnt.set()

    with within():
        async with edge(data_plane(handler)) as server, await server.connect() as stream:
            client = H2Client(stream)
            await client.head(1, "/")
            await reached.wait()
            if way == "reset the stream":
                client.protocol.reset_stream(1)
                await client.flush()
            else:
                await stream.aclose()
            await learnt.wait()


async def test_sending_to_a_client_that_left_says_so() -> None:
    outcome = trio.Event()

    async def handler(exchange: Exchange) -> None:
        await exchange.read_body(10)
        await exchange.send_head(200, [])
        try:
            while True:
                await exchange.send_body(bytes(100_000))
        except ClientGone:
            outcome.set()
            raise

    with within():
        async with edge(data_plane(handler)) as server:
            stream = await server.connect()
            await H1Client(stream).send("GET", "/")
            await stream.receive_some()
            reset(stream)
            await outcome.wait()
        assert server.counters.crashes == 0
        assert server.counters.clients_gone == 1


async def test_a_client_that_never_reads_is_dropped_after_the_write_deadline() -> None:
    sent: list[int] = []

    async def handler(exchange: Exchange) -> None:
        await exchange.read_body(10)
        await exchange.send_head(200, [])
        while True:
            sent.append(10_000)
            await exchange.send_body(bytes(10_000))

    settings = dataclasses.replace(QUICK, write_deadline=0.2, send_buffer=16 * 1024)
    with within():
        async with edge(data_plane(handler), settings) as server:
            async with await server.connect(receive_buffer=4096) as stream:
                await H1Client(stream).send("GET", "/")
                await until(lambda: bool(server.counters.clients_gone))
            assert server.counters.clients_gone == 1
        # Bounded by both socket buffers (the kernel doubles what is asked) and what was being sent.
        assert sum(sent) < 2_000_000


@pytest.mark.parametrize("http2", [False, True])
async def test_a_message_that_was_begun_is_sent_whole(http2: bool) -> None:
    """A deadline ends a handler in the middle of a send; its last words must not follow a gap."""
    size = 400_000

    async def handler(exchange: Exchange) -> None:
        await exchange.read_body(10)
        await exchange.send_head(200, [])
        with trio.move_on_after(0.05) as scope:
            await exchange.send_body(b"a" * size)
            await trio.sleep_forever()
        assert scope.cancelled_caught
        await exchange.send_last(b"last words")

    with within():
        async with edge(data_plane(handler)) as server, await server.connect(receive_buffer=4096) as stream:
            if http2:
                client = H2Client(stream)
                await client.head(1, "/")
                await trio.sleep(0.1)
                await client.read_until(lambda: 1 in client.ended)
                body = client.bodies[1]
            else:
                plain = H1Client(stream)
                await plain.send("GET", "/")
                await trio.sleep(0.1)
                received = await plain.receive()
                assert received.complete
                body = received.body
            assert body == b"a" * size + b"last words"


async def test_a_handler_that_only_sends_can_be_cancelled() -> None:
    async def handler(exchange: Exchange) -> None:
        await exchange.read_body(10)
        await exchange.send_head(200, [])
        with trio.move_on_after(0.05):
            while True:
                await exchange.send_body(b"x")
        await exchange.send_last(json.dumps("end").encode())

    with within():
        async with edge(data_plane(handler)) as server, await server.connect() as stream:
            received = await H1Client(stream).ask("GET", "/")
            assert received.complete
            assert received.body.endswith(b'"end"')


async def test_a_large_request_may_follow_before_the_handler_of_the_one_before_has_returned() -> None:
    sent, bodies, gone = trio.Event(), list[int](), list[int]()

    async def handler(exchange: Exchange) -> None:
        bodies.append(len(await exchange.read_body(1_000_000)))
        number = len(bodies)
        exchange.on_gone(lambda: gone.append(number))
        await answer(exchange, 200, b"ok")
        await sent.wait()
        await wait_all_tasks_blocked(0.02)

    request = b"POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 200000\r\n\r\n" + bytes(200_000)
    with within(3):
        async with edge(data_plane(handler)) as server, await server.connect() as stream, trio.open_nursery() as nursery:
            for number in (1, 2):
                nursery.start_soon(stream.send_all, request)
                if number == 2:
                    await wait_all_tasks_blocked(0.02)
                    sent.set()
                received = b""
                while not received.endswith(b"ok"):
                    data = await stream.receive_some()
                    assert data, f"closed before answer {number}"
                    received += data
    assert bodies == [200_000, 200_000]
    assert 1 not in gone
