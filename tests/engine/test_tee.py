"""A reader at the side: the same items, and nothing that it does reaches the main line."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperinfer.engine import Failure, Graph, GraphError, Node, SideEnd, Sink, Source, Stage, node, run, stage, step, tee
from hyperinfer.engine.testing import ListSink, check_node
from tests.support.engine_nodes import FAILURE, both_ways, diary_node, increment
from tests.support.engine_parts import at, played

if TYPE_CHECKING:
    from hyperinfer.engine.tee import Slow

UNWAITED: list[Slow] = ["drop", "detach"]
EVERY: list[Slow] = ["wait", *UNWAITED]


@node
async def beat(source: Source[int], sink: Sink[int]) -> None:
    """An item a second, as many as it is told."""
    async for count in source:
        for number in range(count):
            await trio.sleep(1)
            await sink.send(number)


def beats(count: int, side: Any, slow: Slow, **options: Any) -> tuple[list[tuple[float, Any]], list[SideEnd]]:
    """What comes of so many items, with this side."""
    ends: list[SideEnd] = []
    return played(Graph.linear(beat, tee(side, slow=slow, told=ends.append, **options), increment), [count]), ends


@both_ways
@pytest.mark.parametrize("slow", EVERY)
def test_both_get_the_same(fused: bool, slow: Slow, schedule: int) -> None:
    side, main = ListSink[Any](), ListSink[Any]()
    ends: list[SideEnd] = []
    given = [1, 2, FAILURE, 3]
    played(tee(side, slow=slow, told=ends.append), given, fused=fused, sink=main, seed=schedule)
    assert side.items == main.items == given
    assert ends == [SideEnd(4, 0, "complete")]


def test_a_side_may_be_a_node_or_a_graph_whose_output_is_dropped() -> None:
    diary: list[str] = []
    for side in (diary_node(diary), Graph.linear(increment, diary_node(diary))):
        main = played(tee(side, slow="wait"), [1, FAILURE, 2])
        assert [item for _, item in main] == [1, FAILURE, 2, None]
    assert diary == ["receive 1", "receive 2", "end", "receive 2", "receive 3", "end"]


# ---- slow -----------------------------------------------------------------------------------------------------------


def test_a_slow_side_is_waited_for() -> None:
    side = ListSink[int](every=3)
    main, ends = beats(5, side, "wait", buffer=1)
    # One is read, one waits in the buffer, and `run` waits for the last.
    assert [when for when, _ in main] == [1, 2, 4, 7, 10, 16]
    assert side.items == [0, 1, 2, 3, 4]
    assert ends == [SideEnd(5, 0, "complete")]


def test_a_slow_side_misses_items() -> None:
    side = ListSink[int](every=2.4)
    main, ends = beats(6, side, "drop", buffer=1)
    assert main == [*((number + 1, number + 1) for number in range(6)), (10.6, None)]
    assert list(zip(side.items, map(at, side.times), strict=True)) == [(0, 3.4), (1, 5.8), (3, 8.2), (5, 10.6)]
    assert ends == [SideEnd(4, 2, "complete")]


def test_a_slow_side_is_let_go() -> None:
    side = ListSink[int](every=2.5)
    main, ends = beats(6, side, "detach", buffer=1)
    assert main == [*((number + 1, number + 1) for number in range(6)), (6, None)]
    assert side.items == []  # the third item came at 3, before it had written the first
    assert ends == [SideEnd(1, 0, "slow")]


@pytest.mark.parametrize("slow", UNWAITED)
def test_after_the_end_it_has_a_while_for_what_it_holds(slow: Slow) -> None:
    side = ListSink[int](every=4)
    main, ends = beats(2, side, slow, linger=1)
    assert main == [(1, 1), (2, 2), (3, None)]
    assert ends == [SideEnd(1, 0, "late")]
    assert beats(2, side, slow, linger=9)[0] == [(1, 1), (2, 2), (9, None)]
    assert side.items == [0, 1]


@pytest.mark.parametrize("slow", UNWAITED)
def test_the_end_of_the_main_line_does_not_wait_either(slow: Slow) -> None:
    class Ends(Stage[int, str]):
        async def receive(self, item: int, sink: Sink[str]) -> None: ...

        async def end(self, sink: Sink[str]) -> None:
            await sink.send("ended")

    graph = Graph.linear(beat, tee(ListSink[int](every=100), slow=slow, linger=50), stage(Ends))
    assert played(graph, [2]) == [(2, "ended"), (52, None)]


# ---- broken ---------------------------------------------------------------------------------------------------------


class Breaks(ListSink[Any]):
    def __init__(self, error: Exception, *, after: int) -> None:
        super().__init__()
        self._error, self._after = error, after

    async def send(self, item: Any, /) -> None:
        if len(self.items) == self._after:
            raise self._error
        await super().send(item)


@both_ways
@pytest.mark.parametrize("slow", EVERY)
@pytest.mark.parametrize(
    ("error", "cause"),
    [(LookupError("bug"), "broken"), (trio.BrokenResourceError(), "left"), (trio.ClosedResourceError(), "left")],
)
def test_a_side_that_breaks_is_let_go(fused: bool, slow: Slow, error: Exception, cause: Any) -> None:
    side, ends = Breaks(error, after=1), list[SideEnd]()
    graph = Graph.linear(beat, tee(side, slow=slow, told=ends.append), increment)
    assert played(graph, [3], fused=fused) == [(1, 1), (2, 2), (3, 3), (3, None)]
    assert ends == [SideEnd(2, 0, cause, error)]
    assert side.items == [0]


@pytest.mark.parametrize("slow", EVERY)
def test_a_graph_that_breaks_has_its_aborts_run(slow: Slow) -> None:
    diary, error = list[str](), LookupError("bug")
    main, ends = beats(3, diary_node(diary, at={"receive 1": error}), slow)
    assert main[-2:] == [(3, 3), (3, None)]
    assert diary == ["receive 0", "receive 1", "abort"]
    assert ends == [SideEnd(2, 0, "broken", error)]


@node
async def first_only(source: Source[int], sink: Sink[int]) -> None:
    await source.receive()


@pytest.mark.parametrize("slow", EVERY)
def test_a_side_that_wants_no_more_is_left_alone(slow: Slow) -> None:
    main, ends = beats(3, first_only, slow)
    assert main[-2:] == [(3, 3), (3, None)]
    assert ends == [SideEnd(1, 0, "complete")]


def test_what_broke_is_logged_where_nobody_is_told(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "hyperinfer.tee"):
        played(tee(Breaks(LookupError("bug"), after=1), slow="drop", name="events"), [1, 2, 3])
        played(tee(Breaks(trio.BrokenResourceError(), after=1), slow="drop"), [1, 2, 3])
    (record,) = caplog.records
    assert record.getMessage() == "the side of events broke after 2 items, and was let go"
    assert record.exc_info is not None


# ---- ends -----------------------------------------------------------------------------------------------------------


@both_ways
@pytest.mark.parametrize("slow", EVERY)
def test_the_side_does_not_keep_the_main_line_going(fused: bool, slow: Slow) -> None:
    diary, side = list[str](), ListSink[int]()
    graph = Graph.linear(beat, diary_node(diary), tee(side, slow=slow))
    main = played(graph, [9], fused=fused, sink=ListSink(closes_after=2))
    # The third item finds no reader, and each channel before that one more.
    assert main == [(1, 0), (2, 1), (4 if fused else 6, None)]
    assert diary[-1] == "abort"
    assert side.items == list(range(len(side.items)))


@both_ways
@pytest.mark.parametrize("slow", EVERY)
@pytest.mark.parametrize("instant", [0.5, 1.5, 3.25])
def test_a_cancelled_run_stops_the_side_at_once(fused: bool, slow: Slow, instant: float) -> None:
    diary, ends = list[str](), list[SideEnd]()
    graph = Graph.linear(beat, tee(diary_node(diary), slow=slow, told=ends.append))
    assert played(graph, [9], fused=fused, until=instant)[-1] == (instant, None)
    assert diary[-1:] == ["abort"]
    assert ends == []


@both_ways
@pytest.mark.parametrize("slow", EVERY)
async def test_a_crash_of_the_main_line_stops_the_side(fused: bool, slow: Slow, autojump_clock: object) -> None:
    diary: list[str] = []

    def crash(item: int) -> int:
        raise LookupError(item)

    with pytest.raises(LookupError):
        await run(Graph.linear(beat, tee(diary_node(diary), slow=slow), step(crash)), [9], fused=fused)
    assert diary[-1] == "abort"


# ---- laws -----------------------------------------------------------------------------------------------------------


@given(
    st.lists(st.integers(0, 9) | st.just(FAILURE), max_size=12),
    st.sampled_from(EVERY),
    st.integers(1, 16),
    st.sampled_from([0.0, 1.0, 2.5]),
    st.booleans(),
    st.integers(0, 999),
)
@settings(max_examples=40, deadline=None)
def test_the_main_line_is_as_without_it_and_the_side_gets_the_same_sequence(
    given: Sequence[int | Failure], slow: Slow, buffer: int, every: float, fused: bool, seed: int
) -> None:
    side, main, alone = ListSink[Any](every=every), ListSink[Any](every=1), ListSink[Any](every=1)
    ends: list[SideEnd] = []
    graph = Graph.linear(increment, tee(side, slow=slow, buffer=buffer, linger=1000, told=ends.append))
    played(graph, given, fused=fused, seed=seed, sink=main)
    played(increment, given, sink=alone)
    assert main.items == alone.items
    if slow != "wait":
        assert main.times == alone.times
    rest = iter(main.items)
    assert all(any(item == other for other in rest) for item in side.items)
    (end,) = ends
    if slow == "wait" or (end.dropped == 0 and end.cause == "complete"):
        assert side.items == main.items
    if end.cause == "complete":
        assert len(side.items) + end.dropped == len(main.items)


@pytest.mark.parametrize("slow", EVERY)
def test_it_keeps_what_every_node_must(slow: Slow) -> None:
    sides: list[ListSink[Any]] = []

    def made() -> Node[Any, Any]:
        sides.append(ListSink())
        return Graph.linear(tee(sides[-1], slow=slow)).nodes[0]

    check_node(made, [1, 2, 3], [1, 2, 3])


# ---- types ----------------------------------------------------------------------------------------------------------


def test_it_gives_what_it_is_given() -> None:
    words: Node[Any, Any] = step(str.upper, name="upper", consumes=str, produces=str)
    Graph.linear(increment, tee(ListSink[int](), slow="drop"), increment.named("more"))
    with pytest.raises(GraphError) as caught:
        Graph.linear(increment, tee(ListSink[int](), slow="drop"), tee(increment, slow="drop", name="other"), words)
    assert caught.value.problems[0].startswith("upper.in expects str, other.out gives int")


def test_the_side_must_take_what_comes() -> None:
    words: Node[Any, Any] = step(str.upper, name="upper", consumes=str, produces=str)
    with pytest.raises(GraphError) as caught:
        Graph.linear(increment, tee(words, slow="drop"))
    assert caught.value.problems[0].startswith("tee.in expects str, increment.out gives int")


@pytest.mark.parametrize("buffer", [0, 17])
def test_the_buffer_has_room_for_1_to_16(buffer: int) -> None:
    with pytest.raises(ValueError, match=r"1\.\.16"):
        tee(ListSink[int](), slow="drop", buffer=buffer)
