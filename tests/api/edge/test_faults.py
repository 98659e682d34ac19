"""What clients and handlers do wrong: each ends at most its own connection, and the worker answers the next one."""

from __future__ import annotations

import dataclasses
from contextlib import suppress
from typing import TYPE_CHECKING, cast

import h2.config
import h2.connection
import h2.events
import httptools
import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from hyperinfer.api.edge import ClientGone, EdgeCounters, EdgeSettings, Exchange
from hyperinfer.api.edge.asgi import H2_PIECE, EdgeApp, Reply
from hyperinfer.api.edge.connection import EDGES, Connection, Connections, StockEdge
from hyperinfer.api.edge.deadline import WriteDeadline
from hyperinfer.api.edge.guarded import GuardedStream
from tests.api.edge.kit import QUICK, Edge, H1Client, data_plane, edge, hello, read_to_end, until, with_lifespan, within

if TYPE_CHECKING:
    from collections.abc import Callable

    from hyperinfer.api.edge import Message, Receive, Scope, Send
    from hyperinfer.api.edge.connection import Choose, EdgeConnection, EdgeStream, Serving

START: Message = {"type": "http.response.start", "status": 200, "headers": []}
SOME: Message = {"type": "http.response.body", "body": b"some", "more_body": True}
LAST: Message = {"type": "http.response.body", "body": b"last", "more_body": False}


async def still_serves(server: Edge) -> None:
    async with await server.connect() as stream:
        answer = await H1Client(stream).ask("GET", "/fine")
        assert (answer.status, answer.body, answer.complete) == (200, b"hello", True)


# Bytes that are no request

NONSENSE = {
    "garbage": b"\x00\xff\x16\x03\x01 garbage \r\n\r\n",
    "a TLS hello on the plain port": bytes.fromhex("16030100a5010000a1030300") + bytes(40) + b"\r\n\r\n",
    "no version": b"GET /\r\n\r\n",
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "two hosts": b"GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n",
    "a space before the colon": b"GET / HTTP/1.1\r\nhost: a\r\nx : y\r\n\r\n",
    "an empty name": b"GET / HTTP/1.1\r\nhost: a\r\n: y\r\n\r\n",
    "a NUL in a value": b"GET / HTTP/1.1\r\nhost: a\r\nx: \x00\r\n\r\n",
    "two lengths": b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
    "a length that is no number": b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: ten\r\n\r\n",
    "a negative length": b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: -1\r\n\r\n",
    "an unknown transfer coding": b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: gzip\r\n\r\n",
    "a bad chunk size": b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
    "an endless path": b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\nhost: a\r\n\r\n",
    "an endless header": b"GET / HTTP/1.1\r\nhost: a\r\nx: " + b"a" * 300_000 + b"\r\n\r\n",
    "too many headers": b"GET / HTTP/1.1\r\nhost: a\r\n" + b"x: y\r\n" * 60_000 + b"\r\n",
    "a wrong HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n" + bytes(64),
    "an HTTP/2 frame of the wrong kind": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00\x00\x04\x00\x00\x00\x00\x00\x05abcd",
    "an oversized HTTP/2 frame": (
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00\x4e\x20\x04\x00\x00\x00\x00\x00" + bytes(20_000)
    ),
    "bad settings in an upgrade": (
        b"GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: !!!\r\n\r\n"
    ),
    "an upgrade without settings": b"GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n",
}


@pytest.mark.parametrize("wire", NONSENSE.values(), ids=NONSENSE.keys())
async def test_bytes_that_are_no_request(wire: bytes) -> None:
    with within():
        async with edge(with_lifespan(hello)) as server:
            answer = await server.ask(wire + b"connection: close\r\n\r\n")
            assert b" 200 " not in answer.partition(b"\r\n")[0]
            await still_serves(server)


