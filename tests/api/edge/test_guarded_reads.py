"""The guarded stream: the disconnect in every state, the first request in time, a polite end."""

from __future__ import annotations

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from hyperinfer.api.edge.guarded import READ_AHEAD
from tests.api.edge.clients import read_to_end, reset
from tests.api.edge.kit import connected


async def read_on(stream: trio.abc.ReceiveStream) -> None:
    while await stream.receive_some():
        pass


@pytest.mark.parametrize("leave", ["close", "half-close", "reset", "our close", "our abort"])
@pytest.mark.parametrize("reader", ["a reader reads", "nobody reads"])
@pytest.mark.parametrize("pipelined", [b"", b"\r\n", b"GET /next HTTP/1.1\r\n"])
async def test_wait_gone_sees_every_way_to_leave(leave: str, reader: str, pipelined: bytes) -> None:
    async with connected() as (stream, peer), trio.open_nursery() as nursery:

        async def read() -> None:
            try:
                while await stream.receive_some():
                    pass
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                pass

        if reader == "a reader reads":
            nursery.start_soon(read)
        nursery.start_soon(stream.wait_gone)
        await wait_all_tasks_blocked()
        if pipelined:
            await peer.send_all(pipelined)
            await wait_all_tasks_blocked(0.005)
        assert not stream.gone.is_set()
        match leave:
            case "close":
                await peer.aclose()
            case "half-close":
                await peer.send_eof()
            case "reset":
                reset(peer)
            case "our close":
                await stream.aclose()
            case _:
                stream.abort()


async def test_what_was_read_ahead_comes_in_order() -> None:
    async with connected() as (stream, peer), trio.open_nursery() as nursery:
        nursery.start_soon(stream.wait_gone)
        await wait_all_tasks_blocked()
        await peer.send_all(b"ab")
        await wait_all_tasks_blocked(0.005)
        await peer.send_all(b"cd")
        await wait_all_tasks_blocked(0.005)
        assert await stream.receive_some(3) == b"abc"
        assert await stream.receive_some(3) == b"d"
        await peer.send_all(b"ef")
        assert await stream.receive_some(3) == b"ef"
        await peer.aclose()
        assert await stream.receive_some(3) == b""
        assert await stream.receive_some(3) == b""


async def test_a_cancelled_wait_leaves_the_reading_to_the_reader() -> None:
    async with connected() as (stream, peer), trio.open_nursery() as nursery:
        waiting = trio.CancelScope()

        async def wait() -> None:
            with waiting:
                await stream.wait_gone()

        nursery.start_soon(wait)
        await wait_all_tasks_blocked()
        waiting.cancel()
        received: list[bytes] = []

        async def read() -> None:
            received.append(await stream.receive_some(10))
            nursery.cancel_scope.cancel()

        nursery.start_soon(read)
        await wait_all_tasks_blocked()
        await peer.send_all(b"late")
    assert received == [b"late"]


async def test_more_than_may_wait_is_a_reset() -> None:
    async with connected() as (stream, peer), trio.open_nursery() as nursery:

        async def flood() -> None:
            with pytest.raises(trio.BrokenResourceError):
                await peer.send_all(bytes(READ_AHEAD * 64))

        nursery.start_soon(flood)
        await stream.wait_gone()
        with pytest.raises(trio.ClosedResourceError):
            await stream.send_all(b"x")


async def test_a_peer_that_brings_no_request_counts_as_gone() -> None:
    async with connected(first_request=0.05) as (stream, peer):
        await peer.send_all(b"GET / HT")
        assert await stream.receive_some() == b"GET / HT"
        assert await stream.receive_some() == b""
        assert stream.gone.is_set()
        await stream.send_all(b"HTTP/1.1 400 late\r\n\r\n")
        await stream.aclose()
        assert await read_to_end(peer) == b"HTTP/1.1 400 late\r\n\r\n"


async def test_the_first_request_lifts_the_limit_of_a_read_under_way() -> None:
    async with connected(first_request=0.5) as (stream, peer), trio.open_nursery() as nursery:
        received: list[bytes] = []

        async def read() -> None:
            received.append(await stream.receive_some())

        nursery.start_soon(read)
        await wait_all_tasks_blocked()
        stream.first_request_came()
        await trio.sleep(0.6)
        await peer.send_all(b"later")
    assert received == [b"later"]


@pytest.mark.parametrize("somebody_reads", [True, False])
async def test_a_reply_survives_a_peer_that_is_still_sending(somebody_reads: bool) -> None:
    async def read() -> None:
        with pytest.raises(trio.ClosedResourceError):
            await read_on(stream)

    async with connected() as (stream, peer), trio.open_nursery() as nursery:
        if somebody_reads:
            nursery.start_soon(read)
            await wait_all_tasks_blocked()
        await peer.send_all(b"upload" * 100)
        await stream.send_all(b"HTTP/1.1 413 no\r\n\r\n")
        await stream.send_eof()
        await stream.aclose()
        nursery.start_soon(stream.linger)
        await wait_all_tasks_blocked(0.005)
        for _ in range(10):
            await peer.send_all(b"upload" * 100)
        assert await read_to_end(peer) == b"HTTP/1.1 413 no\r\n\r\n"
        await peer.aclose()


async def test_an_idle_connection_is_closed_at_once() -> None:
    async with connected() as (stream, peer):
        await stream.aclose()
        assert stream.socket.fileno() == -1
        await stream.linger()
        assert await peer.receive_some() == b""


async def test_a_lingering_stream_is_closed_for_its_users_and_at_once_when_cancelled() -> None:
    async with connected() as (stream, peer):
        await peer.send_all(b"unread")
        while not stream.socket.is_readable():
            await trio.lowlevel.checkpoint()
        await stream.aclose()
        with pytest.raises(trio.ClosedResourceError):
            await stream.send_all(b"x")
        with pytest.raises(trio.ClosedResourceError):
            await stream.receive_some()
        with trio.CancelScope() as scope:
            scope.cancel()
            await stream.linger()
        assert stream.socket.fileno() == -1


async def test_closing_twice_is_fine() -> None:
    async with connected() as (stream, _):
        await stream.aclose()
        await stream.aclose()
        stream.abort()
