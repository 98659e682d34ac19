"""What a run does: order, failures, ends, and where it runs; fused and unfused alike."""

from __future__ import annotations

import trio
import trio.testing

from hyperinfer.engine import (
    Failure,
    Graph,
    Sink,
    Stage,
    run,
    stage,
)
from hyperinfer.engine.testing import ListSink, ListSource
from tests.support.engine_nodes import (
    FAILURE,
    both_ways,
    diary_node,
    echo,
    increment,
    outcome,
    total,
    twice,
    words_of,
)


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
