"""The guarded stream: the write deadline, on a virtual clock with a scripted socket and on real ones."""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from hyperinfer.api.edge.deadline import WriteDeadline
from hyperinfer.api.edge.guarded import GuardedStream
from tests.api.edge.clients import read_to_end, reset
from tests.api.edge.kit import connected


async def read_on(stream: trio.abc.ReceiveStream) -> None:
    while await stream.receive_some():
        pass


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


def scripted(
    *takes: tuple[float, int], seconds: float = 60.0, late: Callable[[], None] = lambda: None
) -> tuple[GuardedStream, ScriptedSocket]:
    sock = ScriptedSocket(list(takes))
    inner = cast("trio.SocketStream", Inner(sock))
    return GuardedStream(inner, write_deadline=WriteDeadline(seconds, late)), sock


async def test_the_deadline_counts_from_the_last_byte_taken(autojump_clock: trio.testing.MockClock) -> None:
    stream, sock = scripted((59, 3), (59, 3), (59, 4))
    await stream.send_all(b"0123456789")
    assert trio.current_time() == 177
    assert sock.taken == b"0123456789"
    assert not stream.gone.is_set()


async def test_a_peer_that_takes_nothing_more_is_reset(autojump_clock: trio.testing.MockClock) -> None:
    late: list[float] = []
    stream, sock = scripted((59, 3), late=lambda: late.append(trio.current_time()))
    with pytest.raises(trio.BrokenResourceError):
        await stream.send_all(b"0123456789")
    assert trio.current_time() == 59 + 60
    assert late == [59 + 60]
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


async def test_the_socket_is_set_for_small_events_and_bounded_memory() -> None:
    async with connected() as (stream, _):
        assert stream.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        # The kernel doubles what is asked for, or raises it to its least.
        assert stream.socket.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) <= 16 * 1024