async def test_a_length_beside_chunks_is_not_smuggled() -> None:
    wire = (
        b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n"
        b"0\r\n\r\nGET /smuggled HTTP/1.1\r\nhost: a\r\n\r\n"
    )
    bodies: list[tuple[str, bytes]] = []

    async def handler(exchange: Exchange) -> None:
        bodies.append((exchange.path, await exchange.read_body(100)))
        await exchange.send_head(200, [(b"content-length", b"5")])
        await exchange.send_last(b"hello")

    with within():
        async with edge(data_plane(handler)) as server:
            async with await server.connect() as stream:
                await stream.send_all(wire)
                await stream.receive_some()
            await still_serves(server)
            # RFC 9112 6.3: the chunks count. What follows them is a request of its own, and never part of the body.
            assert bodies[0] == ("/", b"")


@pytest.mark.parametrize("size", [20_000, 60_000])
async def test_large_but_sane_heads_pass_however_they_are_cut(size: int) -> None:
    wire = b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\nx: " + b"a" * size + b"\r\n\r\n"
    with within():
        async with edge(with_lifespan(hello)) as server:
            for pieces in ([wire], [wire[:17_000], wire[17_000:]]):
                async with await server.connect() as stream:
                    for piece in pieces:
                        await stream.send_all(piece)
                        await wait_all_tasks_blocked(0.005)
                    assert (await read_to_end(stream)).startswith(b"HTTP/1.1 200")


async def test_a_head_that_is_too_large_gets_its_431() -> None:
    with within():
        async with edge(with_lifespan(hello)) as server:
            assert (await server.ask(NONSENSE["an endless header"])).startswith(b"HTTP/1.1 431")


async def test_a_head_that_never_ends_is_cut_in_time() -> None:
    with within():
        async with edge(with_lifespan(hello), dataclasses.replace(QUICK, first_request=0.1)) as server:
            assert not (await server.ask(b"GET / HTTP/1.1\r\nhost: a\r\n")).startswith(b"HTTP/1.1 200")


# Handlers that throw

EXCEPTIONS: dict[str, Callable[[], BaseException]] = {
    "ValueError": lambda: ValueError("boom"),
    "a group": lambda: ExceptionGroup("many", [ValueError("a"), ExceptionGroup("deep", [KeyError("b")])]),
    "BrokenResourceError": lambda: trio.BrokenResourceError("not ours"),
    "EndOfChannel": trio.EndOfChannel,
    "OSError": lambda: OSError(104, "reset"),
    "HttpParserUpgrade": lambda: httptools.HttpParserUpgrade(5),
    "RecursionError": RecursionError,
    "StopAsyncIteration": StopAsyncIteration,
    "SystemExit": lambda: SystemExit(3),
    "a group with SystemExit": lambda: BaseExceptionGroup("mixed", [SystemExit(3), ValueError("c")]),
}
PHASES = ["before the body", "after the body", "after the head", "between the bytes", "after the end", "in a nursery"]


@pytest.mark.parametrize("exception", EXCEPTIONS.values(), ids=EXCEPTIONS.keys())
@pytest.mark.parametrize("phase", PHASES)
async def test_a_handler_may_throw_anything_anywhere(phase: str, exception: Callable[[], BaseException]) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/fine":
            return await hello(scope, receive, send)
        if phase == "before the body":
            raise exception()
        while (await receive()).get("more_body"):
            pass
        if phase == "after the body":
            raise exception()
        if phase == "in a nursery":
            async with trio.open_nursery() as nursery:
                nursery.start_soon(trio.sleep_forever)
                raise exception()
        await send(START)
        if phase == "after the head":
            raise exception()
        await send(SOME)
        if phase == "between the bytes":
            raise exception()
        await send(LAST)
        raise exception()

    with within():
        async with edge(with_lifespan(app)) as server:
            async with await server.connect() as stream:
                answer = await H1Client(stream).ask("POST", "/", b"x" * 1000)
            if phase in {"before the body", "after the body", "in a nursery"}:
                assert (answer.status, answer.complete) == (500, True)
                assert b'"internal_error"' in answer.body
            else:
                # A client must be able to tell half an answer from a whole one.
                assert answer.complete == (phase == "after the end")
            await still_serves(server)
            assert server.counters.crashes == 1
            assert server.counters.connection_crashes == 0


