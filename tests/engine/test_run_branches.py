"""Several edges out of a node and into one; fused and unfused alike."""

from __future__ import annotations

import pytest

from hyperinfer.engine import (
    Edge,
    Graph,
    Node,
    run,
    step,
)
from hyperinfer.engine.testing import ListSink
from tests.support.engine_nodes import (
    FAILURE,
    both_ways,
    diary_node,
    echo,
    increment,
    only_first,
    outcome,
)


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
    assert [item for item in items if item == FAILURE] == [FAILURE]  # by both branches, and on as one
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
