"""Virtual time, its guards, and seeded schedules."""

from __future__ import annotations

import math
import random
import time
from typing import TYPE_CHECKING, Any, cast

import pytest
import trio
import trio.testing

from hyperinfer.engine.testing import (
    RealTimeExceededError,
    ThreadInVirtualTimeError,
    refusing_threads,
    run_virtual,
    seeded_schedule,
)

if TYPE_CHECKING:
    from pathlib import Path


def test_hours_pass_at_once_and_exactly() -> None:
    async def main() -> float:
        await trio.sleep(3600)
        return trio.current_time()

    began = time.monotonic()
    assert run_virtual(main) == 3600
    assert time.monotonic() - began < 5


def test_what_main_raises_comes_out_bare() -> None:
    async def main() -> None:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        run_virtual(main)


def test_a_deadlock_is_cut_off_in_real_time() -> None:
    with pytest.raises(RealTimeExceededError, match=r"still running after 0\.05 s of real time, at virtual second 0"):
        run_virtual(trio.sleep_forever, real_seconds=0.05)


def test_a_clock_that_never_rests_is_cut_off_in_real_time() -> None:
    async def main() -> None:
        for _ in iter(int, 1):  # without end
            await trio.sleep(1)

    with pytest.raises(RealTimeExceededError, match="something never rests"):
        run_virtual(main, real_seconds=0.05)


def test_threads_fail_loudly_under_the_virtual_clock(tmp_path: Path) -> None:
    async def main() -> None:
        with pytest.raises(ThreadInVirtualTimeError):
            await trio.to_thread.run_sync(time.time)
        with pytest.raises(ThreadInVirtualTimeError):
            await trio.Path(tmp_path).exists()
        with pytest.raises(ThreadInVirtualTimeError):
            await trio.socket.getaddrinfo("localhost", 80)

    run_virtual(main)


async def test_threads_are_refused_with_the_fixture_of_pytest_trio_too(autojump_clock: trio.testing.MockClock) -> None:
    with pytest.raises(ThreadInVirtualTimeError):
        await trio.to_thread.run_sync(time.time)


async def test_threads_work_under_a_real_clock() -> None:
    with refusing_threads():
        assert await trio.to_thread.run_sync(math.sqrt, 4) == 2


def order_of(seed: int) -> tuple[int, ...]:
    order: list[int] = []

    async def one(number: int) -> None:
        await trio.sleep(1)
        order.append(number)

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            for number in range(5):
                nursery.start_soon(one, number)

    run_virtual(main, seed=seed)
    return tuple(order)


def test_a_seed_gives_one_order_and_seeds_give_many() -> None:
    assert {order_of(7) for _ in range(20)} == {order_of(7)}
    assert len({order_of(seed) for seed in range(30)}) > 10


def test_the_private_names_of_trio_are_where_we_expect_them() -> None:
    inner = cast("Any", trio)
    assert isinstance(inner._core._run._r, random.Random)
    assert isinstance(inner._core._run._ALLOW_DETERMINISTIC_SCHEDULING, bool)
    assert callable(inner._threads.start_thread_soon)


def test_a_schedule_leaves_no_trace() -> None:
    inner = cast("Any", trio)._core._run
    before = inner._ALLOW_DETERMINISTIC_SCHEDULING, inner._r.getstate()
    with seeded_schedule(3):
        assert inner._ALLOW_DETERMINISTIC_SCHEDULING
    assert (inner._ALLOW_DETERMINISTIC_SCHEDULING, inner._r.getstate()) == before
