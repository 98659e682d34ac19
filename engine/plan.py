"""How a graph is cut into tasks: computed once per graph, used by the runner and by the drawing.

A *segment* is a run of nodes that work as nested calls in one task; the edges between segments are channels.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from hyperinfer.engine.links import joint, joints
from hyperinfer.engine.node import Kind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hyperinfer.engine.graph import Edge, Graph
    from hyperinfer.engine.links import Joint
    from hyperinfer.engine.node import Node


@dataclass(frozen=True)
class Segment:
    """Nodes of one task, in data-flow order. `arrivals` and `departures` are indices into `Plan.channels`."""

    nodes: tuple[Node[Any, Any], ...]
    arrivals: tuple[int, ...]
    departures: tuple[int, ...]

    @cached_property
    def head(self) -> Node[Any, Any] | None:
        """The node with a task of its own that drives the others, if the first one is such."""
        return self.nodes[0] if self.nodes[0].kind is Kind.TASK else None

    @cached_property
    def links(self) -> tuple[Joint, ...]:
        """How to join the others, the last one first."""
        return tuple(reversed(joints(self._others)))

    @cached_property
    def watched(self) -> tuple[Joint, ...]:
        """The same with a link for each node, for whoever looks between them."""
        return tuple(joint((node,)) for node in reversed(self._others))

    @cached_property
    def timed(self) -> bool:
        """Whether its first link has a clock (`clock.Clock`)."""
        return self.nodes[0].kind is Kind.TIMED

    @property
    def _others(self) -> tuple[Node[Any, Any], ...]:
        return self.nodes[self.head is not None :]


@dataclass(frozen=True)
class Plan:
    """Segments in topological order; `first` takes the inputs, `last` feeds the final sink (indices). `handed`: channels
    with a short cut (`handover.Handover`). `aside`: channels out of what leads to the final sink into what does not: their
    readers do not keep a run going."""

    segments: tuple[Segment, ...]
    channels: tuple[Edge, ...]
    handed: frozenset[int]
    aside: frozenset[int]
    first: int
    last: int


def cut(graph: Graph, *, fuse: bool) -> Plan:
    """Cut a checked graph without sub-graphs (`Graph.flat`).

    Two neighbours share a segment when the edge between them holds nothing, is the only one out of the first and the
    only one into the second, and the second has no task of its own by nature.
    """
    leaving, entering = graph.leaving, graph.entering

    def fused(edge: Edge) -> bool:
        return (
            fuse
            and edge.capacity == 0
            and len(leaving[edge.source]) == 1
            and len(entering[edge.target]) == 1
            and graph.node(edge.target).kind not in (Kind.TASK, Kind.TIMED)
        )

    channels = tuple(edge for edge in graph.edges if not fused(edge))
    number = {edge: index for index, edge in enumerate(channels)}
    segments: list[Segment] = []
    first = last = 0
    for name in graph.order:
        arriving = entering[name]
        if any(fused(edge) for edge in arriving):
            continue  # already part of the segment of its neighbour
        names = [name]
        while len(onward := leaving[names[-1]]) == 1 and fused(onward[0]):
            names.append(onward[0].target)
        if graph.input in names:
            first = len(segments)
        if graph.output in names:
            last = len(segments)
        segments.append(
            Segment(
                nodes=tuple(graph.node(each) for each in names),
                arrivals=tuple(number[edge] for edge in arriving),
                departures=tuple(number[edge] for edge in leaving[names[-1]]),
            )
        )
    main = _leading_to(graph.output, entering)
    aside = {edge for edge in channels if edge.source in main and edge.target not in main}
    # Where edges part there is no short cut: branches work at the same time, and not one after the other in their sender.
    ways = ([edge for edge in edges if edge not in aside] for edges in leaving.values())
    alone = {edges[0] for edges in ways if len(edges) == 1}
    handed = (
        each.arrivals
        for each in segments
        if fuse and each.head is None and len(each.arrivals) == 1 and channels[each.arrivals[0]] in alone
    )
    return Plan(
        tuple(segments),
        channels,
        frozenset(number for (number,) in handed),
        frozenset(number[edge] for edge in aside),
        first,
        last,
    )


def _leading_to(name: str, entering: Mapping[str, tuple[Edge, ...]]) -> set[str]:
    """A node and all that its items come from."""
    found, left = {name}, [name]
    while left:
        left = [edge.source for name in left for edge in entering[name] if edge.source not in found]
        found.update(left)
    return found
