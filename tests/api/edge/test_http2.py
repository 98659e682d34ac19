"""HTTP/2: what hypercorn leaves to us there."""

from __future__ import annotations

import dataclasses
import struct
from typing import TYPE_CHECKING

import hpack
import pytest
import trio

from hyperinfer.api.edge import ClientGone, Exchange, asgi
from hyperinfer.api.edge.asgi import H2_PIECE
from tests.api.edge.clients import H2Client
from tests.api.edge.kit import QUICK, Edge, data_plane, edge, hello, until, with_lifespan, within

if TYPE_CHECKING:
    from hyperinfer.api.edge import Message, Receive, Scope, Send

pytestmark = pytest.mark.usefixtures("each_edge")


START: Message = {"type": "http.response.start", "status": 200, "headers": []}

SOME: Message = {"type": "http.response.body", "body": b"some", "more_body": True}


@pytest.mark.parametrize("whole", [True, False], ids=["", "while its body comes"])
async def test_h2_a_crash_in_mid_response_is_told_and_ends_its_stream_alone(whole: bool) -> None:
    release = trio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(START)
        await send(SOME)
        if scope["path"] == "/crashes":
            raise ValueError("boom")
        await release.wait()
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    with within():
        async with edge(with_lifespan(app)) as server, await server.connect() as stream:
            client = H2Client(stream)
            await client.head(1, "/other")
            await client.head(3, "/crashes", end=whole)
            if not whole:  # more messages than hypercorn queues
                for _ in range(15):
                    client.protocol.send_data(3, bytes(1000))
                    await client.flush()
            await client.read_until(lambda: 3 in client.ended)
            release.set()
            await client.read_until(lambda: 1 in client.ended)
            assert client.ended == {1: "end", 3: "reset"}
            assert server.counters.crashes == 1
        assert server.counters.connection_crashes == 0


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
    release = trio.Event()

    async def handler(exchange: Exchange) -> None:
        await exchange.send_head(200, [])
        if exchange.path != "/":
            if exchange.path == "/waits":
                await release.wait()
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
            await client.head(3, "/waits")
            await client.read_until(lambda: len(client.bodies.get(1, b"")) == 65535, acknowledge=False)
            await until(lambda: bool(server.counters.clients_gone))
            # The window that HTTP/2 gives a client that says nothing, the buffer, and what was being sent.
            assert taken[0] <= 65535 + H2_PIECE + size
            await client.read_until(lambda: 1 in client.ended, acknowledge=False)
            # The connection serves its other streams, those that were there and those that come.
            await client.head(5, "/other")
            await client.read_until(lambda: 5 in client.ended, acknowledge=False)
            release.set()
            await client.read_until(lambda: 3 in client.ended, acknowledge=False)
            assert client.ended == {1: "reset", 3: "end", 5: "end"}
            assert server.counters.connection_crashes == 0
            assert server.counters.late_writes == 1


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


async def test_h2_nothing_is_lost_where_the_first_bytes_are_many() -> None:
    """More than one read brings, at once: whoever saw that it is HTTP/2 hands on all of it."""

    async def handler(exchange: Exchange) -> None:
        body = await exchange.read_body(100_000)
        await exchange.send_head(200, [])
        await exchange.send_last(b"%d" % len(body))

    async def ask(server: Edge) -> None:
        async with await server.connect() as stream:
            client = H2Client(stream)
            fields = [(":method", "POST"), (":path", "/"), (":scheme", "http"), (":authority", "localhost")]
            client.protocol.send_headers(1, fields)
            for size in (16_384, 16_384, 16_384, 16_383):
                client.protocol.send_data(1, bytes(size), end_stream=size == 16_383)
            await client.flush()
            await client.read_until(lambda: 1 in client.ended)
            assert client.bodies[1] == b"65535"

    with within():
        async with edge(data_plane(handler)) as server:
            for _ in range(10):
                await ask(server)


async def test_h2_data_behind_an_early_end_leaves_the_other_streams_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that has not read its 413 yet sends on for longer than its body is dropped."""
    monkeypatch.setattr(asgi, "DROP_BODY_H2", 0.05)
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
            await client.read_until(lambda: 3 in client.ended)
            for _ in range(100):  # more than one window: what nobody reads is acknowledged all the same
                client.protocol.send_data(3, bytes(1000))
                await client.flush()
                await client.read_until(lambda: client.protocol.local_flow_control_window(3) >= 1000)
            release.set()
            await client.read_until(lambda: 1 in client.ended)
            assert client.ended[1] == "end"
            assert server.counters.connection_crashes == 0


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def _head(*fields: tuple[str, str | bytes]) -> bytes:
    """Of stream 3, with its end."""
    return _frame(1, 5, 3, hpack.Encoder().encode([*fields, (":scheme", "http"), (":authority", "h")]))


NO_REQUESTS = {
    "a path that is no ASCII": _head((":method", "GET"), (":path", b"/\xff\xfe")),
    "a method that is no ASCII": _head((":method", b"G\xc3\x84T"), (":path", "/")),
    "CONNECT": _frame(1, 5, 3, hpack.Encoder().encode([(":method", "CONNECT"), (":authority", "h")])),
    "no method": _head((":path", "/")),
    "priorities": b"".join(_frame(2, 0, number, struct.pack(">IB", 0, 5)) for number in range(5, 3005, 2)),
}


@pytest.mark.parametrize("wire", NO_REQUESTS.values(), ids=NO_REQUESTS)
async def test_h2_bytes_that_are_no_request_bring_down_nothing(wire: bytes, caplog: pytest.LogCaptureFixture) -> None:
    release = trio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await release.wait()
        await hello(scope, receive, send)

    with within():
        async with edge(with_lifespan(app)) as server, await server.connect() as stream:
            client = H2Client(stream)
            await client.head(1, "/")
            await stream.send_all(wire)
            # What is no HTTP/2 at all ends the connection; the others do not even end other streams.
            client.protocol.ping(b"12345678")
            await client.flush()
            await stream.receive_some()
            release.set()
            if wire is not NO_REQUESTS["no method"]:
                data = b""
                while b"hello" not in data:
                    data += (more := await stream.receive_some())
                    assert more, "the connection ended"
        assert server.counters.connection_crashes == server.counters.crashes == 0
        assert not [record for record in caplog.records if record.exc_info]
