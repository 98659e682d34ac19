"""When full collections come, on virtual time: often enough for long streams, seldom enough for many of them."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

import pytest
import trio

from hyperinfer.api import collector

if TYPE_CHECKING:
    from trio.testing import MockClock


@pytest.mark.parametrize(("takes", "times"), [(0.0, 6), (0.05, 6), (0.3, 2)])
async def test_as_often_as_their_cost_allows(
    takes: float, times: int, monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    passed, at = 0.0, list[float]()

    def collect() -> int:
        nonlocal passed
        passed += takes
        at.append(trio.current_time())
        return 0

    monkeypatch.setattr(gc, "get_count", lambda: (0, 0, collector.DUE))
    monkeypatch.setattr(gc, "collect", collect)
    began = trio.current_time()
    with trio.move_on_after(65):
        await collector.collect_in_time(lambda: passed)
    assert len(at) == times
    assert at[0] == began + collector.PAUSE_SECONDS


async def test_not_where_nothing_lasted(monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock) -> None:
    monkeypatch.setattr(gc, "get_count", lambda: (600, 9, collector.DUE - 1))
    monkeypatch.setattr(gc, "collect", lambda: pytest.fail("there is nothing to find"))
    with trio.move_on_after(3600) as hour:
        await collector.collect_in_time(trio.current_time)
    assert hour.cancelled_caught
