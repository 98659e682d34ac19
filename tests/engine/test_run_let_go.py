"""What a run had is let go with the run, however that ends: without the garbage collector."""

from __future__ import annotations

import contextlib
import gc
import weakref
from collections.abc import Iterator
from typing import Any

import pytest
import trio

from hyperinfer.engine import (
    Graph,
    Node,
    Sink,
    Stage,
    TimedStage,
    gather,
    merge,
    open_run,
    race,
    run,
    stage,
    step,
    tee,
    timed,
    within,
)
from hyperinfer.engine.testing import ListSink


@pytest.fixture(autouse=True)
def _without_collector() -> Iterator[None]:
    alive.clear()
    gc.disable()
    yield
    gc.enable()


alive: weakref.WeakSet[Stage[int, int]] = weakref.WeakSet()


class Works(Stage[int, int]):
    def __init__(self) -> None:
        alive.add(self)

    async def receive(self, item: int, sink: Sink[int]) -> None:
        await trio.sleep(1)
        await sink.send(item)

    async def abort(self) -> None:
        await trio.sleep(1)


class Beats(TimedStage[int, int]):
    def __init__(self) -> None:
        alive.add(self)

    async def receive(self, item: int, sink: Sink[int]) -> None:
        await sink.send(item)

    async def tick(self, sink: Sink[int]) -> None: ...


def crash(item: int) -> int:
    raise LookupError


works, beats, crashes = stage(Works), timed(Beats), step(crash)
more = works.named("more")
SHAPES: dict[str, list[Node[Any, Any]]] = {
    "one task": [works],
    "two tasks": [works, beats],
    "race": [race(works, more)],
    "gather": [gather(works, more), step(lambda item: item, name="one", consumes=Any, produces=int)],
    "merge": [merge(works, more)],
    "tee": [works, tee(Graph.linear(more), slow="drop")],
    "within": [within(works, item=9), within(more, item=0.5)],
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("end", ["regular", "cancelled", "reader left", "crash"])
async def test_a_run(shape: str, end: str, autojump_clock: object) -> None:
    nodes = [*SHAPES[shape], *([crashes] if end == "crash" else [])]
    sink = ListSink[Any](every=9 if end == "cancelled" else 0, closes_after=0 if end == "reader left" else None)
    with trio.move_on_after(2.5), contextlib.suppress(LookupError):
        await run(Graph.linear(*nodes), [1], sink)
    await trio.sleep(1)
    assert not [*alive]


async def test_one_that_was_opened_and_left(autojump_clock: object) -> None:
    async with open_run(Graph.linear(works, beats), range(9)) as items:
        assert await items.receive() == 0
    await trio.sleep(1)
    assert not [*alive]
