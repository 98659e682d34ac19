"""A graph as frozen data, checked when it is built. Running it is `run.py`, drawing it `render.py`."""

from __future__ import annotations

import dataclasses
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Never, NoReturn, TypeVar, overload

from hyperinfer.engine.failure import Failure
from hyperinfer.engine.node import Kind, Node, Taking
from hyperinfer.engine.plan import cut
from hyperinfer.engine.ports import Same, fits, makes, members, misfits, union
from hyperinfer.engine.type_names import known_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from hyperinfer.engine.plan import Plan

MAX_CAPACITY = 16
"""An edge holds at most this many items: enough to hide a jitter, too few to hide a slow reader."""


_In = TypeVar("_In")
_1to2 = TypeVar("_1to2")
_2to3 = TypeVar("_2to3")
_3to4 = TypeVar("_3to4")
_4to5 = TypeVar("_4to5")
_5to6 = TypeVar("_5to6")
_6to7 = TypeVar("_6to7")
_7to8 = TypeVar("_7to8")
_8to9 = TypeVar("_8to9")
_9to10 = TypeVar("_9to10")
_10to11 = TypeVar("_10to11")
_11to12 = TypeVar("_11to12")
_12to13 = TypeVar("_12to13")
_2 = TypeVar("_2")
_3 = TypeVar("_3")
_4 = TypeVar("_4")
_5 = TypeVar("_5")
_6 = TypeVar("_6")
_7 = TypeVar("_7")
_8 = TypeVar("_8")
_9 = TypeVar("_9")
_10 = TypeVar("_10")
_11 = TypeVar("_11")
_12 = TypeVar("_12")


