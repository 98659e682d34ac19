"""Drain: nothing new, time for what runs, then a well-formed end; exactly on virtual time."""

from __future__ import annotations

import math

import pytest
import trio
import trio.testing

from hyperinfer.engine import Drain, DrainingError, FullError


async def work(drain: Drain, seconds: float, log: list[tuple[str, float]], *, last_words: float = 1) -> None:
    """A stream of this length which says its last words when the hard end comes."""
    async with drain.admitted():
        with drain.until_hard_end() as hard_end:
            await trio.sleep(seconds)
        if hard_end.came:
            await trio.sleep(last_words)
        log.append(("cut" if hard_end.came else "whole", trio.current_time()))


async def test_work_is_counted(autojump_clock: trio.testing.MockClock) -> None:
    drain = Drain()
    await drain.wait_idle()
    async with trio.open_nursery() as nursery:
        for seconds in (1, 2, 2):
            nursery.start_soon(work, drain, seconds, list[tuple[str, float]]())
        await trio.testing.wait_all_tasks_blocked()
        assert drain.in_flight == 3
        await trio.sleep(1.5)
        assert drain.in_flight == 2
        await drain.wait_idle()
        assert trio.current_time() == 2
    assert not drain.is_draining
    assert drain.ends_at == math.inf


async def test_work_that_raises_is_no_longer_in_flight() -> None:
    drain = Drain()
    with pytest.raises(KeyError):
        async with drain.admitted():
            raise KeyError
    assert drain.in_flight == 0


async def test_no_more_than_the_most_is_in_flight(autojump_clock: trio.testing.MockClock) -> None:
    drain, log = Drain(), list[tuple[str, float]]()
    drain.most = 2
    async with trio.open_nursery() as nursery:
        for seconds in (1, 2):
            nursery.start_soon(work, drain, seconds, log)
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(FullError):
            drain.admit()
        assert drain.in_flight == 2
        await trio.sleep(1.5)
        await work(drain, 1, log)
        drain.most = 0  # what is in flight stays
    assert log == [("whole", 1), ("whole", 2), ("whole", 2.5)]
    drain.begin(grace=1)
    with pytest.raises(DrainingError):
        drain.admit()


async def test_everything_ends_within_the_grace(autojump_clock: trio.testing.MockClock) -> None:
    drain, log = Drain(), list[tuple[str, float]]()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(work, drain, 3, log)
        await trio.sleep(1)
        drain.begin(grace=30)
        assert drain.is_draining
        assert drain.ends_at == 31
        assert await drain.finish(last_words=5) == 0
        assert trio.current_time() == 3
    assert log == [("whole", 3)]
    assert not drain.hard_end.is_set()


async def test_no_new_work_once_draining() -> None:
    drain = Drain()
    drain.begin(grace=30)
    with pytest.raises(DrainingError, match=r"^draining: no new work is admitted$"):
        async with drain.admitted():
            raise AssertionError("admitted")
    assert drain.in_flight == 0
    assert await drain.finish(last_words=5) == 0


async def test_at_the_end_of_the_grace_streams_are_told_and_say_their_last_words(
    schedule: int, autojump_clock: trio.testing.MockClock
) -> None:
    drain, log = Drain(), list[tuple[str, float]]()
    async with trio.open_nursery() as nursery:
        for seconds in (5, 100, 200):
            nursery.start_soon(work, drain, seconds, log)
        await trio.sleep(2)
        drain.begin(grace=10)
        assert await drain.finish(last_words=5) == 0
        assert trio.current_time() == 13
    assert log == [("whole", 5), ("cut", 13), ("cut", 13)]
    assert drain.hard_end.is_set()


async def test_what_does_not_end_even_then_is_counted(autojump_clock: trio.testing.MockClock) -> None:
    drain, log = Drain(), list[tuple[str, float]]()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(work, drain, 100, log)
        await trio.sleep(1)

        async def stubborn() -> None:
            async with drain.admitted():
                await trio.sleep(50)

        nursery.start_soon(stubborn)
        await trio.testing.wait_all_tasks_blocked()
        drain.begin(grace=10)
        assert await drain.finish(last_words=5) == 1
        assert trio.current_time() == 16
    assert log == [("cut", 12)]


async def test_an_event_tells_the_hard_end_too(autojump_clock: trio.testing.MockClock) -> None:
    drain = Drain()
    told: list[float] = []

    async def watcher() -> None:
        async with drain.admitted():
            await drain.hard_end.wait()
            told.append(trio.current_time())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(watcher)
        await trio.testing.wait_all_tasks_blocked()
        drain.begin(grace=4)
        assert await drain.finish(last_words=5) == 0
    assert told == [4]


async def test_a_second_signal_may_shorten_the_grace_but_not_lengthen_it(
    autojump_clock: trio.testing.MockClock,
) -> None:
    drain, log = Drain(), list[tuple[str, float]]()

    async def impatient() -> None:
        await trio.sleep(2)
        drain.begin(grace=1)
        drain.begin(grace=1000)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(work, drain, 100, log)
        nursery.start_soon(impatient)
        await trio.testing.wait_all_tasks_blocked()
        drain.begin(grace=30)
        assert await drain.finish(last_words=5) == 0
    assert log == [("cut", 4)]


async def test_a_stream_that_comes_to_its_block_after_the_hard_end_is_told_at_once(
    autojump_clock: trio.testing.MockClock,
) -> None:
    drain, log = Drain(), list[tuple[str, float]]()

    async def late() -> None:
        async with drain.admitted():
            await trio.sleep(6)  # still routing when the hard end came
            with drain.until_hard_end() as hard_end:
                await trio.sleep_forever()
            log.append(("cut" if hard_end.came else "whole", trio.current_time()))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(late)
        await trio.testing.wait_all_tasks_blocked()
        drain.begin(grace=5)
        assert await drain.finish(last_words=5) == 0
    assert log == [("cut", 6)]


async def test_waiting_for_the_drain_to_begin(autojump_clock: trio.testing.MockClock) -> None:
    drain = Drain()
    async with trio.open_nursery() as nursery:

        async def later() -> None:
            await trio.sleep(3)
            drain.begin(grace=1)

        nursery.start_soon(later)
        await drain.wait_begun()
        assert trio.current_time() == 3
