"""A body that is handed on as it comes: the same pieces and the same end as by iterating, in a task or from the watch."""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from math import inf

import httpx2
import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from hyperinfer.api.edge.watch import Watch
from hyperinfer.providers.transport import Transport
from hyperinfer.providers.transport_exchange import Exchange
from tests.support.rawserver import End, Hold, RawServer, Reply, Request, Reset, Script, Wait, raw_server

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
PARTS = [b"data: one\n\n", b"data: two\n\n", b"x" * 70_000, b"data: three\n\n"]
CHUNKS = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in PARTS)
BODY = b"".join(PARTS)

SCRIPTS: dict[str, Script] = {
    "chunked": [Request(), Reply(CHUNKED + CHUNKS + b"0\r\n\r\n")],
    "chunked, in pieces": [Request(), Reply(CHUNKED), Reply(CHUNKS[:60], piece=7), Reply(CHUNKS[60:] + b"0\r\n\r\n")],
    "of a length": [Request(), Reply(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(BODY)), Reply(BODY)],
    "up to the end": [Request(), Reply(b"HTTP/1.1 200 OK\r\n\r\n"), Reply(BODY), End()],
    "cut off": [Request(), Reply(CHUNKED + CHUNKS), End()],
    "broken": [Request(), Reply(CHUNKED + CHUNKS[:40]), Reset()],
    "no HTTP": [Request(), Reply(CHUNKED + CHUNKS + b"zzz\r\n")],
    "more than was asked for": [Request(), Reply(CHUNKED + CHUNKS + b"0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n")],
}

both = pytest.mark.parametrize(
    "watched", [False, pytest.param(True, marks=pytest.mark.skipif(sys.platform != "linux", reason="epoll"))]
)


@asynccontextmanager
async def transport(*, watched: bool) -> AsyncGenerator[Transport]:
    watch = Watch()
    async with trio.open_nursery() as nursery, Transport(sockets=watch if watched else None) as made:
        nursery.start_soon(watch.run)
        yield made
        nursery.cancel_scope.cancel()


async def exchange_with(made: Transport, server: RawServer) -> Exchange:
    response = await made.handle_async_request(httpx2.Request("POST", server.url, content=b"{}"))
    assert isinstance(response.stream, Exchange)
    return response.stream


async def iterated(made: Transport, server: RawServer) -> tuple[bytes, str]:
    data, exchange = b"", await exchange_with(made, server)
    try:
        async for piece in exchange:
            data += piece
    except httpx2.TransportError as error:
        return data, type(error).__name__
    return data, "end"


async def passed_on(made: Transport, server: RawServer, *, refusing: int) -> tuple[bytes, str]:
    """`refusing`: says after each so-many pieces that it takes no more, and asks again."""
    pieces: list[bytes] = []

    def take(piece: bytes) -> bool:
        assert piece
        pieces.append(piece)
        return len(pieces) % refusing != 0

    exchange = await exchange_with(made, server)
    try:
        while (heard := await exchange.pass_on(take, 60.0)) == "enough":
            assert len(pieces) % refusing == 0
    except httpx2.TransportError as error:
        return b"".join(pieces), type(error).__name__
    return b"".join(pieces), heard


@both
@pytest.mark.parametrize("refusing", [1, 3, 10_000])
@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS)
async def test_the_same_as_by_iterating(script: Script, refusing: int, watched: bool) -> None:
    async with raw_server(script, script) as server, transport(watched=watched) as made, Transport() as plain:
        expected = await iterated(plain, server)
        assert await passed_on(made, server, refusing=refusing) == expected
        assert (made.active, made.idle) == (plain.active, plain.idle)


@both
async def test_a_connection_is_used_again_and_heard_again(watched: bool) -> None:
    reply = CHUNKED + b"5\r\nhello\r\n0\r\n\r\n"
    script: Script = [step for _ in range(3) for step in (Request(), Reply(reply, piece=11))]
    async with raw_server(script) as server, transport(watched=watched) as made:
        for _ in range(3):
            assert await passed_on(made, server, refusing=10_000) == (b"hello", "end")
        assert len(server.connections) == 1


