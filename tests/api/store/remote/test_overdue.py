"""One timer for all that may take too long, on virtual time."""

from __future__ import annotations

import trio
import trio.testing

from hyperinfer.api.store.remote.overdue import Overdue


async def test_what_was_begun_is_told_in_its_order_and_hardly_late(autojump_clock: trio.testing.MockClock) -> None:
    told: list[tuple[int, float]] = []
    overdue: Overdue[int] = Overdue(2.0, lambda what: told.append((what, trio.current_time())))
    begun: dict[int, float] = {}
    async with trio.open_nursery() as nursery:
        nursery.start_soon(overdue.run)
        for what, pause in enumerate((0, 0, 0.01, 1.5, 0.3, 0.01, 7, 2, 2)):
            await trio.sleep(pause)
            begun[what] = trio.current_time()
            overdue.begin(what)
        await trio.sleep(3)
        nursery.cancel_scope.cancel()
    assert [what for what, _ in told] == list(begun)
    for what, at in told:
        assert 2.0 - 1e-9 <= at - begun[what] <= 2.1 + 1e-9


async def test_thousands_are_told_of_by_few_timers(autojump_clock: trio.testing.MockClock) -> None:
    told: list[float] = []
    overdue: Overdue[int] = Overdue(1.0, lambda _: told.append(trio.current_time()))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(overdue.run)
        for what in range(2000):
            await trio.sleep(0.001)
            overdue.begin(what)
        await trio.sleep(2)
        nursery.cancel_scope.cancel()
    assert len(told) == 2000
    assert len(set(told)) <= 2.0 / 0.05 + 2
