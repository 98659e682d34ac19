"""A race: exactly one part's output, the losers stopped at once."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperinfer.engine import (
    DONE,
    DownstreamClosed,
    Failure,
    Graph,
    GraphError,
    Node,
    Sink,
    Source,
    Stage,
    each,
    gather,
    merge,
    node,
    race,
    run,
    stage,
    step,
    within,
)
from hyperinfer.engine.testing import ListSink, ScriptedStream, check_node, run_virtual
from tests.engine.test_timed import AtOnce
from tests.support.engine_nodes import both_ways, increment
from tests.support.engine_parts import Diary, Script, answer, answer_in_task, played

BUSY = Failure("busy", "try later")


async def pass_on(source: Source[str], sink: Sink[str]) -> None:
    async for item in source:
        await sink.send(item)


@both_ways
@pytest.mark.parametrize("seed", range(4))
def test_the_first_to_give_output_wins_and_the_other_is_aborted_at_that_instant(fused: bool, seed: int) -> None:
    diary = Diary()
    parts = answer("a", [(2, "x"), (1, "y")], diary), answer("b", [(1, "x"), (3, "y")], diary)
    assert played(race(*parts), [1, 2], fused=fused, seed=seed) == [
        (1, "b1x"), (4, "b1y"), (5, "b2x"), (8, "b2y"), (8, None),
    ]  # fmt: skip
    assert diary.lines == [(1, "a aborted"), (5, "a aborted")]
    assert diary.open == 0


@pytest.mark.parametrize("seed", range(8))
def test_of_those_that_win_at_one_instant_it_is_the_first_named(seed: int) -> None:
    hops = [node(pass_on, name=f"hop{place}", consumes=str, produces=str) for place in range(5)]
    long_way = Graph.linear(answer_in_task("a", [(1, "x")]), *hops)
    assert played(race(long_way, answer("b", [(1, "x")])), [1], seed=seed)[0] == (1, "a1x")
    assert played(race(answer("b", [(1, "x")]), long_way), [1], seed=seed)[0] == (1, "b1x")


@pytest.mark.parametrize("seed", range(8))
def test_a_race_within_a_race_comes_at_the_instant_of_its_items(seed: int) -> None:
    def hedged(name: str) -> Node[int, Any]:
        return race(answer(f"{name}1", [(9, "x")]), answer(f"{name}2", [(1, "x")]), stagger=1, name=name)

    deep = race(race(hedged("a"), answer("z", [(9, "x")])), answer("z", [(9, "x")]))
    plain = answer("b", [(2, "x")])
    assert played(race(deep, plain), [1], seed=seed)[0] == (2, "a21x")
    assert played(race(plain, deep), [1], seed=seed)[0] == (2, "b1x")
    assert played(race(deep, plain, stagger=2), [1], seed=seed) == [(2, "a21x"), (2, None)]


def test_a_loser_that_cleans_up_slowly_does_not_hold_up_the_winner() -> None:
    diary = Diary()
    parts = answer("a", [(9, "x")], diary, aborting=3), answer("b", [(1, "x"), (1, "y")], diary)
    assert played(race(*parts), [1]) == [(1, "b1x"), (2, "b1y"), (4, None)]


def test_what_comes_before_the_winning_item_is_held_back_and_comes_first() -> None:
    parts = answer("a", [(1, "…"), (3, "x")]), answer("b", [(2, "…"), (1, "x")])
    winning = race(*parts, wins=lambda item: str(item).endswith("x"))
    assert played(winning, [7]) == [(3, "b7…"), (3, "b7x"), (3, None)]


def test_a_failure_does_not_win() -> None:
    parts = answer("a", [(1, BUSY)]), answer("b", [(2, "x")])
    assert played(race(*parts), [1]) == [(2, "b1x"), (2, None)]


def test_without_a_winner_it_is_all_that_the_first_part_gave() -> None:
    other = Failure("other", "")
    assert played(race(answer("a", [(2, BUSY)]), answer("b", [(1, other)])), [1]) == [(2, BUSY), (2, None)]
    assert played(race(answer("a", []), answer("b", [(1, other)])), [1]) == [(1, None)]


# ---- one after the other --------------------------------------------------------------------------------------------


def test_after_a_silence_the_next_is_asked_too() -> None:
    diary = Diary()
    hedged = race(answer("a", [(9, "x")], diary), answer("b", [(1, "x")], diary), stagger=2)
    assert played(hedged, [1, 2]) == [(3, "b1x"), (6, "b2x"), (6, None)]
    assert diary.lines == [(3, "a aborted"), (6, "a aborted")]


def test_the_one_that_was_asked_first_may_still_win() -> None:
    diary = Diary()
    hedged = race(answer("a", [(3, "x"), (1, "y")], diary), answer("b", [(9, "x")], diary), stagger=2)
    assert played(hedged, [1]) == [(3, "a1x"), (4, "a1y"), (4, None)]
    assert diary.lines == [(3, "b aborted")]


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("answers_at", [1.5, 2])
def test_whoever_answers_in_time_is_asked_alone(answers_at: float, seed: int) -> None:
    diary = Diary()
    hedged = race(answer("a", [(answers_at, "x"), (5, "y")], diary), answer("b", [(0, "x")], diary), stagger=2)
    assert played(hedged, [1], seed=seed) == [(answers_at, "a1x"), (answers_at + 5, "a1y"), (answers_at + 5, None)]
    assert diary.lines == []


def test_the_next_is_asked_at_once_when_those_before_have_failed() -> None:
    parts = answer("a", [(0.5, BUSY)]), answer("b", [(1, BUSY)]), answer("c", [(1, "x")])
    for stagger in (10, math.inf):
        assert played(race(*parts, stagger=stagger), [1]) == [(2.5, "c1x"), (2.5, None)]


# ---- ends -----------------------------------------------------------------------------------------------------------


@both_ways
@pytest.mark.parametrize("instant", [0.5, 1.5, 2.5])
def test_a_cancelled_race_stops_all_of_its_parts_at_once(fused: bool, instant: float) -> None:
    diary = Diary()
    parts = answer("a", [(9, "x")], diary), answer("b", [(2, "x"), (9, "y")], diary)
    assert played(race(*parts), [1], fused=fused, until=instant)[-1] == (instant, None)
    assert {line for line in diary.lines if line[0] == instant} == {
        (instant, f"{name} aborted") for name in ("ab" if instant < 2 else "b")
    }
    assert diary.open == 0


@both_ways
def test_a_reader_that_leaves_ends_the_winner(fused: bool) -> None:
    diary = Diary()
    parts = answer("a", [(9, "x")], diary), answer("b", [(1, "x"), (1, "y"), (9, "z")], diary)
    assert played(race(*parts), [1, 2], fused=fused, sink=ListSink(closes_after=1)) == [(1, "b1x"), (2, None)]
    assert diary.lines == [(1, "a aborted"), (2, "b aborted")]


class Crash(Exception):
    pass


@both_ways
async def test_an_exception_of_a_part_is_raised_bare_and_stops_the_others(fused: bool, autojump_clock: object) -> None:
    diary = Diary()

    @node
    async def crashing(source: Source[int], sink: Sink[str]) -> None:
        await trio.sleep(1)
        raise Crash

    with pytest.raises(Crash):
        await run(Graph.linear(increment, race(answer("a", [(9, "x")], diary), crashing)), [1], fused=fused)
    assert diary.lines == [(1, "a aborted")]


async def test_a_broken_resource_of_a_node_behind_it_is_a_crash_and_not_a_reader_that_left(autojump_clock: object) -> None:
    def breaks(item: str) -> str:
        raise trio.BrokenResourceError("its own socket")

    graph = Graph.linear(race(answer("a", [(1, "x")]), answer("b", [(2, "x")])), step(breaks))
    with pytest.raises(trio.BrokenResourceError, match="its own socket") as caught:
        await run(graph, [1])
    assert not isinstance(caught.value, DownstreamClosed)


# ---- laws -----------------------------------------------------------------------------------------------------------

scripts = st.lists(st.tuples(st.sampled_from([0.0, 0.5, 1.0, 1.0, 2.0]), st.sampled_from(["x", "…", BUSY])), max_size=4)


@given(st.lists(scripts, min_size=1, max_size=3), st.sampled_from([0.0, 0.5, 1.0]), st.booleans(), st.integers(0, 999))
@settings(max_examples=60, deadline=None)
def test_the_output_is_exactly_that_of_one_part(
    parts: list[list[tuple[float, Any]]], stagger: float, fused: bool, seed: int
) -> None:
    def won(item: object) -> bool:
        return str(item).endswith("x")

    nodes = [answer(name, script) for name, script in zip("abc", parts, strict=False)]
    alone = [[item for _, item in played(each, [1])[:-1]] for each in nodes]
    raced = played(race(*nodes, wins=won, stagger=stagger), [1], fused=fused, seed=seed)
    assert raced == played(race(*nodes, wins=won, stagger=stagger), [1], fused=not fused, seed=seed + 1)
    items = [item for _, item in raced[:-1]]
    winners = [each for each in alone if any(map(won, each))]
    assert items in winners if winners else items == alone[0]


SCRIPTS: dict[str, Script] = {"a": [(1, "x"), (2, "y")], "b": [(0.7, "…"), (0.2, "x"), (3, "y")]}


@pytest.mark.parametrize("stagger", [0.0, 0.4, 2.0])
def test_it_keeps_what_every_node_must(stagger: float) -> None:
    diary = Diary()

    def made() -> Node[int, Any]:
        return race(*(answer(name, script, diary) for name, script in SCRIPTS.items()), stagger=stagger)

    check_node(made, [1, 2], instants=[0.4, 0.7, 0.9, 1.0, 2.0], leftovers=lambda: diary.open)


# ---- built wrongly --------------------------------------------------------------------------------------------------


def test_parts_that_do_not_take_the_same_items_are_refused_by_name() -> None:
    other: Node[Any, Any] = step(str.upper, name="upper", consumes=str, produces=str)
    with pytest.raises(GraphError) as caught:
        race(increment, other)
    assert caught.value.problems == ("race: increment.in expects int, upper.in expects str; each is given the same items",)


@pytest.mark.parametrize("stagger", [-1.0, float("nan")])
def test_a_stagger_is_not_negative(stagger: float) -> None:
    with pytest.raises(ValueError, match="stagger"):
        race(increment, stagger=stagger)


@pytest.mark.parametrize("make", [race, gather, merge])
def test_without_parts_there_is_nothing_to_run(make: Any) -> None:
    with pytest.raises(ValueError, match=f"^{make.__name__} needs at least one part$"):
        make()


class Asks(Stage[int, int]):
    """Sends twice, and says whether it had to wait."""

    waits: list[bool]

    def __init__(self) -> None:
        self.waits = []

    async def receive(self, item: int, sink: Sink[int]) -> None:
        for one in (item, item):
            sending = sink.send(one)
            self.waits.append(sending is not DONE)
            await sending


@pytest.mark.parametrize("wrap", [race, each, partial(within, item=9)])
async def test_where_nothing_has_to_be_waited_for_the_part_need_not_either(wrap: Any) -> None:
    made: list[Asks] = []

    def make() -> Asks:
        made.append(Asks())
        return made[-1]

    await run(Graph.linear(wrap(stage(make, name="asks", consumes=int, produces=int))), [1], AtOnce())
    assert made[-1].waits[-1] is False  # the first of a race is held back until it has won


def test_the_stream_that_a_loser_reads_is_closed_at_once() -> None:
    streams: dict[str, ScriptedStream] = {}

    class Read(Stage[int, bytes]):
        def __init__(self, name: str, first: float) -> None:
            self._stream = streams[name] = ScriptedStream([(first, b"x"), (1, b"y")])

        async def receive(self, item: int, sink: Sink[bytes]) -> None:
            async with self._stream:
                async for piece in self._stream:
                    await sink.send(piece)

    def reader(name: str, first: float) -> Node[int, bytes]:
        return stage(lambda: Read(name, first), name=name, consumes=int, produces=bytes)

    async def main() -> None:
        await run(Graph.linear(race(reader("slow", 5), reader("quick", 1))), [1])

    run_virtual(main)
    assert streams["slow"].closed_at == pytest.approx(1)
    assert streams["quick"].closed_at == pytest.approx(2)
