"""Runs whose results are taken one by one."""

from __future__ import annotations

import pytest
import trio

from hyperinfer.engine import DownstreamClosed, Graph, Sink, Source, Stage, node, open_run, run, stage, step
from hyperinfer.engine.testing import ListSink, ListSource
from tests.support.engine_nodes import diary_node, echo, increment


async def test_what_comes_out_is_taken_one_by_one() -> None:
    async with open_run(Graph.linear(increment), [1, 2, 3]) as items:
        assert await items.receive() == 2
        assert [item async for item in items] == [3, 4]
        with pytest.raises(trio.EndOfChannel):
            await items.receive()


async def test_the_graph_waits_while_nothing_is_taken(autojump_clock: trio.testing.MockClock) -> None:
    source = ListSource(range(100))
    async with open_run(Graph.linear(increment), source) as items:
        await items.receive()
        await trio.sleep(60)
        assert source.taken == 2


async def test_leaving_cancels_what_still_runs() -> None:
    diary: list[str] = []
    with trio.fail_after(5):
        async with open_run(Graph.linear(echo, diary_node(diary)), ListSource([1, 2], every=0)) as items:
            await items.receive()
    assert diary[-1] == "abort"


@pytest.mark.parametrize("buffers", [{}, {"crash": 4}], ids=["fused", "tasks"])
async def test_a_bug_is_no_end_and_leaves_bare(buffers: dict[str, int]) -> None:
    bug = RuntimeError("a bug")

    class Crash(Stage[int, int]):
        async def receive(self, item: int, sink: Sink[int]) -> None:
            await sink.send(item)
            raise bug

    seen: list[int | str] = []

    async def reading() -> None:
        async with open_run(Graph.linear(echo, stage(Crash), buffers=buffers), [1, 2]) as items:
            seen.extend([item async for item in items])
            seen.append("ended")

    with pytest.raises(RuntimeError) as caught:
        await reading()
    assert caught.value is bug
    assert not seen


async def test_an_exception_of_the_block_leaves_bare_after_the_aborts() -> None:
    diary: list[str] = []
    bug = KeyError("mine")

    async def reading() -> None:
        async with open_run(Graph.linear(diary_node(diary)), [1, 2]) as items:
            await items.receive()
            raise bug

    with pytest.raises(KeyError) as caught:
        await reading()
    assert caught.value is bug
    assert diary[-1] == "abort"


async def test_cancellation_passes_through_after_the_aborts() -> None:
    diary: list[str] = []
    with trio.CancelScope() as scope:
        async with open_run(Graph.linear(diary_node(diary)), [1, 2]) as items:
            await items.receive()
            scope.cancel()
            await trio.sleep_forever()
    assert scope.cancelled_caught
    assert diary[-1] == "abort"


async def test_inside_a_node_it_ends_with_the_outer_run() -> None:
    diary: list[str] = []
    inner = Graph.linear(diary_node(diary))

    @node
    async def through(source: Source[int], sink: Sink[int]) -> None:
        async for item in source:
            async with open_run(inner, [item] * 4) as items:
                async for each in items:
                    await sink.send(each)

    sink: ListSink[int] = ListSink(closes_after=1)
    await run(Graph.linear(through), [1, 2], sink)
    assert sink.items == [1]
    assert diary[-1] == "abort"


async def test_a_reader_that_has_left_is_told_bare() -> None:
    @step
    def same(item: int) -> int:
        return item

    async def reading() -> None:
        async with open_run(Graph.linear(same), [1]) as items:
            await items.receive()
            raise DownstreamClosed

    with pytest.raises(DownstreamClosed):
        await reading()
