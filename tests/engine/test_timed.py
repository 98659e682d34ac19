"""Stages with a clock, and the short cut into a segment: the same items at the same instants whatever way they take."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Awaitable
from functools import partial
from typing import TYPE_CHECKING

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperinfer.engine import DONE, Graph, Observer, Sink, Stage, TimedStage, run, stage, step, timed
from hyperinfer.engine.testing import ListSink, run_virtual

if TYPE_CHECKING:
    from hyperinfer.engine import Node


class Beat(TimedStage[int, int]):
    """Hands items on, gives 0 after each second of silence, and wants no more after `most` items."""

    def __init__(self, most: int = 99) -> None:
        self._left = most

    def receive(self, item: int, sink: Sink[int]) -> Awaitable[None]:
        sending = sink.send(item)
        if sending is not DONE:
            return self._sent(sending)
        self._note()
        return DONE

    async def _sent(self, sending: Awaitable[None]) -> None:
        await sending
        self._note()

    def _note(self) -> None:
        self._left -= 1
        self.due, self.done = trio.current_time() + 1, not self._left

    async def tick(self, sink: Sink[int]) -> None:
        await sink.send(0)
        self.due = trio.current_time() + 1

    async def end(self, sink: Sink[int]) -> None:
        await sink.send(-1)


class AtOnce(ListSink[int]):
    """A sink that need not be waited for, and knows whose task it was in."""

    def __init__(self) -> None:
        super().__init__()
        self.tasks: list[trio.lowlevel.Task] = []

    def send(self, item: int, /) -> Awaitable[None]:  # type: ignore[override]
        self.items.append(item)
        self.times.append(trio.current_time())
        self.tasks.append(trio.lowlevel.current_task())
        return DONE


class AtTimes:
    """Items at instants of trio's clock, or as soon after as they are asked for."""

    def __init__(self, items: list[tuple[float, int]]) -> None:
        self._items = list(items)

    def __aiter__(self) -> AtTimes:
        return self

    async def __anext__(self) -> int:
        if not self._items:
            raise StopAsyncIteration
        await trio.sleep_until(self._items[0][0])
        return self._items.pop(0)[1]


@step
def plus(item: int) -> int:
    return item + 1


class Pass(Stage[int, int]):
    async def receive(self, item: int, sink: Sink[int]) -> None:
        await sink.send(item)


def beat(most: int = 99) -> Node[int, int]:
    return timed(partial(Beat, most), name="beat", consumes=int, produces=int)


items = st.lists(st.tuples(st.sampled_from([0.0, 0.25, 0.5, 1.0, 2.5]), st.integers(1, 9)), max_size=8)


def spread(gaps: list[tuple[float, int]]) -> list[tuple[float, int]]:
    at, found = 0.0, list[tuple[float, int]]()
    for gap, item in gaps:
        at += gap
        found.append((at, item))
    return found


@given(
    items, st.sampled_from([None, 0.0, 0.25, 1.5]), st.integers(0, 3), st.integers(1, 9), st.booleans(), st.integers(0, 999)
)
@settings(max_examples=120, deadline=None)
def test_the_short_cut_changes_nothing(
    gaps: list[tuple[float, int]], writing: float | None, buffer: int, most: int, behind: bool, seed: int
) -> None:
    """`writing`: seconds that the sink takes for an item; None where it need not be waited for. `behind`: a stage follows;
    unfused it has a task of its own, and would hide from the clock how long a write takes."""
    followed = [stage(Pass)] if behind and not writing else []
    graph = Graph.linear(plus, beat(most), *followed, buffers={"beat": buffer})

    def played(*, fused: bool, observer: Observer | None = None) -> tuple[list[int], list[float]]:
        sink: ListSink[int] = AtOnce() if writing is None else ListSink(every=writing)

        async def main() -> None:
            await run(graph, AtTimes(spread(gaps)), sink, fused=fused, observer=observer)

        run_virtual(main, seed=seed)
        return sink.items, [round(at, 9) for at in sink.times]

    expected = played(fused=False)
    assert played(fused=True) == expected
    assert played(fused=True, observer=Observer()) == expected


