"""A deadline for one node: a value that names it, and the node properly aborted."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperinfer.engine import AbortExpired, Failure, Graph, Node, Sink, Source, Stage, each, node, run, stage, step, within
from hyperinfer.engine.testing import ListSink, check_node
from tests.support.engine_nodes import both_ways, increment
from tests.support.engine_parts import Diary, answer, answer_in_task, at, played


def expired(seconds: float, deadline: str = "item", name: str = "a") -> Failure:
    return Failure(
        "provider_timeout",
        f"{name} took longer than {seconds:g} s.",
        details={"node": name, "deadline": deadline, "seconds": seconds},
    )


@both_ways
@pytest.mark.parametrize("seed", range(3))
def test_whoever_is_in_time_is_left_alone(fused: bool, seed: int) -> None:
    diary = Diary()
    timed = within(answer("a", [(1, "x"), (1, "y")], diary), item=2.5)
    assert played(timed, [1, 2], fused=fused, seed=seed) == [
        (1, "a1x"), (2, "a1y"), (3, "a2x"), (4, "a2y"), (4, None),
    ]  # fmt: skip
    assert (diary.lines, diary.open) == ([], 0)


@both_ways
@pytest.mark.parametrize("seed", range(3))
def test_an_item_that_takes_too_long_fails_in_place_of_the_rest_and_the_next_has_its_own_time(
    fused: bool, seed: int
) -> None:
    diary = Diary()
    timed = within(answer("a", [(1, "x"), (3, "y")], diary), item=2)
    assert played(timed, [1, 2], fused=fused, seed=seed) == [
        (1, "a1x"), (2, expired(2)), (3, "a2x"), (4, expired(2)), (4, None),
    ]  # fmt: skip
    assert (diary.lines, diary.open) == ([(2, "a aborted"), (4, "a aborted")], 0)


@pytest.mark.parametrize("seed", range(8))
def test_the_deadline_wins_over_an_item_of_its_very_instant(seed: int) -> None:
    assert played(within(answer("a", [(2, "x")]), item=2), [1], seed=seed)[0] == (2, expired(2))


@both_ways
def test_the_time_of_a_slow_reader_is_not_the_nodes(fused: bool) -> None:
    timed = Graph.linear(within(answer("a", [(1, "x"), (1, "y"), (1.5, "z")]), item=3))
    assert played(timed, [1], fused=fused, sink=ListSink(every=10)) == [
        (11, "a1x"), (22, "a1y"), (33, expired(3)), (33, None),
    ]  # fmt: skip


class Careful:
    """A sink that says when it was cut off in the middle of an item."""

    def __init__(self) -> None:
        self.items: list[Any] = []
        self.cut: list[Any] = []

    async def send(self, item: Any, /) -> None:
        try:
            await trio.sleep(1)
        except trio.Cancelled:
            self.cut.append(item)
            raise
        self.items.append(item)


async def test_nobody_further_down_is_cut_short(autojump_clock: object) -> None:
    class Stubborn(Stage[int, str]):
        async def receive(self, item: int, sink: Sink[str]) -> None:
            try:
                await trio.sleep(9)
            finally:
                await sink.send("last words")  # too late

    sink = Careful()
    await run(Graph.linear(within(stage(Stubborn), item=2)), [1], sink)
    assert sink.items == [expired(2, name="stubborn")]
    assert sink.cut == []


def test_the_whole_of_a_run_has_its_time_too() -> None:
    diary = Diary()
    timed = within(answer("a", [(2, "x")], diary), item=9, whole=5)
    assert played(timed, [1, 2, 3, 4]) == [
        (2, "a1x"), (4, "a2x"), (5, expired(5, "whole")), (5, expired(5, "whole")), (5, None),
    ]  # fmt: skip
    assert (diary.lines, diary.open) == ([(5, "a aborted")], 0)


def test_time_in_which_no_item_comes_is_not_the_nodes() -> None:
    graph = Graph.linear(answer_in_task("q", [(10, "")]), within(len_of, item=1, whole=1))
    assert played(graph, [1, 2]) == [(10, 2), (20, 2), (20, None)]


def length(item: str) -> int:
    return len(item)


len_of = step(length)


def test_a_replacement_stands_in_where_there_was_no_output_yet() -> None:
    def instead(item: int, failure: Failure) -> Iterable[str]:
        return (f"instead of {item}", str(failure.details["node"]))

    timed = within(answer("a", [(3, "x")]), item=2, otherwise=instead)
    assert played(timed, [1]) == [(2, "instead of 1"), (2, "a"), (2, None)]
    timed = within(answer("a", [(1, "x"), (3, "x")]), item=2, otherwise=instead)
    assert played(timed, [1]) == [(1, "a1x"), (2, expired(2)), (2, None)]
    timed = within(answer("a", [(3, "x")]), whole=2, otherwise=instead)
    assert [item for _, item in played(timed, [1, 2])] == ["instead of 1", "a", "instead of 2", "a", None]


class Slow(Stage[int, int]):
    """State over items; slow to end, or to abort."""

    def __init__(self, ending: float = 0.0, aborting: float = 0.0) -> None:
        self._ending, self._aborting, self._total = ending, aborting, 0

    async def receive(self, item: int, sink: Sink[int]) -> None:
        await trio.sleep(item)
        self._total += item
        await sink.send(self._total)

    async def end(self, sink: Sink[int]) -> None:
        await trio.sleep(self._ending)
        await sink.send(-self._total)

    async def abort(self) -> None:
        await trio.sleep(self._aborting)


def slow(**options: float) -> Node[int, int]:
    return stage(lambda: Slow(**options), name="a", consumes=int, produces=int)


def test_state_is_kept_from_item_to_item_until_the_time_of_one_is_over() -> None:
    assert [item for _, item in played(within(slow(), item=2.5), [1, 2, 9, 1, 1])] == [1, 3, expired(2.5), 1, 2, -2, None]


def test_the_end_has_its_time_as_well() -> None:
    assert played(within(slow(ending=3), item=2.5), [1]) == [(1, 1), (3.5, expired(2.5)), (3.5, None)]


async def test_an_abort_that_does_not_end_is_cut_short(autojump_clock: object) -> None:
    with pytest.raises(AbortExpired, match="'a'"):
        await run(Graph.linear(within(slow(aborting=99), item=2)), [3])
    assert at(trio.current_time()) == 7


@both_ways
def test_a_cancelled_run_aborts_it_once(fused: bool) -> None:
    diary = Diary()
    timed = within(answer("a", [(9, "x")], diary), item=2)
    assert played(timed, [1, 2], fused=fused, until=3)[-1] == (3, None)
    assert diary.lines == [(2, "a aborted"), (3, "a aborted")]
    assert diary.open == 0


def test_a_graph_has_its_time_as_one() -> None:
    chain = Graph.linear(increment, answer("a", [(1, "x")]), step(length))
    timed = within(chain, item=0.5, name="chain")
    assert played(timed, [1]) == [(0.5, expired(0.5, name="chain")), (0.5, None)]
    assert played(within(chain, item=1.5), [1, 2]) == [(1, 3), (2, 3), (2, None)]


def test_a_part_with_a_task_of_its_own_is_run_for_each_item() -> None:
    with pytest.raises(
        TypeError, match=r"^within: a has a task of its own, and may be at several items at once; each\(a\) "
    ):
        within(answer_in_task("a", [(1, "x")]), item=1)
    timed = within(each(answer_in_task("a", [(1, "x"), (1, "y")])), item=1.5)
    assert played(timed, [1, 2]) == [
        (1, "a1x"), (1.5, expired(1.5)), (2.5, "a2x"), (3, expired(1.5)), (3, None),
    ]  # fmt: skip


@pytest.mark.parametrize("seconds", [{}, {"item": 0.0}, {"whole": -1.0}, {"item": float("nan")}])
def test_a_deadline_is_a_positive_number(seconds: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="positive number of seconds"):
        within(increment, **seconds)


def test_a_failure_goes_past_it() -> None:
    failure = Failure("busy", "")
    assert played(within(answer("a", [(1, "x")]), item=2), [failure, 1]) == [(0, failure), (1, "a1x"), (1, None)]


@given(
    st.lists(st.lists(st.tuples(st.sampled_from([0.25, 0.5, 1.0]), st.just("x")), max_size=4), max_size=3),
    st.sampled_from([0.6, 1.1, 9.0]),
    st.sampled_from([0.9, 2.3, 99.0]),
    st.sampled_from([0.0, 0.7]),
)
@settings(max_examples=50, deadline=None)
def test_what_it_gives_is_a_beginning_of_what_the_node_would_give(
    scripts: list[list[tuple[float, str]]], item: float, whole: float, reading: float
) -> None:
    """By arithmetic: for each item all that comes in its own time, and a failure where something is left."""

    async def by_number(source: Source[int], sink: Sink[str]) -> None:
        async for number in source:
            for seconds, word in scripts[number]:
                await trio.sleep(seconds)
                await sink.send(f"{number}{word}")

    part = each(node(by_number, name="a", consumes=int, produces=str))
    expected: list[Any] = []
    left = whole
    for number, script in enumerate(scripts):
        most, spent = min(item, left), 0.0
        for seconds, word in script:
            if spent + seconds >= most or left <= 0:
                expected.append(expired(*((item, "item") if item < left else (whole, "whole"))))
                spent = most
                break
            spent += seconds
            expected.append(f"{number}{word}")
        else:
            if left <= 0:
                expected.append(expired(whole, "whole"))
        left = round(left - spent, 9)
    timed = within(part, item=item, whole=whole)
    assert [each for _, each in played(timed, range(len(scripts)), sink=ListSink(every=reading))[:-1]] == expected


@pytest.mark.parametrize("seconds", [{"item": 1.5}, {"whole": 2.5}, {"item": 9.0}])
def test_it_keeps_what_every_node_must(seconds: dict[str, Any]) -> None:
    diary = Diary()

    def made() -> Node[int, Any]:
        return within(answer("a", [(1, "x"), (1, "y")], diary), **seconds)

    instants = [0.5, 1.5, 1.75, 2, 2.5, 3]
    check_node(made, [1, 2], instants=instants, leftovers=lambda: diary.open)
