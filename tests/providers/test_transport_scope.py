"""A scope that closes the connection ends an exchange wherever it is, as a cancel scope does."""

from __future__ import annotations

import ssl
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import httpx2
import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from hyperinfer.api.edge.watch import Watch
from hyperinfer.engine import Deadlines, Drain, Expired
from hyperinfer.providers.transport import Transport, Waits
from hyperinfer.providers.transport_connection import Origin
from hyperinfer.providers.transport_request import Body
from tests.support.rawserver import Hold, RawServer, Reply, Request, Script, Wait, raw_server
from tests.support.tls import tls_contexts

if TYPE_CHECKING:
    from hyperinfer.providers.transport_scope import ExchangeScope

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="sockets are watched with epoll")

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
HELLO = b"5\r\nhello\r\n"

STAGES: dict[str, Script] = {
    "before the head": [Request(), Hold()],
    "within the head": [Request(), Reply(HEAD[:30]), Hold()],
    "before the body": [Request(), Reply(HEAD), Hold()],
    "within the body": [Request(), Reply(HEAD + HELLO), Hold()],
    "on a reused connection": [Request(), Reply(OK), Request(), Hold()],
}
stages = pytest.mark.parametrize("stage", STAGES)


@pytest.fixture
def still_clock() -> MockClock:
    """Stands still while anything happens; goes on when all tasks wait for a time."""
    return MockClock(autojump_threshold=0.1)


@asynccontextmanager
async def transport(ssl_context: ssl.SSLContext | None = None) -> AsyncGenerator[Transport]:
    watch = Watch()
    async with trio.open_nursery() as nursery, Transport(sockets=watch, ssl_context=ssl_context) as made:
        nursery.start_soon(watch.run)
        yield made
        nursery.cancel_scope.cancel()


async def asked(made: Transport, server: RawServer, scope: ExchangeScope | None = None, body: bytes = b"{}") -> bytes:
    """The body of the response."""
    head = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % len(body)
    pieces: list[bytes] = []

    def take(piece: bytes) -> bool:
        pieces.append(piece)
        return True

    exchange = await made.post(Origin(server.scheme, server.host, server.port), head, Body(body), Waits(60.0), scope)
    try:
        assert await exchange.pass_on(take) == "end"
    finally:
        exchange.close()
    return b"".join(pieces)


async def check_closed(made: Transport, server: RawServer, at: float) -> None:
    """At once, and nothing was asked again."""
    with trio.fail_after(5):
        await server.connections[0].closed.wait()
    assert server.connections[0].closed_at == at
    assert (made.active, made.idle, len(server.connections), server.unexpected) == (0, 0, 1, 0)


@stages
async def test_a_deadline(stage: str, still_clock: MockClock) -> None:
    async with raw_server(STAGES[stage]) as server, transport() as made:
        if stage == "on a reused connection":
            assert await asked(made, server) == b"ok"
        scope = made.scope()
        with Deadlines({"whole": 30}, scope=scope) as deadlines:
            await asked(made, server, scope)
        assert (deadlines.expired, trio.current_time()) == (Expired("whole", 30), 30)
        await check_closed(made, server, 30)


@stages
async def test_the_hard_end_of_a_drain(stage: str, still_clock: MockClock) -> None:
    drain = Drain()

    async def finish() -> None:
        await wait_all_tasks_blocked(0.02)
        drain.begin(grace=4)
        await drain.finish(last_words=1)

    async with raw_server(STAGES[stage]) as server, transport() as made, trio.open_nursery() as nursery:
        if stage == "on a reused connection":
            await asked(made, server)
        drain.admit()
        nursery.start_soon(finish)
        scope = made.scope()
        with Deadlines({"whole": 30}, drain=drain, scope=scope) as deadlines:
            await asked(made, server, scope)
        drain.release()
        assert (deadlines.hard_end, deadlines.expired, trio.current_time()) == (True, None, 4)
        await check_closed(made, server, 4)


@stages
async def test_cancellation_from_outside_passes(stage: str, still_clock: MockClock) -> None:
    async with raw_server(STAGES[stage]) as server, transport() as made:
        if stage == "on a reused connection":
            await asked(made, server)
        scope = made.scope()
        with trio.move_on_after(7) as outer, Deadlines({"whole": 30}, scope=scope) as deadlines:
            await asked(made, server, scope)
        assert (outer.cancelled_caught, deadlines.expired) == (True, None)
        await check_closed(made, server, 7)


async def test_while_a_large_body_is_sent(still_clock: MockClock) -> None:
    read_on = trio.Event()
    async with raw_server([Wait(read_on), Hold()]) as server, transport() as made:
        scope = made.scope()
        with Deadlines({"whole": 30}, scope=scope) as deadlines:
            await asked(made, server, scope, b"x" * 20_000_000)
        assert (deadlines.expired, trio.current_time()) == (Expired("whole", 30), 30)
        read_on.set()
        await check_closed(made, server, 30)


