"""Fused and unfused give the same output, for every graph: over random graphs, items, buffers and schedules."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperinfer.engine import (
    ChannelCounts,
    Counts,
    Edge,
    Failure,
    Form,
    Graph,
    Node,
    Observer,
    Sink,
    Source,
    Stage,
    each,
    node,
    race,
    run,
    stage,
    step,
    subgraph,
    tee,
    within,
)
from hyperinfer.engine.testing import ListSink, run_virtual

# Nodes of every form. Numbers in, numbers out; some wait, hold back, drop, multiply, stop early, make or take failures.


def plus(item: int) -> int:
    return item + 7


def repeat(item: int) -> Iterator[int]:
    return iter([item] * (abs(item) % 3))


class Pairs:
    def __init__(self) -> None:
        self._held: list[int] = []

    def push(self, item: int) -> Iterable[int]:
        self._held.append(item)
        if len(self._held) < 2:
            return ()
        out, self._held = self._held, []
        return [sum(out), len(out)]

    def end(self) -> Iterable[int]:
        return self._held


class Slow(Stage[int, int]):
    def __init__(self) -> None:
        self._count = 0

    async def receive(self, item: int, sink: Sink[int]) -> None:
        await trio.sleep(abs(item) % 4)
        self._count += 1
        await sink.send(item)

    async def end(self, sink: Sink[int]) -> None:
        await trio.sleep(1)
        await sink.send(-self._count)


class Refuse(Stage[int, int | Failure]):
    async def receive(self, item: int, sink: Sink[int | Failure]) -> None:
        await sink.send(Failure("odd", str(item)) if item % 2 else item)


def explain(item: int | Failure) -> int:
    return 1000 + len(item.message) if isinstance(item, Failure) else item


async def lagging(source: Source[int], sink: Sink[int]) -> None:
    """Always one item behind."""
    held: list[int] = []
    async for item in source:
        await trio.sleep(1)
        if held:
            await sink.send(held.pop())
        held.append(item)
    for item in held:
        await sink.send(item)


async def at_most(count: int, source: Source[int], sink: Sink[int]) -> None:
    for _ in range(count):
        try:
            item = await source.receive()
        except trio.EndOfChannel:
            return
        await sink.send(item)


KINDS: list[Node[Any, Any]] = [
    step(plus),
    step(repeat),
    step(Pairs),
    stage(Slow),
    stage(Refuse),
    step(explain),
    node(lagging),
    node(partial(at_most, 3), consumes=int, produces=int, name="at_most_3"),
    # and such as are made of others.
    within(stage(Slow), item=2.5),
    race(stage(Slow), step(plus), each(node(lagging)), stagger=0.5),
    each(Graph.linear(step(repeat), node(lagging), step(Pairs))),
    subgraph(Graph.linear(step(plus), node(lagging)), name="nested"),
    tee(stage(Slow), slow="wait", name="watched"),
]

items = st.lists(st.integers(-9, 9) | st.builds(Failure, st.sampled_from("xy"), st.text("ab", max_size=3)), max_size=8)
buffers = st.integers(0, 3)


@st.composite
def chains(draw: st.DrawFn) -> Graph:
    kinds = draw(st.lists(st.sampled_from(KINDS), min_size=1, max_size=6))
    nodes = [kind.named(f"{kind.name}_{place}") for place, kind in enumerate(kinds)]
    return Graph.linear(*nodes, buffers={each.name: draw(buffers) for each in nodes[1:]})


def output(graph: Graph, given: list[Any], *, fused: bool, seed: int, closes_after: int | None = None) -> list[Any]:
    sink = ListSink[Any](closes_after=closes_after)

    async def main() -> None:
        await run(graph, given, sink, fused=fused)

    run_virtual(main, seed=seed)
    return sink.items


@given(chains(), items, st.integers(0, 2**16), st.none() | st.integers(0, 4))
@settings(max_examples=150, deadline=None)
def test_a_chain_gives_the_same_items_in_the_same_order(
    graph: Graph, given: list[Any], seed: int, closes_after: int | None
) -> None:
    fused = output(graph, given, fused=True, seed=seed, closes_after=closes_after)
    assert output(graph, given, fused=False, seed=seed + 1, closes_after=closes_after) == fused
    if closes_after is not None:
        assert fused == output(graph, given, fused=True, seed=seed)[:closes_after]


class Looking(Observer):
    """Counts what it is told, and checks it against what a channel can be."""

    def __init__(self) -> None:
        self.told: dict[str, list[int]] = {}
        self.ended: dict[str, Counts] = {}
        self.channels = 0

    def started(self, node: str) -> None:
        assert node not in self.told
        self.told[node] = [0, 0]

    def received(self, node: str, item: Any) -> None:
        self.told[node][0] += 1

    def sent(self, node: str, item: Any) -> None:
        self.told[node][1] += 1

    def completed(self, node: str, counts: Counts) -> None:
        assert node not in self.ended
        self.ended[node] = counts

    stopped = completed

    def filled(self, edge: Edge, fill: int, *, waiting: bool) -> None:
        assert 0 <= fill <= edge.capacity

    def channel(self, edge: Edge, counts: ChannelCounts) -> None:
        assert counts.peak <= edge.capacity
        assert counts.waited <= counts.items + 1  # one may have waited for a reader who then left
        self.channels += 1


def outcome(
    graph: Graph, given: list[Any], *, fused: bool, seed: int, closes_after: int | None, observer: Observer | None
) -> list[tuple[float, Any]]:
    """What came out, and when."""
    came: list[tuple[float, Any]] = []

    class Noting(ListSink[Any]):
        async def send(self, item: Any, /) -> None:
            await super().send(item)
            came.append((trio.current_time(), item))

    async def main() -> None:
        await run(graph, given, Noting(closes_after=closes_after), fused=fused, observer=observer)
        came.append((trio.current_time(), "end"))

    run_virtual(main, seed=seed)
    return came


@given(chains(), items, st.integers(0, 2**16), st.none() | st.integers(0, 4), st.booleans())
@settings(max_examples=150, deadline=None)
def test_looking_on_changes_neither_what_comes_nor_when(
    graph: Graph, given: list[Any], seed: int, closes_after: int | None, fused: bool
) -> None:
    looking = Looking()
    seen = outcome(graph, given, fused=fused, seed=seed, closes_after=closes_after, observer=looking)
    assert seen == outcome(graph, given, fused=fused, seed=seed, closes_after=closes_after, observer=None)
    assert {name: Counts(*counts) for name, counts in looking.told.items()} == looking.ended
    assert set(looking.told) == set(graph.flat.order)
    assert looking.channels == len((graph.fused if fused else graph.unfused).channels)


STEPS = [kind for kind in KINDS if kind.form is Form.STEP]


@st.composite
def rows(draw: st.DrawFn) -> Graph:
    kinds = draw(st.lists(st.sampled_from(STEPS), min_size=2, max_size=6))
    return Graph.linear(*(kind.named(f"{kind.name}_{place}") for place, kind in enumerate(kinds)))


@given(rows(), items)
@settings(max_examples=150, deadline=None)
def test_steps_in_a_row_give_what_they_give_one_by_one(graph: Graph, given: list[Any]) -> None:
    assert len(graph.fused.segments[0].links) == 1
    assert output(graph, given, fused=True, seed=0) == output(graph, given, fused=False, seed=1)


def test_an_item_of_a_row_goes_on_before_the_next_one_is_made() -> None:
    said: list[str] = []

    def count(item: int) -> Iterator[int]:
        for number in range(item):
            said.append(f"made {number}")
            yield number

    def look(item: int) -> int:
        said.append(f"seen {item}")
        return item

    assert output(Graph.linear(step(count), step(plus), step(look)), [2], fused=True, seed=0) == [7, 8]
    assert said == ["made 0", "seen 7", "made 1", "seen 8"]


# The order in which branches meet is open, so behind a meeting point only nodes whose output does not depend on it.
MEMORYLESS: list[Node[Any, Any]] = [KINDS[0], KINDS[1], KINDS[4], KINDS[5]]


@st.composite
def webs(draw: st.DrawFn) -> Graph:
    """Nodes 0..n-1; each but the first is entered from some before it, each but the last leads on."""
    count = draw(st.integers(2, 6))
    nodes = [draw(st.sampled_from(MEMORYLESS)).named(f"n{place}") for place in range(count)]
    pairs = {(draw(st.integers(0, target - 1)), target) for target in range(1, count)}
    pairs |= {(source, draw(st.integers(source + 1, count - 1))) for source in range(count - 1)}
    edges = tuple(Edge(f"n{source}", f"n{target}", draw(buffers)) for source, target in sorted(pairs))
    return Graph(tuple(nodes), edges, "n0", f"n{count - 1}")


@given(webs(), items, st.integers(0, 2**16))
@settings(max_examples=100, deadline=None)
def test_a_web_gives_the_same_items(graph: Graph, given: list[Any], seed: int) -> None:
    fused = output(graph, given, fused=True, seed=seed)
    unfused = output(graph, given, fused=False, seed=seed + 1)
    assert sorted(map(repr, fused)) == sorted(map(repr, unfused))
