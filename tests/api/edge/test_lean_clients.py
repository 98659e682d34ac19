"""The lean edge and its clients: those that wait for a 100, leave, send too much or do not read."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from hyperinfer.api.edge import BodyTooLarge, ClientGone
from hyperinfer.api.edge.guarded import READ_AHEAD
from tests.api.edge.clients import H1Client, read_to_end
from tests.api.edge.kit import QUICK, data_plane, edge, until, within

if TYPE_CHECKING:
    from hyperinfer.api.edge import Exchange, Handler

LEAN = dataclasses.replace(QUICK, edge="lean")
GET = b"GET / HTTP/1.1\r\nhost: h\r\n"


def sends(status: int, *pieces: bytes, length: int | None = None) -> Handler:
    """A handler that answers by these pieces."""

    async def handler(exchange: Exchange) -> None:
        await exchange.read_body(100)
        await exchange.send_head(status, [] if length is None else [(b"content-length", b"%d" % length)])
        for piece in pieces[:-1]:
            await exchange.send_body(piece)
        await exchange.send_last(pieces[-1])

    return handler


async def test_100_continue_when_the_body_is_read_and_not_before() -> None:
    go = trio.Event()

    async def reads(exchange: Exchange) -> None:
        await go.wait()
        body = await exchange.read_body(10)
        await exchange.send_head(200, [(b"content-length", b"2")])
        await exchange.send_last(body)

    with within():
        async with edge(data_plane(reads), LEAN) as server, await server.connect() as stream:
            for _ in range(2):
                await stream.send_all(b"POST / HTTP/1.1\r\nhost: h\r\nexpect: 100-Continue\r\ncontent-length: 2\r\n\r\n")
                with trio.move_on_after(0.05):
                    pytest.fail(str(await stream.receive_some()))
                go.set()
                assert await stream.receive_some() == b"HTTP/1.1 100 Continue\r\n\r\n"
                await stream.send_all(b"ab")
                assert (await stream.receive_some()).endswith(b"\r\n\r\nab")
                go = trio.Event()


@pytest.mark.parametrize(("version", "body"), [(b"1.1", b"ab"), (b"1.0", b"")], ids=["the body is there", "an old client"])
async def test_no_100_where_none_is_waited_for(version: bytes, body: bytes) -> None:
    head = b"POST / HTTP/%b\r\nhost: h\r\nexpect: 100-continue\r\nconnection: close\r\ncontent-length: 2\r\n\r\n" % version
    with within():
        async with edge(data_plane(sends(200, b"fine")), LEAN) as server, await server.connect() as stream:
            await stream.send_all(head + body)
            if not body:
                await wait_all_tasks_blocked(0.01)
                await stream.send_all(b"ab")
            assert (await read_to_end(stream)).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("reads", [True, False])
async def test_no_100_after_a_refusal(reads: bool) -> None:
    async def handler(exchange: Exchange) -> None:
        if reads:
            with pytest.raises(BodyTooLarge):
                await exchange.read_body(1)
        await exchange.send_head(413, [])
        await exchange.send_last(b"no")

    with within():
        async with edge(data_plane(handler), LEAN) as server:
            received = await server.ask(b"POST / HTTP/1.1\r\nhost: h\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n")
            # It may send the body now, or go on without: only the end of the connection tells the two apart.
            assert received.startswith(b"HTTP/1.1 413 ")
            assert b"\r\nconnection: close\r\n" in received


@pytest.mark.parametrize("size", [READ_AHEAD // 2, READ_AHEAD * 3])
async def test_what_is_pipelined_is_bounded(size: int) -> None:
    gone = trio.Event()

    async def handler(exchange: Exchange) -> None:
        exchange.on_gone(gone.set)
        await gone.wait()

    with within():
        async with edge(data_plane(handler), LEAN) as server, await server.connect() as stream:
            await stream.send_all(GET + b"\r\n")
            await wait_all_tasks_blocked(0.01)
            with trio.move_on_after(0.2):
                try:
                    await stream.send_all(bytes(size))
                    await gone.wait()
                except trio.BrokenResourceError:
                    pass
            assert gone.is_set() == (size > READ_AHEAD)
            gone.set()


async def test_a_large_request_may_come_while_the_last_bytes_of_the_answer_before_it_leave() -> None:
    """Its client has begun to read them, or has read all of them: how far we are says nothing of that."""
    sizes: list[int] = []
    leaving = trio.Event()

    async def handler(exchange: Exchange) -> None:
        sizes.append(len(await exchange.read_body(READ_AHEAD * 8)))
        await exchange.send_head(200, [])
        leaving.set()
        await exchange.send_last(bytes(8_000_000))

    with within():
        async with edge(data_plane(handler), LEAN) as server, await server.connect(receive_buffer=4096) as stream:
            head = b"POST / HTTP/1.1\r\nhost: h\r\ncontent-length: %d\r\n\r\n"
            await stream.send_all(head % 4 + b"body")
            await leaving.wait()
            await wait_all_tasks_blocked(0.01)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(stream.send_all, head % (READ_AHEAD * 6) + bytes(READ_AHEAD * 6))
                await wait_all_tasks_blocked(0.01)
                read_all = bytearray()
                while len(read_all) < 16_000_000:
                    read_all += await stream.receive_some(READ_AHEAD)
    assert sizes == [4, READ_AHEAD * 6]


@pytest.mark.parametrize("way", ["half-close", "close"])
async def test_a_blocked_write_ends_with_its_client(way: str) -> None:
    """The client takes nothing and then leaves: no need to wait for the write deadline."""
    outcome: list[type[BaseException]] = []
    blocked = trio.Event()

    async def handler(exchange: Exchange) -> None:
        await exchange.read_body(10)
        await exchange.send_head(200, [])
        try:
            while True:
                blocked.set()
                await exchange.send_body(bytes(1_000_000))
        except ClientGone as error:
            outcome.append(type(error))
            raise

    with within(2):
        async with edge(data_plane(handler), dataclasses.replace(LEAN, write_deadline=60)) as server:
            async with await server.connect(receive_buffer=4096) as stream:
                await stream.send_all(GET + b"\r\n")
                await blocked.wait()
                await wait_all_tasks_blocked(0.01)
                if way == "half-close":
                    await stream.send_eof()
                    await until(lambda: bool(outcome))
            await until(lambda: bool(outcome))
            assert server.counters.clients_gone == 1


async def test_a_handler_that_never_read_its_body_hears_of_the_end_as_well() -> None:
    learnt = trio.Event()

    async def handler(exchange: Exchange) -> None:
        exchange.on_gone(learnt.set)
        exchange.on_gone(learnt.set)
        await learnt.wait()
        late = trio.Event()
        exchange.on_gone(late.set)
        assert late.is_set()

    with within():
        async with edge(data_plane(handler), LEAN) as server:
            async with await server.connect() as stream:
                await H1Client(stream).send("POST", "/", bytes(3_000_000))
            await learnt.wait()


async def test_early_answers_leave_the_connection_where_the_body_comes_soon() -> None:
    async def handler(exchange: Exchange) -> None:
        await exchange.send_head(200, [])
        await exchange.send_last(b"early")

    with within():
        async with edge(data_plane(handler), LEAN) as server, await server.connect() as stream:
            for _ in range(3):
                await stream.send_all(b"POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 300000\r\n\r\n")
                assert (await stream.receive_some()).endswith(b"early")
                await stream.send_all(bytes(300_000))
            assert server.counters.connections == 1
