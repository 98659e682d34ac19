"""The guarded stream: write deadline, disconnect in every state, the first request in time, a polite end."""

from __future__ import annotations

import socket
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from math import inf
from typing import TYPE_CHECKING, cast

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from hyperinfer.api.edge.deadline import WriteDeadline
from hyperinfer.api.edge.guarded import READ_AHEAD, GuardedStream
from tests.api.edge.kit import read_to_end, reset, within

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator


@asynccontextmanager
async def connected(
    *, seconds: float = 5.0, first_request: float = inf
) -> AsyncGenerator[tuple[GuardedStream, trio.SocketStream]]:
    """Our end and the peer's end of a loopback connection with small buffers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        peer = trio.socket.socket()
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        await peer.connect(listening.getsockname())
        accepted, _ = listening.accept()
    accepted.setblocking(False)
    guarded = GuardedStream(
        trio.SocketStream(trio.socket.from_stdlib_socket(accepted)),
        write_deadline=WriteDeadline(seconds),
        send_buffer=4096,
        first_request_by=trio.current_time() + first_request,
    )
    peer_stream = trio.SocketStream(peer)
    try:
        with within():
            yield guarded, peer_stream
    finally:
        await trio.aclose_forcefully(guarded)
        await trio.aclose_forcefully(peer_stream)


async def read_on(stream: trio.abc.ReceiveStream) -> None:
    while await stream.receive_some():
        pass


# Writing. The exact times, on a virtual clock with a scripted socket


@dataclass
class ScriptedSocket:
    """A socket that takes some bytes after some seconds, as scripted; then none for ever."""

    takes: list[tuple[float, int]]
    taken: bytearray = field(default_factory=bytearray)
    closed: bool = False

    async def send(self, data: memoryview) -> int:
        if not self.takes:
            await trio.sleep_forever()
        seconds, size = self.takes.pop(0)
        await trio.sleep(seconds)
        self.taken += data[:size]
        return min(size, len(data))

    def fileno(self) -> int:
        return -1 if self.closed else 3

    def setsockopt(self, *_: object) -> None: ...

    def close(self) -> None:
        self.closed = True


@dataclass
class Inner:
    socket: ScriptedSocket


def scripted(*takes: tuple[float, int], seconds: float = 60.0) -> tuple[GuardedStream, ScriptedSocket]:
    sock = ScriptedSocket(list(takes))
    inner = cast("trio.SocketStream", Inner(sock))
    return GuardedStream(inner, write_deadline=WriteDeadline(seconds)), sock


async def test_the_deadline_counts_from_the_last_byte_taken(autojump_clock: trio.testing.MockClock) -> None:
    stream, sock = scripted((59, 3), (59, 3), (59, 4))
    await stream.send_all(b"0123456789")
    assert trio.current_time() == 177
    assert sock.taken == b"0123456789"
    assert not stream.gone.is_set()


async def test_a_peer_that_takes_nothing_more_is_reset(autojump_clock: trio.testing.MockClock) -> None:
    stream, sock = scripted((59, 3))
    with pytest.raises(trio.BrokenResourceError):
        await stream.send_all(b"0123456789")
    assert trio.current_time() == 59 + 60
    assert sock.closed
    assert stream.send_failed
    assert stream.gone.is_set()


async def test_the_deadline_holds_in_a_shielded_send(autojump_clock: trio.testing.MockClock) -> None:
    stream, _ = scripted()
    with trio.CancelScope() as cancelled:
        cancelled.cancel()
        with trio.CancelScope(shield=True), pytest.raises(trio.BrokenResourceError):
            await stream.send_all(b"x")
    assert trio.current_time() == 60


async def test_a_tightened_deadline_holds_for_a_write_under_way(autojump_clock: trio.testing.MockClock) -> None:
    stream, _ = scripted((1, 1))
    async with trio.open_nursery() as nursery:

        async def tighten() -> None:
            await trio.sleep(10)
            stream.write_deadline.tighten(2)

        nursery.start_soon(tighten)
        with pytest.raises(trio.BrokenResourceError):
            await stream.send_all(b"xy")
    assert trio.current_time() == 12


async def test_tightening_never_gives_more_time(autojump_clock: trio.testing.MockClock) -> None:
    stream, _ = scripted(seconds=3)
    stream.write_deadline.tighten(20)
    with pytest.raises(trio.BrokenResourceError):
        await stream.send_all(b"x")
    assert trio.current_time() == 3


async def test_a_cancelled_send_is_a_failed_one(autojump_clock: trio.testing.MockClock) -> None:
    stream, _ = scripted((1, 1))
    with trio.move_on_after(5):
        await stream.send_all(b"xy")
    assert stream.send_failed


async def test_two_senders_at_once_are_refused(autojump_clock: trio.testing.MockClock) -> None:
    stream, _ = scripted((5, 1))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stream.send_all, b"x")
        await wait_all_tasks_blocked()
        with pytest.raises(trio.BusyResourceError):
            await stream.send_all(b"y")
        with pytest.raises(trio.BusyResourceError):
            await stream.send_eof()


# Writing, on real sockets


async def test_a_peer_that_never_reads_gets_a_reset() -> None:
    async with connected(seconds=0.1) as (stream, peer):
        with pytest.raises(trio.BrokenResourceError):
            await stream.send_all(bytes(8_000_000))
        assert stream.gone.is_set()
        with pytest.raises(trio.BrokenResourceError):
            await read_on(peer)


async def test_all_bytes_arrive_at_a_peer_that_reads() -> None:
    data = bytes(range(256)) * 8192
    async with connected() as (stream, peer), trio.open_nursery() as nursery:

        async def send() -> None:
            await stream.send_all(data)
            await stream.aclose()

        nursery.start_soon(send)
        assert await read_to_end(peer) == data


async def test_sending_to_a_peer_that_reset_is_broken() -> None:
    async with connected() as (stream, peer):
        reset(peer)
        with pytest.raises(trio.BrokenResourceError):
            await stream.send_all(bytes(1_000_000))
        assert stream.gone.is_set()
        assert stream.send_failed


async def test_sending_nothing_and_sending_after_the_end() -> None:
    async with connected() as (stream, _):
        await stream.send_all(b"")
        assert not stream.send_failed
        await stream.aclose()
        with pytest.raises(trio.ClosedResourceError):
            await stream.send_all(b"")


async def test_abort_ends_a_send_that_is_under_way() -> None:
    async with connected() as (stream, _), trio.open_nursery() as nursery:

        async def send() -> None:
            with pytest.raises((trio.ClosedResourceError, trio.BrokenResourceError)):
                await stream.send_all(bytes(8_000_000))

        nursery.start_soon(send)
        await wait_all_tasks_blocked()
        stream.abort()


# The disconnect


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


# The first request


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
    async with connected(first_request=0.05) as (stream, peer), trio.open_nursery() as nursery:
        received: list[bytes] = []

        async def read() -> None:
            received.append(await stream.receive_some())

        nursery.start_soon(read)
        await wait_all_tasks_blocked()
        stream.first_request_came()
        await trio.sleep(0.1)
        await peer.send_all(b"later")
    assert received == [b"later"]


# The end


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
