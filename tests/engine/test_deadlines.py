"""Deadlines that name their cause, exactly on virtual time."""

from __future__ import annotations

import math

import pytest
import trio
import trio.testing

from hyperinfer.engine import Cause, Deadline, Expired, first_expired
from hyperinfer.engine.testing import ScriptedStream

CAUSES: list[Cause] = ["connect", "first_token", "idle", "stream", "whole"]


@pytest.mark.parametrize("cause", CAUSES)
async def test_expiry_is_a_value_that_names_its_cause(cause: Cause, autojump_clock: trio.testing.MockClock) -> None:
    with Deadline(cause, 30) as deadline:
        await trio.sleep_forever()
    assert deadline.expired == Expired(cause, 30)
    assert trio.current_time() == 30


async def test_a_block_that_ends_in_time_has_not_expired(autojump_clock: trio.testing.MockClock) -> None:
    with Deadline("connect", 10) as deadline:
        await trio.sleep(9.5)
    await trio.sleep(10)
    assert deadline.expired is None


async def test_an_exception_passes(autojump_clock: trio.testing.MockClock) -> None:
    with pytest.raises(KeyError), Deadline("connect", 10):
        raise KeyError


async def test_idle_is_rearmed_by_every_read(autojump_clock: trio.testing.MockClock) -> None:
    stream = ScriptedStream([(1, b"a"), (29, b"b"), (29, b"c"), (999, b"d")])
    got: list[bytes] = []
    with Deadline("stream", 3600) as whole, Deadline("idle", 30) as idle:
        async for chunk in stream:
            idle.rearm()
            got.append(chunk)
    assert got == [b"a", b"b", b"c"]
    assert first_expired(whole, idle) == Expired("idle", 30)
    assert trio.current_time() == 59 + 30


async def test_a_deadline_is_moved_by_assignment_and_disarmed_by_infinity(
    autojump_clock: trio.testing.MockClock,
) -> None:
    with Deadline("whole", 100) as whole, Deadline("first_token", 5) as first:
        assert first.at == 5
        await trio.sleep(4)
        first.at = 8
        await trio.sleep(3.5)
        first.at = math.inf
        await trio.sleep_forever()
    assert first_expired(first, whole) == Expired("whole", 100)


async def test_of_two_at_one_instant_the_outer_one_counts(schedule: int, autojump_clock: trio.testing.MockClock) -> None:
    with Deadline("whole", 10) as outer, Deadline("idle", 10) as inner:
        await trio.sleep_forever()
    assert (outer.expired, inner.expired) == (Expired("whole", 10), None)


async def test_a_deadline_wins_over_data_due_at_its_instant(schedule: int, autojump_clock: trio.testing.MockClock) -> None:
    send, receive = trio.open_memory_channel[str](0)

    async def other() -> None:
        await trio.sleep(10)
        with trio.move_on_after(0):
            await send.send("late")

    got: list[str] = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(other)
        with Deadline("idle", 10) as idle:
            got.append(await receive.receive())
    assert (got, idle.expired) == ([], Expired("idle", 10))

    with Deadline("idle", 10) as same_task:
        await trio.sleep(10)
        got.append("late")
    assert (got, same_task.expired) == ([], Expired("idle", 10))


async def test_cancellation_from_outside_is_not_expiry(autojump_clock: trio.testing.MockClock) -> None:
    with trio.move_on_after(1), Deadline("idle", 10) as idle:
        await trio.sleep_forever()
    assert idle.expired is None
    assert first_expired(idle) is None


async def test_an_infinite_deadline_never_expires(autojump_clock: trio.testing.MockClock) -> None:
    with trio.move_on_after(10**9), Deadline("idle", math.inf) as idle:
        await trio.sleep_forever()
    assert idle.expired is None
