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
from hyperinfer.engine.testing import ListSink, ListSource

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
