"""What nodes that drive other nodes have in common: a node or a graph inside a node."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar

import trio

from hyperinfer.engine.errors import plain_nursery
from hyperinfer.engine.failure import Failure
from hyperinfer.engine.graph import Graph, GraphError
from hyperinfer.engine.links import join
from hyperinfer.engine.node import DONE, DownstreamClosed, Node, Stage
from hyperinfer.engine.ports import Same, fits, union
from hyperinfer.engine.run import run
from hyperinfer.engine.type_names import known_name

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Awaitable, Callable, Iterable, Sequence

    from hyperinfer.engine.links import Ending
    from hyperinfer.engine.node import Sink

Out = TypeVar("Out")

Part: TypeAlias = Node[Any, Any] | Graph
"""What other nodes are made of: a node, or a graph in the place of one."""


def graph_of(part: Part) -> Graph:
    """A part as a graph. Raises TypeError for what is neither a node nor a graph."""
    return part if isinstance(part, Graph) else Graph.linear(part)


def consumed_by(parts: Sequence[Part], whose: str) -> Any:
    """The type of the items that all parts take. Raises GraphError naming two that have none in common, ValueError without
    parts."""
    if not parts:
        raise ValueError(f"{whose} needs at least one part")
    entries = [entry_of(part) for part in parts]
    for entry in entries:
        if all(fits(entry.consumes, other.consumes) for other in entries):
            return entry.consumes
    one, other = next((one, other) for one in entries for other in entries if not fits(one.consumes, other.consumes))
    expected = [f"{each.name}.in expects {known_name(each.consumes)}" for each in (one, other)]
    raise GraphError((f"{whose}: {expected[0]}, {expected[1]}; each is given the same items",))


def entry_of(part: Part) -> Node[Any, Any]:
    """The node that takes the inputs."""
    return part.node(part.input) if isinstance(part, Graph) else part


def produced_by(parts: Iterable[Part], given: Any) -> Any:
    """The type of the items that one of the parts gives, when `given` is what they take."""
    graphs = [graph_of(part) for part in parts]
    return union(graph.gives(given)[graph.output] for graph in graphs)


def or_failure(produced: Any) -> Any:
    """The type of these items, or a failure in their place."""
    return Any if produced in (Any, Same) else produced | Failure


class _ForeignError(Exception):
    """Carries a broken resource of a node further down through a run inside another, which would take it for its reader."""

    def __init__(self, error: trio.BrokenResourceError) -> None:
        super().__init__()
        self.error = error


class _Onward(Generic[Out]):
    """The sink of a run inside a node: what is behind that node."""

    __slots__ = ("_sink",)

    def __init__(self, sink: Sink[Out]) -> None:
        self._sink = sink

    def send(self, item: Out, /) -> Awaitable[None]:
        try:
            sending = self._sink.send(item)
        except DownstreamClosed:
            raise
        except trio.BrokenResourceError as error:
            raise _ForeignError(error) from error
        return DONE if sending is DONE else self._sent(sending)

    async def _sent(self, sending: Awaitable[None]) -> None:
        try:
            await sending
        except DownstreamClosed:
            raise
        except trio.BrokenResourceError as error:
            raise _ForeignError(error) from error


async def run_inside(graph: Graph, inputs: Iterable[Any] | AsyncIterable[Any], sink: Sink[Any]) -> None:
    """`run` inside a node, with what the node was given to send to. Raises `DownstreamClosed` when nobody reads that."""
    try:
        await run(graph, inputs, _Onward(sink))
    except _ForeignError as carried:
        raise carried.error from carried.error.__cause__


async def side_by_side(*works: Callable[[], Awaitable[None]]) -> None:
    """All of these at once. Raises what one of them raised, bare."""
    async with plain_nursery() as nursery:
        for work in works:
            nursery.start_soon(work)


# ---- a part as one stage --------------------------------------------------------------------------------------------


class _Forward:
    """The way out of a stage made of several nodes, which were joined before it was known where that leads."""

    __slots__ = ("sink",)

    def __init__(self) -> None:
        self.sink: Sink[Any]

    def send(self, item: Any, /) -> Awaitable[None]:
        return self.sink.send(item)


class _Joined(Stage[Any, Any]):
    """Nodes of one segment, as a stage."""

    def __init__(self, graph: Graph) -> None:
        self._forward = _Forward()
        self._endings: list[Ending] = []
        self._first = join(graph.fused.segments[0].links, self._forward, self._endings)
        self._endings.reverse()

    def receive(self, item: Any, sink: Sink[Any], /) -> Awaitable[None]:
        self._forward.sink = sink
        return self._first.send(item)

    async def end(self, sink: Sink[Any]) -> None:
        self._forward.sink = sink
        for ending in self._endings:
            if (rest := ending.finish()) is not None:
                await rest

    async def abort(self) -> None:
        aborting = [each for ending in self._endings if (each := ending.abort()) is not None]
        await side_by_side(*(functools.partial(_awaited, each) for each in aborting))


async def _awaited(what: Awaitable[None]) -> None:
    await what


def stage_maker(part: Part, whose: str) -> Callable[[], Stage[Any, Any]]:
    """How to make one stage of a part. Raises TypeError when it has a task of its own: such a part reads ahead, so that
    nobody can tell which item it is at."""
    graph = graph_of(part)
    (first, *others) = graph.fused.segments
    if others or first.head is not None or first.timed:
        names = " -> ".join(node.name for node in graph.nodes)
        raise TypeError(
            f"{whose}: {names} has a task of its own, and may be at several items at once; each({names}) runs it for one"
            " item at a time"
        )
    return functools.partial(_Joined, graph)