class GraphError(ValueError):
    """A graph that cannot run. `problems` has them all, one line each."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def _only_nodes(things: Iterable[object]) -> None:
    for thing in things:
        if isinstance(thing, Node):
            continue
        name = getattr(thing, "__name__", None)
        if name is not None and makes(thing, Node.__name__):
            raise TypeError(f"{name} is a function that makes a node; call it: {name}()")
        raise TypeError(f"{name or repr(thing)} is no node; make one of it with step, stage or node")


@dataclass(frozen=True)
class Edge:
    """`source` hands its items to `target`. Capacity 0: hand-over (may become a plain call); 1 to 16: a buffer between
    two tasks."""

    source: str
    target: str
    capacity: int = 0


@dataclass(frozen=True)
class Graph:
    """Nodes by unique name and the edges between them. Inputs enter at `input`, results leave at `output`.

    A node with several edges out hands every item to each of them; a node with several edges in takes items as they
    come (each edge's in their order, and a failure that came by several of them once). A node that produces `Never` needs
    none out: it stands aside, and does not keep a run going. Raises `GraphError` naming every problem; TypeError for what
    is no node.
    """

    nodes: tuple[Node[Any, Any], ...]
    edges: tuple[Edge, ...]
    input: str
    output: str

    def __post_init__(self) -> None:
        _only_nodes(self.nodes)
        self.check()

    @overload
    @classmethod
    def linear(
        cls,
        node_1: Node[_In, _1to2],
        node_2: Taking[_1to2, _2to3, _2] = ...,
        node_3: Taking[_2to3, _3to4, _3] = ...,
        node_4: Taking[_3to4, _4to5, _4] = ...,
        node_5: Taking[_4to5, _5to6, _5] = ...,
        node_6: Taking[_5to6, _6to7, _6] = ...,
        node_7: Taking[_6to7, _7to8, _7] = ...,
        node_8: Taking[_7to8, _8to9, _8] = ...,
        node_9: Taking[_8to9, _9to10, _9] = ...,
        node_10: Taking[_9to10, _10to11, _10] = ...,
        node_11: Taking[_10to11, _11to12, _11] = ...,
        node_12: Taking[_11to12, _12to13, _12] = ...,
        /,
        *,
        buffers: Mapping[str, int] | None = None,
    ) -> Graph: ...
    @overload
    @classmethod
    def linear(
        cls,
        node_1: Node[Any, Any],
        node_2: Node[Any, Any],
        node_3: Node[Any, Any],
        node_4: Node[Any, Any],
        node_5: Node[Any, Any],
        node_6: Node[Any, Any],
        node_7: Node[Any, Any],
        node_8: Node[Any, Any],
        node_9: Node[Any, Any],
        node_10: Node[Any, Any],
        node_11: Node[Any, Any],
        node_12: Node[Any, Any],
        /,
        *more: Node[Any, Any],
        buffers: Mapping[str, int] | None = None,
    ) -> Graph: ...
    @classmethod
    def linear(cls, *nodes: Any, buffers: Mapping[str, int] | None = None) -> Graph:
        """One node after the other. `buffers` gives the capacity of the edge into the node named: `{"encode": 4}`.

        Type checkers see, of up to twelve nodes that are named one by one, that each takes what the one before gives.
        """
        if not nodes:
            raise GraphError(("a graph needs at least one node",))
        _only_nodes(nodes)
        buffers = buffers or {}
        targets = [node.name for node in nodes[1:]]
        unknown = tuple(f"buffers: no edge goes into {name!r}" for name in buffers if name not in targets)
        if unknown:
            raise GraphError(unknown)
        edges = tuple(Edge(source.name, target.name, buffers.get(target.name, 0)) for source, target in pairwise(nodes))
        return cls(nodes, edges, nodes[0].name, nodes[-1].name)

    # ---- looking ----------------------------------------------------------------------------------------------------

    @cached_property
    def _by_name(self) -> dict[str, Node[Any, Any]]:
        return {node.name: node for node in self.nodes}

    def node(self, name: str) -> Node[Any, Any]:
        """The node of that name. Raises KeyError."""
        return self._by_name[name]

    @cached_property
    def leaving(self) -> Mapping[str, tuple[Edge, ...]]:
        """The edges out of each node, in order."""
        return {node.name: tuple(edge for edge in self.edges if edge.source == node.name) for node in self.nodes}

    @cached_property
    def entering(self) -> Mapping[str, tuple[Edge, ...]]:
        """The edges into each node, in order."""
        return {node.name: tuple(edge for edge in self.edges if edge.target == node.name) for node in self.nodes}

    @cached_property
    def order(self) -> tuple[str, ...]:
        """The names in topological order."""
        sorter = TopologicalSorter({name: [edge.source for edge in edges] for name, edges in self.entering.items()})
        return tuple(sorter.static_order())

    @cached_property
    def flat(self) -> Graph:
        """The graph with the nodes of its sub-graphs in their place, named `sub-graph/node`; itself where it has none."""
        if not any(node.kind is Kind.GRAPH for node in self.nodes):
            return self
        return Graph(*_flattened(self))

    def gives(self, given: Any) -> Mapping[str, Any]:
        """The type of what each node gives, when that of what enters is `given`: nodes that hand on what they are given are
        looked through."""
        types = dict[str, Any]()
        for name in self.order:
            entering = [types[edge.source] for edge in self.entering[name]]
            takes = union(entering) if entering else given
            types[name] = takes if self.node(name).produces is Same else self.node(name).produces
        return types

    @cached_property
    def fused(self) -> Plan:
        """The graph cut into as few tasks as its edges allow."""
        return cut(self.flat, fuse=True)

    @cached_property
    def unfused(self) -> Plan:
        """The graph cut into a task for every node and a channel for every edge."""
        return cut(self.flat, fuse=False)

    # ---- changing: always a new graph -------------------------------------------------------------------------------

    def replace(self, name: str, node: Node[Any, Any]) -> Graph:
        """The graph with another node in this place. The new node keeps its own name. Raises KeyError, GraphError."""
        _only_nodes([node])
        old = self.node(name)

        def renamed(each: str) -> str:
            return node.name if each == name else each

        return Graph(
            tuple(node if each is old else each for each in self.nodes),
            tuple(Edge(renamed(edge.source), renamed(edge.target), edge.capacity) for edge in self.edges),
            renamed(self.input),
            renamed(self.output),
        )

    def insert_after(self, name: str, node: Node[Any, Any], *, capacity: int = 0) -> Graph:
        """The graph with a node between `name` and whatever follows it; the edges that follow keep their capacity.

        `capacity` is that of the new edge. Raises KeyError, GraphError.
        """
        _only_nodes([node])
        place = self.nodes.index(self.node(name)) + 1
        moved = tuple(dataclasses.replace(edge, source=node.name) if edge.source == name else edge for edge in self.edges)
        return Graph(
            (*self.nodes[:place], node, *self.nodes[place:]),
            (*moved, Edge(name, node.name, capacity)),
            self.input,
            node.name if self.output == name else self.output,
        )

    # ---- checking ---------------------------------------------------------------------------------------------------

    def check(self) -> None:
        """Raise `GraphError` unless the graph can run; called when it is built."""
        problems = tuple(self._name_problems()) or (*self._edge_problems(), *self._shape_problems())
        if problems:
            raise GraphError(problems)
        self.flat  # noqa: B018 - its names may clash

    def _name_problems(self) -> Iterator[str]:
        if not self.nodes:
            yield "a graph needs at least one node"
        counts = Counter(node.name for node in self.nodes)
        for name, count in counts.items():
            if not name:
                yield "a node needs a name"
            if count > 1:
                yield f"{count} nodes are named {name!r}"
        for role, name in (("input", self.input), ("output", self.output)):
            if name not in counts:
                yield f"the {role} is {name!r}, which is no node"
        for edge in self.edges:
            for end in (edge.source, edge.target):
                if end not in counts:
                    yield f"the edge {edge.source} -> {edge.target} names {end!r}, which is no node"
        for (source, target), count in Counter((edge.source, edge.target) for edge in self.edges).items():
            if count > 1:
                yield f"{source} -> {target} is joined {count} times"

    def _edge_problems(self) -> Iterator[str]:
        try:
            given = self.gives(self.node(self.input).consumes)
        except CycleError:  # told below
            given = {node.name: Any if node.produces is Same else node.produces for node in self.nodes}
        for edge in self.edges:
            if not 0 <= edge.capacity <= MAX_CAPACITY:
                yield f"{edge.source} -> {edge.target}: capacity {edge.capacity} is not in 0..{MAX_CAPACITY}"
            gives, expects = given[edge.source], self.node(edge.target).consumes
            if wrong := misfits(gives, expects, beside=Failure):  # failures travel past a node that does not take them
                yield self._misfit(edge, gives, expects, wrong)

    def _misfit(self, edge: Edge, gives: Any, expects: Any, wrong: tuple[Any, ...]) -> str:
        """Both ports, and what would fit between them."""
        text = f"{edge.target}.in expects {known_name(expects)}, {edge.source}.out gives {known_name(gives)}"
        items = union(member for member in members(gives) if member is not Failure)
        if len(wrong) < len(members(items)):
            text += f", and {known_name(union(wrong))} does not fit"
        text += f"; between them fits a node that takes {known_name(items)} and gives {known_name(expects)}"
        such = [
            node.name
            for node in self.nodes
            if node.name not in (edge.source, edge.target)
            and Any not in (node.consumes, node.produces)
            and node.produces is not Same
            and fits(items, node.consumes)
            and fits(node.produces, expects, beside=Failure)
        ]
        return f"{text}, as {such[0]} does" if such else text

    def _shape_problems(self) -> Iterator[str]:
        for node in self.nodes:
            if node.name != self.input and not self.entering[node.name]:
                yield f"{node.name}.in is joined to nothing"
            if node.name != self.output and not self.leaving[node.name] and node.produces not in (Never, NoReturn):
                yield f"{node.name}.out is joined to nothing"
        if self.entering[self.input]:
            yield f"{self.input}.in is the input of the graph and joined to {self.entering[self.input][0].source}.out"
        if self.leaving[self.output]:
            yield f"{self.output}.out is the output of the graph and joined to {self.leaving[self.output][0].target}.in"
        try:
            self.order  # noqa: B018 - raises on a cycle
        except CycleError as error:
            yield "the graph has a cycle: " + " -> ".join(error.args[1])


def _flattened(graph: Graph) -> tuple[tuple[Node[Any, Any], ...], tuple[Edge, ...], str, str]:
    nodes, edges = list[Node[Any, Any]](), list[Edge]()
    first, last = dict[str, str](), dict[str, str]()
    for node in graph.nodes:
        first[node.name] = last[node.name] = node.name
        if node.kind is not Kind.GRAPH:
            nodes.append(node)
            continue
        inner: Graph = node.work.flat
        within = f"{node.name}/{{}}".format
        nodes += [each.named(within(each.name)) for each in inner.nodes]
        edges += [Edge(within(edge.source), within(edge.target), edge.capacity) for edge in inner.edges]
        first[node.name], last[node.name] = within(inner.input), within(inner.output)
    edges += [Edge(last[edge.source], first[edge.target], edge.capacity) for edge in graph.edges]
    return tuple(nodes), tuple(edges), first[graph.input], last[graph.output]