@pytest.mark.parametrize("messages", [[], [START], [START, SOME]], ids=["nothing", "a head", "some bytes"])
async def test_a_handler_that_forgets_the_end(messages: list[Message]) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        for message in messages:
            await send(message)

    with within():
        async with edge(with_lifespan(app)) as server, await server.connect() as stream:
            answer = await H1Client(stream).ask("GET", "/")
            assert (answer.status, answer.complete) == ((200, False) if messages else (500, True))
            assert server.counters.crashes == 1


BAD_MESSAGES: dict[str, list[Message]] = {
    "an unknown type": [{"type": "http.nonsense"}],
    "two heads": [START, START],
    "a body first": [SOME],
    "a text for a body": [START, {"type": "http.response.body", "body": "text", "more_body": True}],
    "a header of text": [{"type": "http.response.start", "status": 200, "headers": [("a", "b")]}],
    "a header that is none": [{"type": "http.response.start", "status": 200, "headers": [(b"a b", b"c\r\nd: e")]}],
    "more than its length": [{**START, "headers": [(b"content-length", b"1")]}, SOME],
    "a status that is none": [{"type": "http.response.start", "status": 7, "headers": []}],
}


@pytest.mark.parametrize("messages", BAD_MESSAGES.values(), ids=BAD_MESSAGES.keys())
async def test_a_handler_that_speaks_nonsense(messages: list[Message]) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/fine":
            return await hello(scope, receive, send)
        for message in messages:
            await send(message)

    with within():
        async with edge(with_lifespan(app)) as server:
            async with await server.connect() as stream:
                answer = await H1Client(stream).ask("GET", "/")
                assert answer.status == 500 or not answer.complete
            await still_serves(server)


async def test_a_crash_reply_of_the_application_is_used_and_may_itself_crash() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise ValueError("boom")

    def broken(scope: Scope) -> Reply:
        raise ValueError(scope["path"])

    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    scope: Scope = {"type": "http", "http_version": "1.1", "method": "GET", "path": "/", "state": {}}
    await EdgeApp(app, counters=EdgeCounters(), crash_reply=broken)(scope, receive, send)
    assert [message.get("status") for message in sent] == [500, None, None]


@pytest.mark.parametrize("crash", [True, False])
async def test_a_body_that_nobody_reads_holds_nothing(crash: bool) -> None:
    """More body messages than hypercorn queues, none taken: neither the reply nor the connection may hang on them."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if crash:
            raise ValueError("boom")
        await hello(scope, receive, send)

    with within():
        async with edge(with_lifespan(app)) as server, await server.connect() as stream, trio.open_nursery() as nursery:
            client = H1Client(stream)
            nursery.start_soon(client.send, "POST", "/", bytes(4_000_000))
            answer = await client.receive()
            assert (answer.status, answer.complete) == (500 if crash else 200, True)


async def test_an_upload_that_never_ends_still_gets_its_reply() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 413, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"no", "more_body": False})

    with within():
        async with edge(with_lifespan(app)) as server, await server.connect() as stream, trio.open_nursery() as nursery:

            async def upload() -> None:
                await stream.send_all(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 99999999999\r\n\r\n")
                with suppress(trio.BrokenResourceError):
                    while True:
                        await stream.send_all(bytes(10_000))
                        await trio.sleep(0.01)

            nursery.start_soon(upload)
            received = b""
            while not received.endswith(b"no"):
                received += await stream.receive_some()
            assert received.startswith(b"HTTP/1.1 413")


# HTTP/2


class H2Client:
    """Several requests on one connection."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self.stream = stream
        self.protocol = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
        self.protocol.initiate_connection()
        self.bodies: dict[int, bytes] = {}
        self.statuses: dict[int, bytes] = {}
        self.ended: dict[int, str] = {}

    async def head(self, number: int, path: str, *, end: bool = True) -> None:
        fields = [(":method", "POST"), (":path", path), (":scheme", "http"), (":authority", "localhost")]
        self.protocol.send_headers(number, fields, end_stream=end)
        await self.flush()

    async def flush(self) -> None:
        await self.stream.send_all(self.protocol.data_to_send())

    async def read_until(self, done: Callable[[], bool], *, acknowledge: bool = True) -> None:
        """Reads until `done`, or until the server ends the connection."""
        while not done():
            try:
                data = await self.stream.receive_some()
            except trio.BrokenResourceError:
                return
            if not data:
                return
            for event in self.protocol.receive_data(data):
                match event:
                    case h2.events.ResponseReceived(stream_id=int(number), headers=list(fields)):
                        self.statuses[number] = dict(fields)[b":status"]
                    case h2.events.DataReceived(stream_id=int(number)):
                        self.bodies[number] = self.bodies.get(number, b"") + event.data
                        if acknowledge and event.flow_controlled_length:
                            self.protocol.acknowledge_received_data(event.flow_controlled_length, number)
                    case h2.events.StreamEnded(stream_id=int(number)):
                        self.ended[number] = "end"
                    case h2.events.StreamReset(stream_id=int(number)):
                        self.ended[number] = "reset"
                    case _:
                        pass
            if acknowledge:
                await self.flush()


