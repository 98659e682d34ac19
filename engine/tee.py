"""A second reader of a stream, at its side."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, Never, TypeAlias

import trio

from hyperinfer.engine.branches import entry_of, graph_of
from hyperinfer.engine.graph import MAX_CAPACITY, Edge, Graph
from hyperinfer.engine.node import Node, node, step
from hyperinfer.engine.ports import Same
from hyperinfer.engine.run import run
from hyperinfer.engine.subgraph import subgraph

if TYPE_CHECKING:
    from collections.abc import Callable

    from hyperinfer.engine.node import Sink, Source

log = logging.getLogger("hyperinfer.tee")

Slow: TypeAlias = Literal["wait", "drop", "detach"]
"""What is done when a side reader has no room for an item: the main line waits for it; the item is left out for it; or it
is let go."""

Cause: TypeAlias = Literal["complete", "left", "broken", "slow", "late"]


@dataclass(frozen=True, slots=True)
class SideEnd:
    """How a side reader ended.

    `given`: items that it was handed. `dropped`: items left out for it. `cause`: it has read as far as it wanted
    (`complete`), has left (`left`: raised trio's BrokenResourceError or ClosedResourceError), has raised anything else
    (`broken`), was let go since it was slow (`slow`), or was not done in time after the end (`late`). `error`: what it
    raised.
    """

    given: int
    dropped: int
    cause: Cause
    error: Exception | None = None


def tee(
    side: Sink[Any] | Node[Any, Any] | Graph,
    *,
    slow: Slow,
    buffer: int = MAX_CAPACITY,
    linger: float = 5.0,
    told: Callable[[SideEnd], None] | None = None,
    name: str = "tee",
) -> Node[Any, Any]:
    """Hands every item on, and to a reader at the side too: a sink, which all runs have in common, or a node or graph, run
    anew in each, whose output is dropped. Both get the same items, failures included, in the same order.

    The side cannot break the main line: whatever it raises, it is let go. Nor does it keep it going: when the main line is
    over, so is the side, after what it holds. `slow`: what is done with a side that is `buffer` items (1 to 16) behind:

    * `"wait"`: the main line waits, as for any reader; and after the end `run` waits until the side is done;
    * `"drop"`: the side does not get this item;
    * `"detach"`: the side is cancelled, and gets nothing more.

    With the last two the main line never waits, and after its end the side has `linger` seconds for what it holds. `told` is
    called once, when the side has ended in one of these ways (not when the run is cancelled or crashed); without it an error
    is logged. Raises ValueError for a buffer that is not in 1..16.
    """
    if not 1 <= buffer <= MAX_CAPACITY:
        raise ValueError(f"{name}: buffer {buffer} is not in 1..{MAX_CAPACITY}")
    takes: Any = entry_of(side).consumes if isinstance(side, Node | Graph) else Any
    fork = step(_same, name="fork", consumes=takes, produces=Same)
    onward = step(_same, name="on", consumes=Any, produces=Same)
    beside = node(
        partial(_beside, _Side(side, slow, buffer, linger, told or partial(_logged, name))),
        name="side",
        consumes=Any,
        produces=Never,
        accepts_failures=True,
    )
    # The side comes first: it is not to hear late of what the main line has to wait with.
    edges = (Edge("fork", "side", buffer if slow == "wait" else MAX_CAPACITY), Edge("fork", "on"))
    return subgraph(Graph((fork, onward, beside), edges, "fork", "on"), name=name)


def _same(item: Any) -> Any:
    return item


def _logged(name: str, end: SideEnd) -> None:
    if end.cause == "broken":
        log.warning("the side of %s broke after %d items, and was let go", name, end.given, exc_info=end.error)


@dataclass(frozen=True, slots=True)
class _Side:
    reader: Sink[Any] | Node[Any, Any] | Graph
    slow: Slow
    buffer: int
    linger: float
    told: Callable[[SideEnd], None]


async def _beside(side: _Side, source: Source[Any], _: Sink[Never]) -> None:
    reading = _Reading(side)
    if side.slow == "wait":
        await reading.run(source)
    else:
        await _unwaited(side, source, reading)
    side.told(reading.end())


async def _unwaited(side: _Side, source: Source[Any], reading: _Reading) -> None:
    """The side at work, and beside it somebody who always takes the next item at once."""
    send, receive = trio.open_memory_channel[Any](side.buffer)

    async def read() -> None:
        with receive, scope:
            await reading.run(receive)
        if scope.cancelled_caught and reading.cause != "slow":
            reading.cause = "late"

    scope = trio.CancelScope()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(read)
        with send:
            async for item in source:
                try:
                    send.send_nowait(item)
                except trio.BrokenResourceError:  # it has ended
                    break
                except trio.WouldBlock:
                    if side.slow == "detach":
                        reading.cause = "slow"
                        scope.cancel()
                        break
                    reading.dropped += 1
        scope.deadline = trio.current_time() + side.linger


class _Reading:
    """The side at work, and what is to be told of it. The source of its nodes, where it is made of such."""

    def __init__(self, side: _Side) -> None:
        self._side = side
        self._source: Source[Any]
        self.given = self.dropped = 0
        self.cause: Cause = "complete"
        self.error: Exception | None = None

    async def run(self, source: Source[Any]) -> None:
        self._source, reader = source, self._side.reader
        try:
            if isinstance(reader, Node | Graph):
                await run(graph_of(reader), self)
            else:
                async for item in self:
                    await reader.send(item)
        except Exception as error:
            left = isinstance(error, trio.BrokenResourceError | trio.ClosedResourceError)
            self.cause, self.error = "left" if left else "broken", error

    def __aiter__(self) -> _Reading:
        return self

    async def __anext__(self) -> Any:
        item = await anext(self._source)
        self.given += 1
        return item

    def end(self) -> SideEnd:
        return SideEnd(self.given, self.dropped, self.cause, self.error)
