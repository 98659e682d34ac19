"""What a run does: order, failures, ends, exceptions, readers that leave; fused and unfused alike."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

import pytest
import trio

from hyperinfer.engine import (
    DownstreamClosed,
    Edge,
    Failure,
    Graph,
    Node,
    Sink,
    Source,
    Stage,
    node,
    run,
    stage,
    step,
)
from hyperinfer.engine.testing import ListSink, ListSource

both_ways = pytest.mark.parametrize("fused", [True, False])


@step
def increment(item: int) -> int:
    return item + 1


@step
def twice(item: int) -> Iterator[int]:
    yield item
    yield item


class Total:
    def __init__(self) -> None:
        self._total = 0

    def push(self, item: int) -> Iterable[int]:
        self._total += item
        return (item,)

    def end(self) -> Iterable[int]:
        return (self._total,)


total = step(Total)


class Diary(Stage[int, int]):
    """Hands on what it gets and writes down what happens to it."""

    def __init__(self, diary: list[str], name: str = "", *, at: dict[str, BaseException] | None = None) -> None:
        self._diary, self._name, self._at = diary, name, at or {}

    def _note(self, what: str) -> None:
        self._diary.append(f"{self._name}{what}")
        if what in self._at:
            raise self._at[what]

    async def receive(self, item: int, sink: Sink[int]) -> None:
        self._note(f"receive {item}")
        await sink.send(item)

    async def end(self, sink: Sink[int]) -> None:
        self._note("end")

    async def abort(self) -> None:
        self._note("abort")


@node
async def echo(source: Source[int], sink: Sink[int]) -> None:
    async for item in source:
        await sink.send(item)


@node
async def only_first(source: Source[int], sink: Sink[int]) -> None:
    await sink.send(await source.receive())


@step
def words_of(item: int | Failure) -> str:
    return f"failed: {item.code}" if isinstance(item, Failure) else str(item)


def diary_node(diary: list[str], name: str = "", **options: Any) -> Node[int, int]:
    return stage(partial(Diary, diary, name, **options), name=name or "diary")


async def outcome(graph: Graph, inputs: Iterable[Any], *, fused: bool) -> list[Any]:
    sink = ListSink[Any]()
    await run(graph, inputs, sink, fused=fused)
    return sink.items


FAILURE = Failure("busy", "try later", retry_after=2.0)


@both_ways
async def test_items_pass_every_form_in_order_and_ends_follow(fused: bool) -> None:
    graph = Graph.linear(increment, twice, total, diary_node([]), echo, increment.named("again"), buffers={"echo": 2})
    assert await outcome(graph, [1, 2], fused=fused) == [3, 3, 4, 4, 11]


@both_ways
async def test_each_node_is_ended_once_in_the_direction_of_the_flow(fused: bool) -> None:
    diary: list[str] = []
    await outcome(Graph.linear(diary_node(diary, "a "), diary_node(diary, "b ")), [1], fused=fused)
    assert [line for line in diary if line.startswith("a")] == ["a receive 1", "a end"]
    assert [line for line in diary if line.startswith("b")] == ["b receive 1", "b end"]
    assert diary.index("a end") < diary.index("b end")


@both_ways
async def test_no_input_still_ends_the_nodes(fused: bool) -> None:
    assert await outcome(Graph.linear(total), [], fused=fused) == [0]


@both_ways
async def test_state_is_per_run(fused: bool) -> None:
    graph = Graph.linear(total)
    assert await outcome(graph, [1, 2], fused=fused) == await outcome(graph, [1, 2], fused=fused) == [1, 2, 3]


@both_ways
async def test_a_failure_travels_past_nodes_in_its_place(fused: bool) -> None:
    graph = Graph.linear(increment, total, diary_node([]), echo, twice)
    assert await outcome(graph, [1, FAILURE, 2], fused=fused) == [2, 2, FAILURE, 3, 3, 5, 5]


@both_ways
async def test_a_failure_stops_at_the_node_that_accepts_it(fused: bool) -> None:
    graph = Graph.linear(increment, echo, words_of)
    assert await outcome(graph, [1, FAILURE, 2], fused=fused) == ["2", "failed: busy", "3"]


@both_ways
async def test_a_stage_may_send_a_failure(fused: bool) -> None:
    class Refuse(Stage[int, int | Failure]):
        async def receive(self, item: int, sink: Sink[int | Failure]) -> None:
            await sink.send(FAILURE)

    assert await outcome(Graph.linear(stage(Refuse), increment, words_of), [1], fused=fused) == ["failed: busy"]


@both_ways
async def test_inputs_may_come_over_time(fused: bool, autojump_clock: trio.testing.MockClock) -> None:
    sink = ListSink[int]()
    for graph in (Graph.linear(increment), Graph.linear(echo, increment)):
        await run(graph, ListSource([1, 2], every=3.0), sink, fused=fused)
    assert sink.items == [2, 3, 2, 3]
    assert sink.times == [3.0, 6.0, 12.0, 15.0]


@both_ways
async def test_without_a_sink_the_output_is_dropped(fused: bool) -> None:
    diary: list[str] = []
    await run(Graph.linear(diary_node(diary), increment), [1], fused=fused)
    assert diary == ["receive 1", "end"]


# ---- where it runs --------------------------------------------------------------------------------------------------


async def test_a_chain_runs_in_the_callers_task_without_a_nursery() -> None:
    caller = trio.lowlevel.current_task()
    seen: list[trio.lowlevel.Task] = []

    class Look(Stage[int, int]):
        async def receive(self, item: int, sink: Sink[int]) -> None:
            task = trio.lowlevel.current_task()
            assert task.child_nurseries == before
            seen.append(task)
            await sink.send(item)

    before = list(caller.child_nurseries)
    await run(Graph.linear(increment, stage(Look), twice, stage(Look).named("two")), [1])
    await run(Graph.linear(echo, stage(Look)), [1])  # one task is enough: the caller's
    assert seen == [caller] * 4


async def test_a_buffered_edge_makes_a_task_on_either_side() -> None:
    seen: list[trio.lowlevel.Task] = []

    class Look(Stage[int, int]):
        async def receive(self, item: int, sink: Sink[int]) -> None:
            seen.append(trio.lowlevel.current_task())
            await sink.send(item)

    looks = [stage(Look).named(name) for name in "abcd"]
    await run(Graph.linear(*looks, buffers={"c": 1}), [1])
    assert seen[0] is seen[1] is trio.lowlevel.current_task()
    assert seen[2] is seen[3] is not seen[0]
    seen.clear()
    await run(Graph.linear(*looks), [1], fused=False)
    assert len(set(seen)) == 4


async def test_a_long_list_of_inputs_lets_other_tasks_run() -> None:
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            await trio.lowlevel.checkpoint()
            turns += 1

    async with trio.open_nursery() as nursery:
        nursery.start_soon(others)
        await run(Graph.linear(increment), range(1000))
        nursery.cancel_scope.cancel()
    assert turns >= 10


# ---- exceptions are bugs --------------------------------------------------------------------------------------------


@both_ways
async def test_an_exception_leaves_bare_after_the_aborts(fused: bool) -> None:
    diary: list[str] = []
    bug = RuntimeError("a bug")
    graph = Graph.linear(diary_node(diary, "a "), diary_node(diary, "b ", at={"receive 1": bug}), diary_node(diary, "c "))
    with pytest.raises(RuntimeError) as caught:
        await run(graph, [1], fused=fused)
    assert caught.value is bug
    a = "a abort" if fused else "a end"  # in a task of its own the first has already ended in the regular way
    assert sorted(diary) == sorted([a, "a receive 1", "b abort", "b receive 1", "c abort"])


@both_ways
async def test_what_has_ended_is_not_aborted(fused: bool) -> None:
    diary: list[str] = []
    graph = Graph.linear(diary_node(diary, "a "), diary_node(diary, "b ", at={"end": RuntimeError()}))
    with pytest.raises(RuntimeError):
        await run(graph, [], fused=fused)
    assert diary == ["a end", "b end", "b abort"]


@both_ways
async def test_nobody_downstream_takes_a_crash_for_the_end(fused: bool, schedule: int) -> None:
    diary: list[str] = []

    class Crash(Stage[int, int]):
        async def receive(self, item: int, sink: Sink[int]) -> None:
            await sink.send(item)
            raise RuntimeError

        async def abort(self) -> None:
            await trio.lowlevel.checkpoint()

    graph = Graph.linear(stage(Crash), echo, diary_node(diary), buffers={"echo": 3, "diary": 3})
    with pytest.raises(RuntimeError):
        await run(graph, [1], fused=fused)
    assert "end" not in diary


@both_ways
async def test_a_group_of_one_is_unwrapped(fused: bool) -> None:
    bug = RuntimeError("inside a nursery")

    async def raises() -> None:
        raise bug

    @node
    async def nested(source: Source[int], sink: Sink[int]) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(raises)
            await trio.sleep_forever()

    for graph in (Graph.linear(nested), Graph.linear(increment, nested)):
        with pytest.raises(RuntimeError) as caught:
            await run(graph, [1], fused=fused)
        assert caught.value is bug


@both_ways
async def test_two_bugs_at_once_are_both_reported(fused: bool) -> None:
    diary: list[str] = []
    graph = Graph.linear(diary_node(diary, at={"receive 1": RuntimeError("first"), "abort": ValueError("second")}))
    with pytest.raises(RuntimeError, match="first") as caught:
        await run(graph, [1], fused=fused)
    assert caught.value.__notes__ == ["and then: ValueError('second')"]


@both_ways
async def test_an_exception_of_the_sink_is_one_of_the_run(fused: bool) -> None:
    class Bad:
        async def send(self, item: int, /) -> None:
            raise KeyError(item)

    diary: list[str] = []
    with pytest.raises(KeyError):
        await run(Graph.linear(diary_node(diary)), [1], Bad(), fused=fused)
    assert diary == ["receive 1", "abort"]


@both_ways
async def test_a_factory_that_raises_aborts_what_was_made(fused: bool) -> None:
    diary: list[str] = []

    def cannot() -> Diary:
        raise LookupError("no such thing")

    graph = Graph.linear(stage(cannot), diary_node(diary, "made "))
    with pytest.raises(LookupError):
        await run(graph, [1], fused=fused)
    assert diary in (["made abort"], [])  # unfused the other task may not have begun


@both_ways
async def test_keyboard_interrupt_passes_after_the_aborts(fused: bool) -> None:
    diary: list[str] = []
    graph = Graph.linear(diary_node(diary, at={"receive 1": KeyboardInterrupt()}))
    with pytest.raises(KeyboardInterrupt):
        await run(graph, [1], fused=fused)
    assert diary == ["receive 1", "abort"]


# ---- readers that leave ---------------------------------------------------------------------------------------------


@both_ways
@pytest.mark.parametrize("buffer", [0, 2])
async def test_a_reader_that_leaves_ends_the_run_quietly(fused: bool, buffer: int) -> None:
    diary: list[str] = []
    sink = ListSink[int](closes_after=2)
    graph = Graph.linear(diary_node(diary), increment, buffers={"increment": buffer})
    await run(graph, range(100), sink, fused=fused)
    assert sink.items == [1, 2]
    assert diary[-1] == "abort"
    assert "end" not in diary


@both_ways
async def test_a_node_that_returns_early_ends_what_is_upstream_and_nothing_else(fused: bool) -> None:
    diary: list[str] = []
    graph = Graph.linear(diary_node(diary, "before "), only_first, diary_node(diary, "behind "))
    assert await outcome(graph, range(100), fused=fused) == [0]
    assert "before abort" in diary
    assert "before end" not in diary
    assert [line for line in diary if line.startswith("behind")] == ["behind receive 0", "behind end"]


@both_ways
async def test_a_node_may_take_note_that_its_reader_has_left(fused: bool) -> None:
    seen: list[str] = []

    @node
    async def careful(source: Source[int], sink: Sink[int]) -> None:
        async for item in source:
            try:
                await sink.send(item)
            except trio.BrokenResourceError as error:
                seen.append(type(error).__name__)
                break

    await run(Graph.linear(careful), [1, 2, 3], ListSink[int](closes_after=1), fused=fused)
    assert seen == ["DownstreamClosed"]


@both_ways
async def test_a_broken_resource_of_a_nodes_own_is_a_bug(fused: bool) -> None:
    diary: list[str] = []
    graph = Graph.linear(diary_node(diary, at={"receive 1": trio.BrokenResourceError("my own socket")}))
    with pytest.raises(trio.BrokenResourceError, match="my own socket"):
        await run(graph, [1], fused=fused)


@both_ways
async def test_a_run_inside_a_run_tells_the_outer_one_that_the_reader_has_left(fused: bool) -> None:
    inner_diary: list[str] = []
    outer: list[str] = []

    class Inner(Stage[int, int]):
        async def receive(self, item: int, sink: Sink[int]) -> None:
            try:
                await run(Graph.linear(diary_node(inner_diary), increment), [item] * 3, sink, fused=fused)
            except DownstreamClosed:
                outer.append("told")
                raise

    sink = ListSink[int](closes_after=1)
    await run(Graph.linear(stage(Inner)), [1, 2], sink, fused=fused)
    assert sink.items == [2]
    assert outer == ["told"]
    assert inner_diary[-1] == "abort"


# ---- several edges --------------------------------------------------------------------------------------------------


def label(name: str) -> Node[int, str]:
    return step(lambda item: f"{name}{item}", name=name, consumes=int, produces=str)


@step
def same(item: str) -> str:
    return item


def diamond(*, buffer: int = 0) -> Graph:
    edges = (Edge("echo", "a", buffer), Edge("echo", "b"), Edge("a", "same"), Edge("b", "same", buffer))
    return Graph((echo, label("a"), label("b"), same), edges, "echo", "same")


@both_ways
@pytest.mark.parametrize("buffer", [0, 3])
async def test_several_edges_out_copy_and_several_in_interleave(fused: bool, buffer: int, schedule: int) -> None:
    items = await outcome(diamond(buffer=buffer), [1, FAILURE, 2, 3], fused=fused)
    assert [item for item in items if item == FAILURE] == [FAILURE, FAILURE]
    texts = [item for item in items if item != FAILURE]
    assert [text for text in texts if text[0] == "a"] == ["a1", "a2", "a3"]
    assert [text for text in texts if text[0] == "b"] == ["b1", "b2", "b3"]
    assert len(texts) == 6


@both_ways
async def test_a_branch_that_leaves_does_not_stop_the_other(fused: bool, schedule: int) -> None:
    edges = (Edge("echo", "only_first"), Edge("echo", "plus"), Edge("only_first", "out"), Edge("plus", "out"))
    graph = Graph((echo, only_first, increment.named("plus"), increment.named("out")), edges, "echo", "out")
    assert sorted(await outcome(graph, [10, 20, 30], fused=fused)) == [11, 12, 22, 32]


@both_ways
async def test_when_both_branches_leave_the_run_ends(fused: bool, schedule: int) -> None:
    diary: list[str] = []
    ones = [only_first.named("x"), only_first.named("y")]
    edges = (Edge("diary", "x"), Edge("diary", "y"), Edge("x", "out"), Edge("y", "out"))
    graph = Graph((diary_node(diary), *ones, increment.named("out")), edges, "diary", "out")
    assert await outcome(graph, range(50), fused=fused) == [1, 1]
    assert diary[-1] == "abort"


async def test_a_reader_that_leaves_a_diamond_ends_all_of_it(schedule: int) -> None:
    sink = ListSink[str](closes_after=3)
    await run(diamond(), range(1000), sink)
    assert len(sink.items) == 3