async def test_h2_a_crash_in_mid_response_is_told() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(START)
        await send(SOME)
        raise ValueError("boom")

    with within():
        async with edge(with_lifespan(app)) as server, await server.connect() as stream:
            client = H2Client(stream)
            await client.head(1, "/")
            await client.read_until(lambda: 1 in client.ended)
            assert client.ended.get(1) != "end"
            assert server.counters.crashes == 1


async def test_h2_an_early_reply_leaves_the_other_streams_alone() -> None:
    release = trio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/other":
            await release.wait()
        await hello(scope, receive, send)

    with within():
        async with edge(with_lifespan(app)) as server, await server.connect() as stream:
            client = H2Client(stream)
            await client.head(1, "/other")
            await client.head(3, "/early", end=False)
            await client.read_until(lambda: client.bodies.get(3) == b"hello")
            for _ in range(20):
                client.protocol.send_data(3, bytes(1000))
                await client.flush()
            client.protocol.end_stream(3)
            await client.flush()
            await client.read_until(lambda: 3 in client.ended)
            release.set()
            await client.read_until(lambda: 1 in client.ended)
            assert client.ended == {1: "end", 3: "end"}
            assert server.counters.connection_crashes == 0


@pytest.mark.parametrize("size", [1_000, 10_000, 100_000])
async def test_h2_a_client_that_gives_no_window_is_given_up(size: int) -> None:
    taken: list[int] = []

    async def handler(exchange: Exchange) -> None:
        await exchange.send_head(200, [])
        if exchange.path == "/other":
            return await exchange.send_last()
        sent = 0
        try:
            while True:
                await exchange.send_body(bytes(size))
                sent += size
        except ClientGone:
            taken.append(sent)
            raise

    settings = dataclasses.replace(QUICK, write_deadline=0.2)
    with within():
        async with edge(data_plane(handler), settings) as server, await server.connect() as stream:
            client = H2Client(stream)
            await client.head(1, "/")
            await client.read_until(lambda: len(client.bodies.get(1, b"")) == 65535, acknowledge=False)
            await until(lambda: bool(server.counters.clients_gone))
            # The window that HTTP/2 gives a client that says nothing, the buffer, and what was being sent.
            assert taken[0] <= 65535 + H2_PIECE + size
            # The connection serves its other streams.
            await client.head(3, "/other")
            await client.read_until(lambda: 3 in client.ended, acknowledge=False)
            assert client.ended == {3: "end"}
            assert server.counters.connection_crashes == 0


@pytest.mark.parametrize("phase", ["sending", "the end"])
async def test_h2_a_client_that_leaves_frees_a_sender_at_once(phase: str) -> None:
    blocked = trio.Event()

    async def handler(exchange: Exchange) -> None:
        await exchange.send_head(200, [])
        if phase == "the end":
            blocked.set()
            return await exchange.send_last(bytes(200_000))
        while True:
            blocked.set()
            await exchange.send_body(bytes(20_000))

    with within(2):
        async with edge(data_plane(handler), dataclasses.replace(QUICK, write_deadline=60)) as server:
            async with await server.connect() as stream:
                client = H2Client(stream)
                await client.head(1, "/")
                await client.read_until(lambda: len(client.bodies.get(1, b"")) == 65535, acknowledge=False)
                await blocked.wait()
            await until(lambda: not server.counters.open)
            assert server.counters.clients_gone == 1