async def test_over_tls(tmp_path: Path, still_clock: MockClock) -> None:
    server_context, client_context = tls_contexts(tmp_path)
    for stage in ("before the head", "within the body"):
        async with raw_server(STAGES[stage], tls=server_context) as server, transport(client_context) as made:
            began, scope = trio.current_time(), made.scope()
            with Deadlines({"whole": 30}, scope=scope) as deadlines:
                await asked(made, server, scope)
            assert (deadlines.expired, trio.current_time()) == (Expired("whole", 30), began + 30)
            await check_closed(made, server, began + 30)


async def test_while_connecting(still_clock: MockClock) -> None:
    async with raw_server([Hold()]) as server, transport(ssl.create_default_context()) as made:
        secure, scope = replace(server, scheme="https"), made.scope()
        with Deadlines({"whole": 30}, scope=scope) as deadlines:
            await asked(made, secure, scope)
        assert (deadlines.expired, trio.current_time()) == (Expired("whole", 30), 30)
        await check_closed(made, server, 30)


@pytest.mark.parametrize("size", [2, 200_000])
@pytest.mark.parametrize("idle", [False, True])
async def test_before_anything_was_sent(idle: bool, size: int) -> None:
    async with raw_server([Request(), Reply(OK), Hold()]) as server, transport() as made:
        if idle:
            await asked(made, server)
        scope = made.scope()
        assert scope is not None
        with scope:
            scope.cancel()
            await asked(made, server, scope, b"x" * size)
        assert scope.cancelled_caught
        assert (made.active, made.idle, server.unexpected) == (0, 0, 0)
        assert len(server.requests) == idle


@pytest.mark.parametrize("size", [2, 200_000])
@pytest.mark.parametrize("secure", [False, True])
async def test_at_any_turn_of_the_loop(secure: bool, size: int, tmp_path: Path) -> None:
    """Also at one where the task that waits for the exchange goes on already."""
    server_context, client_context = tls_contexts(tmp_path)
    answering: Script = [Request(), Reply(OK), Request(), Reply(OK), Hold()]
    for turns in range(0, 40, 3 if secure else 1):
        tls = server_context if secure else None
        async with raw_server(answering, answering, tls=tls) as server, transport(client_context) as made:
            for _ in range(2):
                scope = made.scope()
                assert scope is not None
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(_cancel_after, turns, scope)
                    with scope:
                        assert await asked(made, server, scope, b"x" * size) == b"ok"
                    nursery.cancel_scope.cancel()
                assert made.active == 0


async def _cancel_after(turns: int, scope: ExchangeScope) -> None:
    for _ in range(turns):
        await trio.lowlevel.checkpoint()
    scope.cancel()


async def test_what_ends_in_time_keeps_its_connection(still_clock: MockClock) -> None:
    async with raw_server([Request(), Reply(OK), Request(), Reply(OK)]) as server, transport() as made:
        for _ in range(2):
            scope = made.scope()
            with Deadlines({"whole": 30}, scope=scope) as deadlines:
                assert await asked(made, server, scope) == b"ok"
            assert deadlines.expired is None
            await trio.sleep(40)
            assert (made.idle, len(server.connections)) == (1, 1)


async def test_a_deadline_that_passes_elsewhere_is_told_when_the_block_is_left(still_clock: MockClock) -> None:
    """What waits for anything else goes on; the connection is closed in time."""
    async with raw_server(STAGES["within the body"]) as server, transport() as made:
        scope = made.scope()
        with Deadlines({"whole": 30}, scope=scope) as deadlines:
            head = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n"
            exchange = await made.post(Origin("http", server.host, server.port), head, Body(b""), Waits(5.0), scope)
            await trio.sleep(40)
            await exchange.pass_on(lambda _: True)
        assert deadlines.expired == Expired("whole", 30)
        await check_closed(made, server, 30)


@pytest.mark.parametrize("watched", [False, True])
async def test_a_transport_that_is_closed_while_nobody_waits(watched: bool) -> None:
    """Its exchanges say so to who reads on: as often as they ask, and whatever the loop remembers of closed sockets."""
    script = STAGES["within the body"]
    async with raw_server(script, script) as server, trio.open_nursery() as nursery:
        watch = Watch()
        nursery.start_soon(watch.run)
        for _ in range(2):
            made = Transport(sockets=watch if watched else None)
            head = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n"
            exchange = await made.post(Origin("http", server.host, server.port), head, Body(b""), Waits(5.0))
            await made.aclose()
            with pytest.raises(httpx2.ReadError):
                await exchange.pass_on(lambda _: True)
        nursery.cancel_scope.cancel()


async def test_an_exception_passes() -> None:
    async with raw_server(STAGES["within the body"]) as server, transport() as made:
        scope = made.scope()
        with pytest.raises(httpx2.ConnectError), Deadlines({"whole": 30}, scope=scope):
            await asked(made, replace(server, port=1), scope)


async def test_without_a_watch_there_is_none() -> None:
    async with Transport() as made:
        assert made.scope() is None
