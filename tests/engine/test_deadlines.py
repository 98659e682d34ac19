"""Deadlines that name their cause, exactly on virtual time."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import ExitStack

import pytest
import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperinfer.engine import Cause, Deadlines, Drain, Expired
from hyperinfer.engine.testing import run_virtual

CAUSES: list[Cause] = ["connect", "first_token", "idle", "stream", "whole"]


@pytest.mark.parametrize("cause", CAUSES)
async def test_expiry_is_a_value_that_names_its_cause(cause: Cause, autojump_clock: trio.testing.MockClock) -> None:
    with Deadlines({cause: 30}) as deadlines:
        await trio.sleep_forever()
    assert deadlines.expired == Expired(cause, 30)
    assert trio.current_time() == 30


async def test_a_block_that_ends_in_time_has_not_expired(autojump_clock: trio.testing.MockClock) -> None:
    with Deadlines({"connect": 10}) as deadlines:
        await trio.sleep(9.5)
    await trio.sleep(10)
    assert deadlines.expired is None


async def test_an_exception_passes(autojump_clock: trio.testing.MockClock) -> None:
    with pytest.raises(KeyError), Deadlines({"connect": 10}):
        raise KeyError


async def test_no_time_at_all_is_over_at_the_first_wait(autojump_clock: trio.testing.MockClock) -> None:
    with Deadlines({"whole": 0}) as deadlines:
        await trio.lowlevel.checkpoint()
        raise AssertionError("the block goes on")
    assert deadlines.expired == Expired("whole", 0)


async def test_one_is_disarmed(autojump_clock: trio.testing.MockClock) -> None:
    with Deadlines({"whole": 100, "first_token": 5}) as deadlines:
        await trio.sleep(4)
        deadlines.disarm("first_token")
        await trio.sleep_forever()
    assert deadlines.expired == Expired("whole", 100)


async def test_of_two_at_one_instant_the_first_named_one_counts(
    schedule: int, autojump_clock: trio.testing.MockClock
) -> None:
    with Deadlines({"whole": 10, "idle": 10}) as deadlines:
        await trio.sleep_forever()
    assert deadlines.expired == Expired("whole", 10)


async def test_a_deadline_wins_over_data_due_at_its_instant(schedule: int, autojump_clock: trio.testing.MockClock) -> None:
    send, receive = trio.open_memory_channel[str](0)

    async def other() -> None:
        await trio.sleep(10)
        with trio.move_on_after(0):
            await send.send("late")

    got: list[str] = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(other)
        with Deadlines({"idle": 10}) as deadlines:
            got.append(await receive.receive())
    assert (got, deadlines.expired) == ([], Expired("idle", 10))

    with Deadlines({"idle": 10}) as same_task:
        await trio.sleep(10)
        got.append("late")
    assert (got, same_task.expired) == ([], Expired("idle", 10))


async def test_what_is_disarmed_when_it_has_passed_has_passed(autojump_clock: trio.testing.MockClock) -> None:
    with Deadlines({"stream": 100, "idle": 10}) as deadlines:
        with trio.CancelScope(shield=True):
            await trio.sleep(10)
        deadlines.disarm("idle")
        await trio.lowlevel.checkpoint()
        raise AssertionError("the block goes on")
    assert deadlines.expired == Expired("idle", 10)


async def test_cancellation_from_outside_is_not_expiry(autojump_clock: trio.testing.MockClock) -> None:
    with trio.move_on_after(1), Deadlines({"idle": 10}) as deadlines:
        await trio.sleep_forever()
    assert deadlines.expired is None


async def test_an_infinite_deadline_never_expires(autojump_clock: trio.testing.MockClock) -> None:
    with trio.move_on_after(10**9), Deadlines({"idle": math.inf}) as deadlines:
        await trio.sleep_forever()
    assert deadlines.expired is None


async def test_the_hard_end_of_a_drain_ends_a_block_and_counts_before_a_deadline(
    schedule: int, autojump_clock: trio.testing.MockClock
) -> None:
    drain, found = Drain(), list[tuple[bool, Expired | None, float]]()

    async def work(seconds: float) -> None:
        async with drain.admitted():
            with Deadlines({"whole": seconds}, drain=drain) as deadlines:
                await trio.sleep_forever()
        found.append((deadlines.hard_end, deadlines.expired, trio.current_time()))

    async with trio.open_nursery() as nursery:
        for seconds in (3, 4, 50):
            nursery.start_soon(work, seconds)
        await trio.testing.wait_all_tasks_blocked()
        drain.begin(grace=4)
        await drain.finish(last_words=5)
    early, *others = found
    assert early == (False, Expired("whole", 3), 3)
    # Of what ends at the very instant either may be told; of what is left there is one cause.
    assert (True, None, 4) in others
    with Deadlines({"whole": 7}, drain=drain) as late:
        await trio.sleep_forever()
    assert (late.hard_end, late.expired, trio.current_time()) == (True, None, 4)


# One block with all deadlines is what a block for each, one within the other, would be.

Acts = list[float | Cause]
"""Seconds of sleep, and what is disarmed."""


class Nested:
    """The meaning: a cancel scope for each deadline."""

    def __init__(self, seconds: dict[Cause, float]) -> None:
        now, self._seconds = trio.current_time(), seconds
        self._scopes: dict[Cause, trio.CancelScope] = {}
        for cause, after in seconds.items():
            self._scopes[cause] = trio.CancelScope(deadline=now + after)
        self._stack = ExitStack()

    def __enter__(self) -> Nested:
        for scope in self._scopes.values():
            self._stack.enter_context(scope)
        return self

    def __exit__(self, *error: object) -> bool:
        return bool(self._stack.__exit__(*error))  # type: ignore[arg-type]

    def disarm(self, cause: Cause) -> None:
        self._scopes[cause].deadline = math.inf

    @property
    def expired(self) -> Expired | None:
        for cause, scope in self._scopes.items():
            if scope.cancelled_caught:
                return Expired(cause, self._seconds[cause])
        return None


def played(make: Callable[[], Deadlines | Nested], acts: Acts, seed: int) -> tuple[Expired | None, float]:
    async def main() -> tuple[Expired | None, float]:
        with make() as block:
            for act in acts:
                if isinstance(act, str):
                    block.disarm(act)
                else:
                    await trio.sleep(act)
        return block.expired, trio.current_time()

    return run_virtual(main, seed=seed)


causes: st.SearchStrategy[Cause] = st.sampled_from(CAUSES)
lengths = st.dictionaries(causes, st.integers(1, 6).map(float) | st.just(math.inf), min_size=1, max_size=3)


@given(lengths, st.data(), st.integers(0, 99))
@settings(max_examples=200, deadline=None)
def test_one_block_is_what_a_block_for_each_would_be(seconds: dict[Cause, float], data: st.DataObject, seed: int) -> None:
    disarmed: st.SearchStrategy[Cause] = st.sampled_from([*seconds])
    acts: Acts = data.draw(st.lists(st.integers(0, 4).map(float) | disarmed, max_size=8))
    one = played(lambda: Deadlines(seconds), acts, seed)
    assert one == played(lambda: Nested(seconds), acts, seed + 1)
