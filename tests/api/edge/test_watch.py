"""The watch of a worker: alarms at their times, sockets that can be read, and connections where no socket can be watched."""

from __future__ import annotations

import dataclasses
import gc
import random
import socket
import sys
from math import inf

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from hyperinfer.api.edge import ClientGone, Exchange
from hyperinfer.api.edge.watch import Alarm, Watch
from tests.api.edge.clients import H1Client
from tests.api.edge.kit import QUICK, data_plane, edge, until, until_gone, within

LEAN = dataclasses.replace(QUICK, edge="lean")


async def test_an_alarm_comes_at_its_last_time(autojump_clock: MockClock, nursery: trio.Nursery) -> None:
    """Whatever was set, put off and called off before."""
    chance = random.Random(3)
    watch = Watch()
    nursery.start_soon(watch.run)
    came: list[tuple[int, float]] = []
    start = trio.current_time()
    expected: list[tuple[int, float]] = []

    async def one(number: int) -> None:
        alarm = Alarm(watch, lambda: came.append((number, round(trio.current_time() - start, 6))))
        now, due = 0.0, inf
        for _ in range(chance.randint(1, 6)):
            due = round(now + chance.uniform(0.1, 50), 3)
            alarm.set(start + due)
            wait = chance.choice([0, round(chance.uniform(0, 20), 3)])
            if chance.random() < 0.3:
                wait, alarm.due = 0, chance.choice([inf, start + due + 5])
                due = alarm.due - start
            if due <= now + wait:
                expected.append((number, round(due, 6)))
                due = inf
            now += wait
            await trio.sleep(wait)
        if chance.random() < 0.2:
            alarm.end()
        elif due < inf:
            expected.append((number, round(due, 6)))

    async with trio.open_nursery() as running:
        for number in range(60):
            running.start_soon(one, number)
    await trio.sleep(200)
    nursery.cancel_scope.cancel()
    assert sorted(came) == sorted(expected)
    assert came == sorted(came, key=lambda each: each[1])
    assert len(came) > 40


async def test_alarms_that_have_ended_are_let_go(autojump_clock: MockClock, nursery: trio.Nursery) -> None:
    watch = Watch()
    nursery.start_soon(watch.run)
    came: list[int] = []
    kept = Alarm(watch, lambda: came.append(1))
    kept.set(3000.0)
    kept.set(2000.0)
    for number in range(5000):
        alarm = Alarm(watch, lambda: came.append(2))
        alarm.set(1000.0 + number)
        alarm.end()
    assert sum(isinstance(each, Alarm) for each in gc.get_objects()) < 1000
    await trio.sleep(2001)
    assert came == [1]


@pytest.mark.skipif(sys.platform != "linux", reason="epoll")
async def test_a_socket_is_told_of_until_it_is_forgotten(nursery: trio.Nursery) -> None:
    watch = Watch()
    nursery.start_soon(watch.run)
    theirs, ours = socket.socketpair()
    seen: list[bytes] = []

    def read() -> None:
        seen.append(ours.recv(2))

    def other() -> None:
        pytest.fail("not its own")

    with theirs, ours:
        ours.setblocking(False)
        watch.read(ours.fileno(), read)
        theirs.send(b"abcd")
        await wait_all_tasks_blocked(0.01)
        assert seen == [b"ab", b"cd"]
        watch.pause(ours.fileno(), paused=True)
        theirs.send(b"ef")
        await wait_all_tasks_blocked(0.01)
        assert len(seen) == 2
        watch.pause(ours.fileno(), paused=False)
        await wait_all_tasks_blocked(0.01)
        assert seen.pop() == b"ef"
        # The number may belong to somebody else already.
        watch.forget(ours.fileno(), other)
        theirs.send(b"gh")
        await wait_all_tasks_blocked(0.01)
        assert seen.pop() == b"gh"
        watch.forget(ours.fileno(), read)
        watch.forget(ours.fileno(), read)
        theirs.send(b"ij")
        await wait_all_tasks_blocked(0.01)
        assert len(seen) == 2
    nursery.cancel_scope.cancel()


