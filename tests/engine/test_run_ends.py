"""How a run ends early: exceptions, and readers that leave; fused and unfused alike."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import pytest
import trio

from hyperinfer.engine import (
    DownstreamClosed,
    Graph,
    Sink,
    Source,
    Stage,
    node,
    run,
    stage,
    step,
)
from hyperinfer.engine.testing import ListSink
from tests.support.engine_nodes import (
    Diary,
    both_ways,
    diary_node,
    echo,
    increment,
    only_first,
    outcome,
)

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


class Forgets:
    """A machine that returns nothing where it should say which items follow."""

    def __init__(self, method: str) -> None:
        self._method = method

    def push(self, item: int) -> Any:
        return None if self._method == "push" else ()

    def end(self) -> Any:
        return 5 if self._method == "end" else ()


@both_ways
@pytest.mark.parametrize(("method", "given"), [("push", "NoneType"), ("end", "int")])
async def test_a_machine_that_returns_no_items_is_told_by_name(fused: bool, method: str, given: str) -> None:
    forgets: Any = step(lambda: Forgets(method), name="forgets", consumes=int, produces=int)
    with pytest.raises(TypeError) as caught:
        await run(Graph.linear(forgets), [1], fused=fused)
    assert str(caught.value) == (
        f"forgets: {method} returned {given}, not the items that follow; for one item: (item,), for none: ()"
    )


@both_ways
async def test_a_step_that_says_many_and_returns_none_is_told_by_name(fused: bool) -> None:
    def many(item: int) -> Iterator[int]:
        return cast("Iterator[int]", None)

    with pytest.raises(TypeError, match=r"^many: it returned NoneType, not the items"):
        await run(Graph.linear(step(many)), [1], fused=fused)