@pytest.mark.parametrize("fused", [True, False])
async def test_ticks_come_between_items_and_never_inside_one(fused: bool, autojump_clock: object) -> None:
    sink = ListSink[int](every=1.5)
    await run(Graph.linear(plus, beat()), AtTimes([(0, 1), (5.5, 2), (5.5, 3)]), sink, fused=fused)
    # Due a second after a write is over; the tick that begins at 5 holds up what comes at 5.5.
    assert [(item, round(at, 6)) for item, at in zip(sink.items, sink.times, strict=True)] == [
        (2, 1.5), (0, 4.0), (0, 6.5), (3, 8.0), (4, 9.5), (-1, 11.0),
    ]  # fmt: skip


async def test_what_need_not_wait_is_handled_in_the_task_of_its_sender(autojump_clock: object) -> None:
    sink, me = AtOnce(), trio.lowlevel.current_task()
    await run(Graph.linear(plus, beat(), buffers={"beat": 4}), AtTimes([(1, 1), (2, 2), (3.5, 3)]), sink)
    assert sink.items == [2, 3, 0, 4, -1]
    assert [task is me for task in sink.tasks] == [True, True, False, True, False]  # the clock and the end are the other's


class Halves:
    """Writes the first half of an item at once and leaves the other to whoever awaits it."""

    def __init__(self) -> None:
        self.halves: list[str] = []

    def send(self, item: int, /) -> Awaitable[None]:
        self.halves.append(f"{item} begun")
        return self._finish(item)

    async def _finish(self, item: int) -> None:
        with trio.CancelScope(shield=True):
            await trio.sleep(0.5)
        self.halves.append(f"{item} done")


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("instant", [0.0, 1.0, 1.25, 1.5, 2.0, 2.25])
def test_what_was_begun_is_completed_also_when_cancelled(instant: float, seed: int) -> None:
    sink = Halves()

    async def main() -> None:
        with trio.move_on_at(instant):
            await run(Graph.linear(plus, beat(), buffers={"beat": 2}), AtTimes([(1, 1), (1, 2), (2, 3)]), sink)

    run_virtual(main, seed=seed)
    begun = [half.split()[0] for half in sink.halves if half.endswith("begun")]
    assert sink.halves == [f"{item} {what}" for item in begun for what in ("begun", "done")]


@pytest.mark.parametrize("fused", [True, False])
async def test_an_exception_in_the_short_cut_is_one_of_the_segment(fused: bool, autojump_clock: object) -> None:
    diary: list[str] = []

    class Bad(Beat):
        def receive(self, item: int, sink: Sink[int]) -> Awaitable[None]:
            raise LookupError(item)

        async def abort(self) -> None:
            diary.append("aborted")

    bad = timed(Bad, consumes=int, produces=int)
    with pytest.raises(LookupError):
        await run(Graph.linear(plus, bad, buffers={"bad": 1}), AtTimes([(1, 1), (math.inf, 2)]), fused=fused)
    assert diary == ["aborted"]
    assert trio.current_time() == 1.0


@pytest.mark.parametrize("fused", [True, False])
async def test_one_that_is_done_ends_what_is_upstream(fused: bool, autojump_clock: object) -> None:
    sink, diary = AtOnce(), list[str]()

    class Upstream(Pass):
        async def abort(self) -> None:
            diary.append("aborted")

    graph = Graph.linear(stage(Upstream), beat(2), buffers={"beat": 1})
    await run(graph, AtTimes([(0.5, 1), (1, 2), (2, 3), (3, 4), (math.inf, 5)]), sink, fused=fused)
    assert (sink.items, diary) == ([1, 2, -1], ["aborted"])


async def test_its_clock_interrupts_no_source_of_the_callers(autojump_clock: object) -> None:
    async def source() -> AsyncIterator[int]:
        await trio.sleep(0.5)
        yield 7
        await trio.sleep(1.75)
        yield 8

    sink = ListSink[int]()
    await run(Graph.linear(beat()), source(), sink)
    assert sink.items == [7, 0, 8, -1]