@pytest.mark.parametrize("watched", [True, False], ids=["watched", "by tasks"])
async def test_connections_with_and_without_a_watch(watched: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bodies, pipelining, a wait for room, late clients and those that leave."""
    monkeypatch.setattr(Watch, "watches_sockets", watched and sys.platform == "linux")
    left: list[str] = []

    async def handler(exchange: Exchange) -> None:
        if exchange.path == "/slow":
            await wait_all_tasks_blocked(0.01)  # until the reader waits for room
        body = await exchange.read_body(1_000_000)
        if exchange.path == "/stay":
            await until_gone(exchange)
            left.append(exchange.path)
            return
        await exchange.send_head(200, [(b"content-length", b"7")])
        await exchange.send_last(b"%7d" % len(body))

    settings = dataclasses.replace(LEAN, keep_alive=0.5)
    with within():
        async with edge(data_plane(handler), settings) as server:
            async with await server.connect() as stream:
                for path, size in (("/a", 0), ("/slow", 900_000), ("/b", 3)):
                    client = H1Client(stream)
                    assert (await client.ask("POST", path, bytes(size))).body == b"%7d" % size
                assert await stream.receive_some() == b""  # idle for too long
            async with await server.connect() as stream:
                await stream.send_all(b"GET /stay HTTP/1.1\r\nhost: h\r\n\r\nGET /next HTTP/1.1\r\nhost: h\r\n\r\n")
                await wait_all_tasks_blocked(0.01)
            await until(lambda: bool(left) and not server.counters.open)
        assert server.counters.connection_crashes == server.counters.crashes == 0


async def test_a_client_that_leaves_behind_a_body_that_nobody_reads_yet() -> None:
    """More of it than is read unasked: the disconnect is seen all the same."""
    reached, learnt = trio.Event(), trio.Event()

    async def handler(exchange: Exchange) -> None:
        await exchange.send_head(200, [])
        reached.set()
        try:
            while True:
                await exchange.send_body(b"x")
                await trio.sleep(0.01)
        except ClientGone:
            learnt.set()
            raise

    head = b"POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 100000000\r\n\r\n"
    with within():
        async with edge(data_plane(handler), LEAN) as server:
            stream = await server.connect()
            await stream.send_all(head + bytes(150_000))
            await reached.wait()
            await wait_all_tasks_blocked(0.005)
            await stream.send_eof()
            await learnt.wait()
            await stream.aclose()
        assert server.counters.crashes == 0


@pytest.mark.skipif(sys.platform != "linux", reason="epoll")
async def test_what_fails_is_called_no_more_and_the_others_are(
    nursery: trio.Nursery, caplog: pytest.LogCaptureFixture
) -> None:
    watch = Watch()
    nursery.start_soon(watch.run)
    came: list[object] = []

    def fails() -> None:
        came.append("failed")
        raise LookupError("a bug")

    pairs = [socket.socketpair() for _ in range(2)]
    (first, ours), (second, others) = pairs
    watch.read(ours.fileno(), fails)
    watch.read(others.fileno(), lambda: came.append(others.recv(9)))
    watch.alarm(fails).set(trio.current_time())
    watch.alarm(lambda: came.append("later")).set(trio.current_time() + 0.01)
    first.send(b"a")
    second.send(b"b")
    await until(lambda: len(came) == 4)
    second.send(b"c")
    await until(lambda: len(came) == 5)
    nursery.cancel_scope.cancel()
    for each in (first, ours, second, others):
        each.close()
    assert sorted(map(str, came)) == ["b'b'", "b'c'", "failed", "failed", "later"]
    failures = {record.message for record in caplog.records if record.exc_info}
    assert failures == {"an alarm failed", "a reader of a socket failed"}


@pytest.mark.skipif(sys.platform != "linux", reason="epoll")
async def test_a_socket_is_forgotten_after_the_watch_has_ended() -> None:
    watch = Watch()
    theirs, ours = socket.socketpair()

    def nothing() -> None: ...

    with theirs, ours:
        watch.read(ours.fileno(), nothing)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(watch.run)
            await wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
        watch.forget(ours.fileno(), nothing)
