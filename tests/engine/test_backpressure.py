"""A slow reader stops the upstream read after exactly as many items as there is room for."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from hyperinfer.engine import Graph, Node, Sink, Stage, run, stage
from hyperinfer.engine.testing import ListSource


class Pass(Stage[int, int]):
    async def receive(self, item: int, sink: Sink[int]) -> None:
        await sink.send(item)


class Blocked:
    """A reader that takes one item and then nothing until told."""

    def __init__(self) -> None:
        self.items: list[int] = []
        self.gate = trio.Event()

    async def send(self, item: int, /) -> None:
        await self.gate.wait()
        self.items.append(item)


def passes(count: int) -> list[Node[int, int]]:
    return [stage(Pass).named(f"s{place}") for place in range(count)]


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize(
    ("count", "buffers"),
    [(1, {}), (4, {}), (2, {"s1": 3}), (4, {"s2": 5}), (4, {"s1": 1, "s3": 16}), (3, {"s1": 2, "s2": 2})],
)
async def test_exactly_this_many_items_are_in_flight(
    fused: bool, count: int, buffers: dict[str, int], schedule: int
) -> None:
    graph = Graph.linear(*passes(count), buffers=buffers)
    source, sink = ListSource(range(1000)), Blocked()
    async with trio.open_nursery() as nursery:

        async def flow() -> None:
            await run(graph, source, sink, fused=fused)

        nursery.start_soon(flow)
        await trio.testing.wait_all_tasks_blocked()
        tasks = len((graph.fused if fused else graph.unfused).segments)
        assert source.taken == sum(buffers.values()) + tasks  # what the buffers hold, and one in the hand of each task
        assert sink.items == []
        sink.gate.set()
    assert sink.items == list(range(1000))