# Connections that throw


class Thrower:
    """A served connection that throws."""

    def __init__(self, exception: BaseException) -> None:
        self.exception = exception

    async def run(self) -> None:
        raise self.exception


@pytest.mark.parametrize("exception", EXCEPTIONS.values(), ids=EXCEPTIONS.keys())
async def test_no_exception_leaves_a_connection(
    exception: Callable[[], BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Sometimes(StockEdge):
        throws = 2

        async def __call__(self, stream: EdgeStream, connection: Connection) -> EdgeConnection:
            Sometimes.throws -= 1
            if Sometimes.throws == 1:
                raise exception()
            if Sometimes.throws == 0:
                return Thrower(exception())
            return await super().__call__(stream, connection)

    monkeypatch.setitem(cast("dict[str, Callable[[Serving], Choose]]", EDGES), "sometimes", Sometimes)
    with within():
        async with edge(with_lifespan(hello), EdgeSettings(edge="sometimes", grace=0.1)) as server:
            for crashes in (1, 2):
                assert await server.ask(b"GET / HTTP/1.1\r\n\r\n") == b""
                assert server.counters.connection_crashes == crashes
            await still_serves(server)


@pytest.mark.parametrize("method", ["receive_some", "send_all", "send_eof", "aclose", "linger"])
@pytest.mark.parametrize("exception", [lambda: KeyError("x"), lambda: OSError(5, "io"), trio.BrokenResourceError])
async def test_a_stream_may_throw_in_every_call(
    method: str, exception: Callable[[], Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def throw(stream: GuardedStream, *_: object) -> None:
        if method == "receive_some":
            # As every end of a stream does.
            stream.close_after_reply()
        raise exception()

    with within():
        async with edge(with_lifespan(hello)) as server:
            with monkeypatch.context() as patch:
                patch.setattr(GuardedStream, method, throw)
                async with await server.connect() as stream:
                    await stream.send_all(b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
                    await read_to_end(stream)
                await until(lambda: not server.counters.open)
            await still_serves(server)


# Many connections


async def test_more_clients_than_allowed_wait_in_the_backlog() -> None:
    with within():
        async with edge(with_lifespan(hello), dataclasses.replace(QUICK, max_connections=2)) as server:
            first, second, third = [await server.connect() for _ in range(3)]
            client = H1Client(third)
            await client.send("GET", "/")
            for other in (first, second):
                assert (await H1Client(other).ask("GET", "/")).complete
            assert server.counters.connections == 2
            await first.aclose()
            assert (await client.receive()).complete
            assert server.counters.connections == 3
            await second.aclose()
            await third.aclose()


async def test_a_drain_ends_handshakes_that_are_under_way(autojump_clock: trio.testing.MockClock) -> None:
    connections = Connections()
    with connections.opening(10) as scope:
        connections.begin_drain()
        connections.end_idle()
        await trio.sleep_forever()
    assert scope.cancelled_caught
    assert trio.current_time() == 0
    with connections.opening(10) as late:
        await trio.sleep_forever()
    assert late.cancelled_caught
    assert trio.current_time() == 0


async def test_only_blocked_connections_are_aborted(autojump_clock: trio.testing.MockClock) -> None:
    class Stream:
        aborted = False

        def abort(self) -> None:
            self.aborted = True

        def call_at_end(self, function: object) -> None: ...

        def __init__(self) -> None:
            self.write_deadline = WriteDeadline(60)

    connections = Connections()
    idle, busy = Stream(), Stream()
    with (
        connections.holding(Connection(cast("GuardedStream", idle))),
        connections.holding(Connection(cast("GuardedStream", busy))),
        busy.write_deadline.scope(),
    ):
        connections.abort_blocked()
    assert (idle.aborted, busy.aborted) == (False, True)
