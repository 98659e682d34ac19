"""What an observer is told, fused and unfused."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import trio
import trio.testing

from hyperinfer.engine import (
    ChannelCounts,
    Counts,
    Edge,
    Graph,
    Observer,
    Observers,
    Sink,
    Source,
    Stage,
    merge,
    node,
    race,
    run,
    stage,
    step,
    tee,
)
from hyperinfer.engine.testing import ListSink, ListSource, run_virtual

both_ways = pytest.mark.parametrize("fused", [True, False])


class Log(Observer):
    def __init__(self) -> None:
        self.nodes: list[tuple[Any, ...]] = []
        self.channels: dict[tuple[str, str], ChannelCounts] = {}

    def started(self, node: str) -> None:
        self.nodes.append(("started", node))

    def completed(self, node: str, counts: Counts) -> None:
        self.nodes.append(("completed", node, counts))

    def failed(self, node: str, counts: Counts, error: BaseException) -> None:
        self.nodes.append(("failed", node, counts, error))

    def stopped(self, node: str, counts: Counts) -> None:
        self.nodes.append(("stopped", node, counts))

    def channel(self, edge: Edge, counts: ChannelCounts) -> None:
        self.channels[edge.source, edge.target] = counts


@step
def double(item: int) -> tuple[int, int]:
    return item, item


class Split(Stage[tuple[int, int], int]):
    def __init__(self, bug: BaseException | None = None) -> None:
        self._bug = bug

    async def receive(self, item: tuple[int, int], sink: Sink[int]) -> None:
        for each in item:
            await sink.send(each)
        if self._bug is not None:
            raise self._bug


@node
async def echo(source: Source[int], sink: Sink[int]) -> None:
    async for item in source:
        await sink.send(item)


@both_ways
async def test_every_node_is_told_of_once_with_its_counts(fused: bool) -> None:
    log, sink = Log(), ListSink[int]()
    await run(Graph.linear(double, stage(Split), echo), [1, 2, 3], sink, fused=fused, observer=log)
    assert sink.items == [1, 1, 2, 2, 3, 3]
    assert {line[1] for line in log.nodes if line[0] == "started"} == {"double", "split", "echo"}
    assert sorted(line for line in log.nodes if line[0] != "started") == sorted([
        ("completed", "double", Counts(3, 3)),
        ("completed", "split", Counts(3, 6)),
        ("completed", "echo", Counts(6, 6)),
    ], key=lambda line: line[:2])  # fmt: skip


@both_ways
async def test_the_node_that_raised_is_told_from_those_that_were_stopped(fused: bool) -> None:
    log, bug = Log(), RuntimeError("a bug")
    graph = Graph.linear(double, stage(partial(Split, bug)), echo)
    with pytest.raises(RuntimeError):
        await run(graph, ListSource([1, 2]), fused=fused, observer=log)
    assert [line for line in log.nodes if line[0] == "failed"] == [("failed", "split", Counts(1, 2), bug)]
    assert not any(line[:2] == ("completed", "echo") for line in log.nodes)


@both_ways
async def test_an_error_of_the_sink_is_no_nodes_fault(fused: bool) -> None:
    class Bad:
        async def send(self, item: int, /) -> None:
            raise KeyError

    log = Log()
    with pytest.raises(KeyError):
        await run(Graph.linear(double, stage(Split)), [1], Bad(), fused=fused, observer=log)
    assert not any(line[0] == "failed" for line in log.nodes)


@both_ways
async def test_cancelled_nodes_and_those_whose_reader_left_are_stopped(
    fused: bool, autojump_clock: trio.testing.MockClock
) -> None:
    log = Log()
    with trio.move_on_after(1):
        await run(Graph.linear(double, stage(Split)), ListSource([1], every=5), fused=fused, observer=log)
    assert sorted(line[:2] for line in log.nodes if line[0] != "started") == [("stopped", "double"), ("stopped", "split")]

    log = Log()
    await run(Graph.linear(echo), [1, 2], ListSink[int](closes_after=1), fused=fused, observer=log)
    assert log.nodes == [("started", "echo"), ("stopped", "echo", Counts(2, 2))]


async def test_channels_tell_how_full_they_were() -> None:
    log = Log()
    items = list(range(5))
    graph = Graph.linear(echo, step(lambda item: item, name="out", consumes=int, produces=int), buffers={"out": 3})

    class Slow:
        async def send(self, item: int, /) -> None:
            await trio.testing.wait_all_tasks_blocked()

    await run(graph, items, Slow(), observer=log)
    assert log.channels == {("echo", "out"): ChannelCounts(items=5, waited=1, peak=3)}


async def test_a_channel_whose_reader_left_is_told_of_too() -> None:
    @node
    async def first(source: Source[int], sink: Sink[int]) -> None:
        await sink.send(await source.receive())

    log = Log()
    edges = (Edge("echo", "first"), Edge("echo", "rest"), Edge("first", "out"), Edge("rest", "out"))
    graph = Graph((echo, first, echo.named("rest"), echo.named("out")), edges, "echo", "out")
    await run(graph, [1, 2, 3], observer=log)
    assert {edge: counts.items for edge, counts in log.channels.items()} == {
        ("echo", "first"): 1,
        ("echo", "rest"): 3,
        ("first", "out"): 1,
        ("rest", "out"): 3,
    }


@both_ways
async def test_nodes_made_of_others_are_seen_from_outside(fused: bool) -> None:
    log, sink, side = Log(), ListSink[int](), ListSink[int]()
    graph = Graph.linear(echo, race(echo, name="first"), merge(echo, name="both"), tee(side, slow="wait", name="watched"))
    await run(graph, [1, 2, 3], sink, fused=fused, observer=log)
    assert sink.items == side.items == [1, 2, 3]
    ended = {entry[1]: entry[2] for entry in log.nodes if entry[0] == "completed"}
    assert set(ended) == {
        "echo", "first", "both/fork", "both/echo", "both/meet", "watched/fork", "watched/on", "watched/side",
    }  # fmt: skip
    assert {name: counts for name, counts in ended.items() if counts != Counts(3, 3)} == {"watched/side": Counts(3, 0)}
    assert log.channels["watched/fork", "watched/side"].items == 3


class Watching(Observer):
    """Items and fills, with trio's time."""

    def __init__(self) -> None:
        self.lines: list[tuple[Any, ...]] = []

    def received(self, node: str, item: Any) -> None:
        self.lines.append((trio.current_time(), node, "received", item))

    def sent(self, node: str, item: Any) -> None:
        self.lines.append((trio.current_time(), node, "sent", item))

    def filled(self, edge: Edge, fill: int, *, waiting: bool) -> None:
        self.lines.append((trio.current_time(), edge.target, "waiting" if waiting else "filled", fill))


