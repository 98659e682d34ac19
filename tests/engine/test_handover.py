"""The short cut past a channel: what is handled in the sender's task ends only the run that it belongs to."""

from __future__ import annotations

import gc
import warnings
from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing

from hyperinfer.engine import DONE, Graph, Sink, Stage, TimedStage, run, stage, timed
from hyperinfer.engine.testing import ListSource

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable

    from hyperinfer.engine.node import Done


class Pass(Stage[int, int]):
    def receive(self, item: int, sink: Sink[int]) -> Awaitable[None]:
        return sink.send(item)


class Leaving:
    """A reader that leaves at an item, which cancels the run; as a client whose socket turns out to be broken."""

    def __init__(self, scope: trio.CancelScope, last: int) -> None:
        self._scope, self._last = scope, last

    def send(self, item: int, /) -> Done:
        if item == self._last:
            self._scope.cancel()
            raise trio.BrokenResourceError("it left")
        return DONE


class Crashing:
    """A reader with a bug."""

    def send(self, item: int, /) -> Done:
        raise LookupError(item)


async def items() -> AsyncIterator[int]:
    for number in range(10):
        await trio.testing.wait_all_tasks_blocked()  # so that the second waits, and the short cut is taken
        yield number


def graph() -> Graph:
    return Graph.linear(stage(Pass).named("first"), stage(Pass).named("second"), buffers={"second": 4})


class Timed(TimedStage[int, int]):
    """Has a task of its own, and so an edge into it."""

    def receive(self, item: int, sink: Sink[int]) -> Awaitable[None]:
        return sink.send(item)

    async def tick(self, sink: Sink[int]) -> None:
        raise AssertionError("it is never due")


class Slow:
    """A reader that takes nothing before it is told."""

    def __init__(self) -> None:
        self.items: list[int] = []
        self.gate = trio.Event()

    async def send(self, item: int, /) -> None:
        await self.gate.wait()
        self.items.append(item)


@pytest.mark.parametrize(("buffers", "held"), [({}, 1), ({"second": 1}, 3), ({"second": 4}, 6)])
async def test_without_room_nothing_is_held_beside_what_the_reader_waits_with(buffers: dict[str, int], held: int) -> None:
    """With some: that many, and one in the hand of its sender."""
    built = Graph.linear(stage(Pass).named("first"), timed(Timed).named("second"), buffers=buffers)
    source, sink = ListSource(range(50)), Slow()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(run, built, source, sink)
        await trio.testing.wait_all_tasks_blocked()
        assert source.taken == held
        sink.gate.set()
    assert sink.items == list(range(50))


async def test_a_bug_within_an_item_is_raised_by_its_run_and_not_at_its_sender() -> None:
    """Who sends may be the task that watches all sockets."""
    sent: list[int] = []

    class Sending(Stage[int, int]):
        def receive(self, item: int, sink: Sink[int]) -> Done:
            assert sink.send(item) is DONE
            sent.append(item)
            return DONE

    first = stage(Sending, consumes=int, produces=int).named("first")
    with pytest.raises(LookupError):
        await run(Graph.linear(first, stage(Pass).named("second"), buffers={"second": 4}), items(), Crashing())
    assert sent == [0]


@pytest.mark.parametrize("last", [0, 1, 5])
async def test_a_reader_that_leaves_within_an_item_leaves_nothing_behind(last: int) -> None:
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        with trio.CancelScope() as scope:
            await run(graph(), items(), Leaving(scope, last))
        gc.collect()
    assert scope.cancelled_caught
    assert [str(warning.message) for warning in told] == []
