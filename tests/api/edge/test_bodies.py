"""Exchanges over real connections: what a handler is told, bodies and their limits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio

from hyperinfer.api.edge import AsgiExchange, BodyTooLarge, ClientGone, Dispatch, Exchange, SlowBody
from tests.api.edge.clients import H1Client, H2Client, read_to_end
from tests.api.edge.kit import bare, data_plane, edge, until_gone, with_lifespan, within

if TYPE_CHECKING:
    from hyperinfer.api.edge import Handler, Message, Receive, Scope, Send

pytestmark = pytest.mark.usefixtures("each_edge")


BIG = bytes(range(256)) * 4096 * 3  # 3 MiB: more messages than hypercorn queues


def chunked(body: bytes, size: int) -> bytes:
    pieces = [body[start : start + size] for start in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


async def echo(exchange: Exchange) -> None:
    """Answers with what it read; the errors of a body as 413 and 408."""
    try:
        body = await exchange.read_body(len(BIG))
    except BodyTooLarge:
        return await answer(exchange, 413, b"too large")
    except SlowBody:
        return await answer(exchange, 408, b"too slow")
    await answer(exchange, 200, body)


async def answer(exchange: Exchange, status: int, body: bytes) -> None:
    await exchange.send_head(status, [(b"content-length", b"%d" % len(body))])
    await exchange.send_last(body)


async def test_the_length_of_a_body_before_it_is_read() -> None:
    """Where chunks do not tell it, the handler has to reckon with any."""
    lengths: list[int | None] = []

    async def handler(exchange: Exchange) -> None:
        lengths.append(exchange.body_length)
        await echo(exchange)

    with within():
        async with edge(data_plane(handler)) as server:
            client = H1Client(await server.connect())
            for body in (b"", b"x" * 5, b"x" * 200_000):
                assert (await client.ask("POST", "/", body)).body == body
                client.next_request()
            await client.stream.aclose()
            head = b"POST / HTTP/1.1\r\nhost: h\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n"
            assert (await server.ask(head + chunked(BIG, 100_000))).endswith(BIG[-1000:])
    assert lengths[1:] == [5, 200_000, None]
    assert not lengths[0]


async def test_a_request_as_its_handler_sees_it() -> None:
    seen: list[Exchange] = []

    async def handler(exchange: Exchange) -> None:
        seen.append(exchange)
        await answer(exchange, 200, b"")

    with within():
        async with edge(data_plane(handler)) as server:
            wire = b"POST /a%20b/c?x=%201&y HTTP/1.1\r\nHost: h\r\nX-Two: 1\r\nx-two: 2\r\nConnection: close\r\n\r\n"
            await server.ask(wire)
        exchange = seen[0]
        assert (exchange.method, exchange.path, exchange.query) == ("POST", "/a b/c", b"x=%201&y")
        expected = [(b"host", b"h"), (b"x-two", b"1"), (b"x-two", b"2"), (b"connection", b"close")]
        assert list(exchange.headers) == expected
        assert exchange.client is not None
        assert exchange.client[0] == "127.0.0.1"


async def test_dispatch_by_path_whatever_the_method() -> None:
    async def handler(exchange: Exchange) -> None:
        await answer(exchange, 200, exchange.method.encode())

    routes: dict[str, Handler] = {"/mine": handler}
    with within():
        async with edge(Dispatch(routes.get, bare)) as server, await server.connect() as stream:
            client = H1Client(stream)
            for method, path, expected in (("GET", "/mine", 200), ("DELETE", "/mine", 200), ("GET", "/other", 404)):
                assert (await client.ask(method, path)).status == expected
                client.next_request()


async def test_a_lifespan_of_its_own() -> None:
    events: list[str] = []

    async def lifespan(scope: Scope, receive: Receive, send: Send) -> None:
        events.append("start")
        await bare(scope, receive, send)
        events.append("end")

    def nothing(path: str) -> None:
        del path

    with within():
        async with edge(Dispatch(nothing, bare, lifespan=lifespan)):
            assert events == ["start"]
    assert events == ["start", "end"]


@pytest.mark.parametrize("body", [b"", b"x", BIG], ids=["empty", "small", "big"])
@pytest.mark.parametrize("framing", ["length", "chunks"])
async def test_whole_bodies(body: bytes, framing: str) -> None:
    with within():
        async with edge(data_plane(echo)) as server, await server.connect() as stream, trio.open_nursery() as nursery:
            head = b"POST / HTTP/1.1\r\nhost: h\r\nconnection: close\r\n"
            if framing == "length":
                wire = head + b"content-length: %d\r\n\r\n" % len(body) + body
            else:
                wire = head + b"transfer-encoding: chunked\r\n\r\n" + chunked(body, 100_000)
            nursery.start_soon(stream.send_all, wire)
            _, _, received = (await read_to_end(stream)).partition(b"\r\n\r\n")
            assert received == body


async def test_a_length_over_the_limit_is_refused_before_the_body_comes() -> None:
    with within():
        async with edge(data_plane(echo)) as server, await server.connect() as stream:
            await stream.send_all(b"POST / HTTP/1.1\r\nhost: h\r\ncontent-length: %d\r\n\r\n" % (len(BIG) + 1))
            assert (await received_head(stream)).startswith(b"HTTP/1.1 413")


async def received_head(stream: trio.SocketStream) -> bytes:
    received = b""
    while b"\r\n\r\n" not in received:
        received += await stream.receive_some()
    return received


@pytest.mark.parametrize("framing", ["length", "chunks"])
async def test_an_early_413_is_readable_while_the_client_sends_on(framing: str) -> None:
    body = BIG + BIG
    head = b"POST / HTTP/1.1\r\nhost: h\r\nconnection: close\r\n"
    if framing == "length":
        wire = head + b"content-length: %d\r\n\r\n" % len(body) + body
    else:
        wire = head + b"transfer-encoding: chunked\r\n\r\n" + chunked(body, 5_000)
    with within():
        async with edge(data_plane(echo)) as server:
            # A client that sends all before it reads, as simple ones do.
            answered = await server.ask(wire)
            assert answered.startswith(b"HTTP/1.1 413")
            assert answered.endswith(b"too large")


async def test_a_413_on_http_2() -> None:
    with within():
        async with edge(data_plane(echo)) as server, await server.connect() as stream:
            client = H2Client(stream)
            fields = [(":method", "POST"), (":path", "/"), (":scheme", "http"), (":authority", "localhost")]
            client.protocol.send_headers(1, [*fields, ("content-length", str(len(BIG) + 1))])
            client.protocol.send_data(1, bytes(1000))
            await client.flush()
            await client.read_until(lambda: 1 in client.bodies)
            assert client.statuses[1] == b"413"
            assert client.bodies[1] == b"too large"


async def test_the_body_is_read_once() -> None:
    async def handler(exchange: Exchange) -> None:
        await exchange.read_body(10)
        with pytest.raises(RuntimeError):
            await exchange.read_body(10)
        await answer(exchange, 200, b"fine")

    with within():
        async with edge(data_plane(handler)) as server, await server.connect() as stream:
            assert (await H1Client(stream).ask("POST", "/", b"x")).body == b"fine"


def scripted(nursery: trio.Nursery, *messages: tuple[float, Message], **limits: float) -> AsgiExchange:
    """An exchange whose body messages come after the seconds given, and then nothing more."""
    script = list(messages)

    async def receive() -> Message:
        if not script:
            await trio.sleep_forever()
        seconds, message = script.pop(0)
        await trio.sleep(seconds)
        return message

    async def send(message: Message) -> None:
        del message

    scope: Scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "POST",
        "path": "/",
        "query_string": b"",
        "headers": [],
    }
    return AsgiExchange(scope, receive, send, nursery, **limits)


def part(body: bytes, *, more: bool = True) -> Message:
    return {"type": "http.request", "body": body, "more_body": more}


async def test_each_byte_renews_the_time_of_a_body(autojump_clock: trio.testing.MockClock, nursery: trio.Nursery) -> None:
    exchange = scripted(nursery, (59, part(b"a")), (59, part(b"b")), (59, part(b"c", more=False)))
    assert await exchange.read_body(10) == b"abc"
    assert trio.current_time() == 177


async def test_a_body_that_stops_is_slow_after_a_minute(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    exchange = scripted(nursery, (10, part(b"a")))
    with pytest.raises(SlowBody):
        await exchange.read_body(10)
    assert trio.current_time() == 70


async def test_a_body_that_only_trickles_is_slow_in_the_end(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    exchange = scripted(nursery, *[(50, part(b"a"))] * 99)
    with pytest.raises(SlowBody):
        await exchange.read_body(1000)
    assert trio.current_time() == 900


async def test_a_slow_body_over_a_connection_gets_its_answer() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        async with trio.open_nursery() as nursery:
            await echo(AsgiExchange(scope, receive, send, nursery, body_idle=0.05))

    with within():
        async with edge(with_lifespan(app)) as server, await server.connect() as stream:
            await stream.send_all(b"POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 10\r\n\r\nhalf")
            assert (await received_head(stream)).startswith(b"HTTP/1.1 408")


async def test_an_exchange_over_another_server(autojump_clock: trio.testing.MockClock, nursery: trio.Nursery) -> None:
    """No connection of ours behind it: the disconnect comes as ASGI says."""
    exchange = scripted(nursery, (1, part(b"a", more=False)), (1, {"type": "http.disconnect"}))
    assert await exchange.read_body(10) == b"a"
    await until_gone(exchange)
    with pytest.raises(ClientGone):
        await exchange.send_head(200, [])