def same(item: int) -> int:
    return item


def live(*, fused: bool) -> list[tuple[Any, ...]]:
    """What is told of a reader that takes three seconds for each item, behind a buffer of one."""
    watching = Watching()

    class Slow(Stage[int, int]):
        async def receive(self, item: int, sink: Sink[int]) -> None:
            await trio.sleep(3)
            await sink.send(item)

    graph = Graph.linear(step(same, name="in"), stage(Slow), buffers={"slow": 1})

    async def main() -> None:
        await run(graph, ListSource([1, 2, 3], every=1), ListSink[int](), fused=fused, observer=watching)

    run_virtual(main, seed=0)
    return watching.lines


@both_ways
def test_one_run_is_seen_live(fused: bool) -> None:
    lines = live(fused=fused)
    assert [(time, number) for time, node, what, number in lines if (node, what) == ("slow", "received")] == [
        (1, 1),
        (4, 2),
        (7, 3),
    ]
    assert [(time, number) for time, node, what, number in lines if (node, what) == ("slow", "sent")] == [
        (4, 1),
        (7, 2),
        (10, 3),
    ]
    fills = {time: (what, fill) for time, node, what, fill in lines if node == "slow" and what in ("filled", "waiting")}
    # What goes straight through is put and taken at once. The third waits until the second leaves the buffer to it.
    assert fills == {1: ("filled", 0), 2: ("filled", 1), 3: ("waiting", 1), 4: ("filled", 1), 7: ("filled", 0)}


async def test_several_observers_are_told_alike_and_a_hook_that_raises_ends_the_run(
    autojump_clock: trio.testing.MockClock,
) -> None:
    one, two = Watching(), Watching()
    await run(Graph.linear(double, stage(Split)), [1], observer=Observers(one, two))
    assert one.lines == two.lines != []

    class Broken(Observer):
        def sent(self, node: str, item: Any) -> None:
            raise LookupError(node)

    with pytest.raises(LookupError):
        await run(Graph.linear(step(same), echo, buffers={"echo": 2}), [1], observer=Observers(one, Broken()))
