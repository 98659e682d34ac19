"""No exception leaves a connection, whoever serves it and whatever its stream throws; how many there may be."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, cast

import pytest
import trio

from hyperinfer.api.edge import EdgeSettings, Exchange, connection
from hyperinfer.api.edge.connection import Connection, Connections, StockEdge
from hyperinfer.api.edge.deadline import WriteDeadline
from hyperinfer.api.edge.edges import EDGES
from hyperinfer.api.edge.guarded import GuardedStream
from hyperinfer.api.edge.listener import FULL_PAUSE
from tests.api.edge.clients import H1Client, read_to_end
from tests.api.edge.faults import EXCEPTIONS, still_serves
from tests.api.edge.kit import QUICK, data_plane, edge, hello, until, with_lifespan, within

if TYPE_CHECKING:
    from collections.abc import Callable

    from hyperinfer.api.edge.connection import Choose, EdgeConnection, EdgeStream, Serving

pytestmark = pytest.mark.usefixtures("each_edge")


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


async def test_more_clients_than_allowed_wait_in_the_backlog(monkeypatch: pytest.MonkeyPatch) -> None:
    go = trio.Event()

    async def handler(exchange: Exchange) -> None:
        await go.wait()
        await exchange.send_head(200, [(b"content-length", b"0")])
        await exchange.send_last()

    with within():
        async with edge(data_plane(handler), dataclasses.replace(QUICK, max_connections=2)) as server:
            clients = [H1Client(await server.connect()) for _ in range(3)]
            for client in clients:
                await client.send("GET", "/")
            await until(lambda: server.counters.requests == 2)
            monkeypatch.setattr(connection, "NEW", -1.0)
            await trio.sleep(3 * FULL_PAUSE)
            assert server.counters.connections == 2
            go.set()
            for client in clients:
                assert (await client.receive()).complete
            for client in clients:
                await client.stream.aclose()


async def test_a_new_connection_is_left_the_time_for_its_request() -> None:
    with within():
        async with edge(with_lifespan(hello), dataclasses.replace(QUICK, max_connections=1)) as server:
            first, second = H1Client(await server.connect()), H1Client(await server.connect())
            await second.send("GET", "/")
            await trio.sleep(3 * FULL_PAUSE)
            assert (await first.ask("GET", "/")).complete
            assert server.counters.connections == 1
            await first.stream.aclose()
            assert (await second.receive()).complete
            await second.stream.aclose()


async def test_idle_connections_and_late_heads_make_room_for_clients_that_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest first."""
    monkeypatch.setattr(connection, "NEW", -1.0)
    with within():
        async with edge(with_lifespan(hello), dataclasses.replace(QUICK, max_connections=3)) as server:
            idle = H1Client(await server.connect())
            assert (await idle.ask("GET", "/")).complete
            slow = await server.connect()
            await slow.send_all(b"GET / HTTP/1.1\r\nx-slow")
            newest = H1Client(await server.connect())
            assert (await newest.ask("GET", "/")).complete
            newest.next_request()
            for _ in range(2):
                async with await server.connect() as stream:
                    assert (await H1Client(stream).ask("GET", "/")).complete
            assert await idle.stream.receive_some() == b""
            assert b"200" not in await read_to_end(slow)
            assert (await newest.ask("GET", "/")).complete
            await idle.stream.aclose()
            await slow.aclose()
            await newest.stream.aclose()


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