@both
async def test_silence_is_told_and_what_comes_later_is_not_lost(watched: bool) -> None:
    more = trio.Event()
    script: Script = [Request(), Reply(CHUNKED + b"2\r\nab\r\n"), Wait(more), Reply(b"2\r\ncd\r\n0\r\n\r\n")]
    async with raw_server(script) as server, transport(watched=watched) as made:
        pieces: list[bytes] = []

        def take(piece: bytes) -> bool:
            pieces.append(piece)
            return True

        exchange = await exchange_with(made, server)
        assert await exchange.pass_on(take, 0.05) == "silence"
        with trio.move_on_after(0.05) as cancelled:
            await exchange.pass_on(take)
        assert cancelled.cancelled_caught
        more.set()
        assert await exchange.pass_on(take, 60) == "end"
        assert (b"".join(pieces), made.idle) == (b"abcd", 1)


@both
async def test_each_read_puts_the_silence_off(watched: bool, mock_clock: MockClock) -> None:
    go = [trio.Event() for _ in range(3)]
    script: Script = [
        Request(),
        Reply(CHUNKED),
        *[step for each in go for step in (Wait(each), Reply(b"1\r\nx\r\n"))],
        Hold(),
    ]
    async with raw_server(script) as server, transport(watched=watched) as made:
        exchange, came = await exchange_with(made, server), list[float]()

        def take(piece: bytes) -> bool:
            came.append(trio.current_time())
            return True

        async def gives() -> None:
            for each in go:
                await wait_all_tasks_blocked(0.02)
                mock_clock.jump(8)
                each.set()
                await wait_all_tasks_blocked(0.02)
            mock_clock.jump(9.5)
            await wait_all_tasks_blocked(0.02)
            came.append(inf)
            mock_clock.jump(1)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(gives)
            assert await exchange.pass_on(take, 10) == "silence"
        assert came == [8, 16, 24, inf]


@both
async def test_what_it_raises_comes_out_and_the_connection_is_closed(watched: bool) -> None:
    def take(piece: bytes) -> bool:
        raise LookupError(piece)

    script: Script = [Request(), Reply(CHUNKED), Reply(b"2\r\nab\r\n"), Hold()]
    async with raw_server(script) as server, transport(watched=watched) as made:
        exchange = await exchange_with(made, server)
        with pytest.raises(LookupError):
            await exchange.pass_on(take)
        assert (made.active, made.idle) == (0, 0)
        await server.connections[0].closed.wait()


@both
async def test_a_transport_that_closes_ends_what_is_being_heard(watched: bool) -> None:
    async with raw_server([Request(), Reply(CHUNKED), Hold()]) as server, transport(watched=watched) as made:
        exchange = await exchange_with(made, server)
        async with trio.open_nursery() as nursery:

            async def hear() -> None:
                with pytest.raises(httpx2.ReadError):
                    await exchange.pass_on(lambda _: True)

            nursery.start_soon(hear)
            await wait_all_tasks_blocked(0.02)
            await made.aclose()


async def test_the_watch_calls_without_a_turn_of_the_one_who_listens() -> None:
    if sys.platform != "linux":
        pytest.skip("epoll")
    tasks: set[trio.lowlevel.Task] = set()

    def take(piece: bytes) -> bool:
        tasks.add(trio.lowlevel.current_task())
        return True

    script: Script = [Request(), Reply(CHUNKED), Reply(CHUNKS[:60], piece=9), Reply(CHUNKS[60:] + b"0\r\n\r\n")]
    async with raw_server(script) as server, transport(watched=True) as made:
        exchange = await exchange_with(made, server)
        assert await exchange.pass_on(take) == "end"
    # The last piece may be taken by who listens: its read also brought the end.
    assert tasks - {trio.lowlevel.current_task()}


@pytest.mark.skipif(sys.platform != "linux", reason="epoll")
async def test_what_was_taken_is_no_silence(mock_clock: MockClock) -> None:
    """Also when the time passes while it is taken, in whichever order the tasks of the next turn run."""
    script: Script = [Request(), Reply(CHUNKED), Reply(b"1\r\nx\r\n"), Hold()]

    def take(_: bytes) -> bool:
        mock_clock.jump(20)
        return False

    for _ in range(20):
        async with raw_server(script) as server, transport(watched=True) as made:
            exchange = await exchange_with(made, server)
            assert await exchange.pass_on(take, 10) == "enough"
            await exchange.aclose()
