"""Graphs as nodes: nested in others, in parallel, or anew for each item."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, overload

from hyperinfer.engine.branches import Part, consumed_by, entry_of, graph_of, produced_by, run_inside, side_by_side
from hyperinfer.engine.failure import Failure
from hyperinfer.engine.graph import Edge, Graph
from hyperinfer.engine.node import Kind, Node, Stage, stage, step
from hyperinfer.engine.ports import Same

if TYPE_CHECKING:
    from hyperinfer.engine.node import Sink

In = TypeVar("In")
Out = TypeVar("Out")


def subgraph(graph: Graph, *, name: str) -> Node[Any, Any]:
    """A graph in the place of one node. It runs as if its nodes were written there: the same tasks, channels, failures and
    aborts; observers and errors say `name/node`, and a drawing has a box of this name.

    Items in and out: those of the graph's input and output.
    """
    return Node(
        name,
        Kind.GRAPH,
        consumes=entry_of(graph).consumes,
        produces=graph.gives(Same)[graph.output],
        work=graph,
        accepts_failures=True,
    )


@overload
def merge(*parts: Node[In, Out], name: str = "merge", buffer: int = 0) -> Node[In, Out]: ...
@overload
def merge(*parts: Part, name: str = "merge", buffer: int = 0) -> Node[Any, Any]: ...
def merge(*parts: Part, name: str = "merge", buffer: int = 0) -> Node[Any, Any]:
    """Hands every item to all parts, and on what they give as it comes: in the order of each, those of different ones at
    the same instant in any order. A failure passes once, not by each part.

    Parts work at the same time, each in a task of its own; the slowest holds up the others once it is `buffer` items (0 to
    16) behind. One that finishes early is left out; when all have, what is upstream is ended. Raises GraphError when the
    parts do not take the same items or two have one name.
    """
    takes = consumed_by(parts, name)
    fork = step(_same, name="fork", consumes=takes, produces=Same)
    meet = step(_same, name="meet", consumes=Any, produces=Same)
    nodes = [part if isinstance(part, Node) else subgraph(part, name=f"part{place}") for place, part in enumerate(parts, 1)]
    edges = [Edge("fork", node.name, buffer) for node in nodes] + [Edge(node.name, "meet") for node in nodes]
    return subgraph(Graph((fork, *nodes, meet), tuple(edges), "fork", "meet"), name=name)


def _same(item: Any) -> Any:
    return item


@overload
def each(part: Node[In, Out], *, name: str | None = None) -> Node[In, Out]: ...
@overload
def each(part: Part, *, name: str | None = None) -> Node[Any, Any]: ...
def each(part: Part, *, name: str | None = None) -> Node[Any, Any]:
    """A stage that runs a part anew for each item, from its first node to its last end, one item after the other.

    So parts with tasks of their own (`node`, `timed`, buffers) may stand where a stage is needed, and state is that of one
    item. A failure passes the part by unless that takes failures. `name`: by default the part's.
    """
    graph = graph_of(part)
    takes = entry_of(part)
    return stage(
        partial(_Each, graph),
        name=name or takes.name,
        consumes=takes.consumes,
        produces=produced_by([part], takes.consumes),
        accepts_failures=takes.accepts_failures,
        inner=(part,),
    )


class _Each(Stage[Any, Any]):
    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    async def receive(self, item: Any, sink: Sink[Any]) -> None:
        await run_inside(self._graph, (item,), sink)


@overload
def gather(*parts: Node[In, Out], name: str = "gather") -> Node[In, tuple[tuple[Out | Failure, ...], ...]]: ...
@overload
def gather(*parts: Part, name: str = "gather") -> Node[Any, tuple[tuple[Any, ...], ...]]: ...
def gather(*parts: Part, name: str = "gather") -> Node[Any, tuple[tuple[Any, ...], ...]]:
    """For each item all that each part gives for it, once all are done: a tuple of one tuple for each part, in the order in
    which they are named. Failures of parts are among it, as values. What judges, compares or joins them is the next node.

    Parts work at the same time, anew for each item (see `each`). All they give is held until then. Raises GraphError when
    the parts do not take the same items.
    """
    takes = consumed_by(parts, name)
    gives = produced_by(parts, takes)
    item: Any = Any if gives is Any else gives | Failure
    return stage(
        partial(_Gather, tuple(map(graph_of, parts))),
        name=name,
        consumes=takes,
        produces=tuple[tuple[item, ...], ...],
        inner=parts,
    )


class _Kept:
    def __init__(self) -> None:
        self.items: list[Any] = []

    async def send(self, item: Any, /) -> None:
        self.items.append(item)


class _Gather(Stage[Any, tuple[tuple[Any, ...], ...]]):
    def __init__(self, graphs: tuple[Graph, ...]) -> None:
        self._graphs = graphs

    async def receive(self, item: Any, sink: Sink[tuple[tuple[Any, ...], ...]]) -> None:
        kept = [_Kept() for _ in self._graphs]
        await side_by_side(
            *(partial(run_inside, graph, (item,), one) for graph, one in zip(self._graphs, kept, strict=True))
        )
        await sink.send(tuple(tuple(one.items) for one in kept))
