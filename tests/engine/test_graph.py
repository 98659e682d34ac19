"""Graphs as data: every check with its exact words, and the ways to change a graph."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from hyperinfer.engine import Edge, Failure, Graph, GraphError, Node, step
from hyperinfer.engine.graph import MAX_CAPACITY


class Plan: ...


class Burst: ...


def make(name: str, consumes: Any = int, produces: Any = int) -> Node[Any, Any]:
    return step(lambda item: item, name=name, consumes=consumes, produces=produces)


NONE: tuple[Node[Any, Any], ...] = ()
A, B, C, D = make("a"), make("b"), make("c"), make("d")


@pytest.mark.parametrize(
    ("build", "problems"),
    [
        (lambda: Graph.linear(*NONE), ["a graph needs at least one node"]),
        (lambda: Graph((), (), "a", "a"), [
            "a graph needs at least one node", "the input is 'a', which is no node", "the output is 'a', which is no node",
        ]),
        (lambda: Graph.linear(A, A), ["2 nodes are named 'a'"]),
        (lambda: Graph((A,), (Edge("a", "a"),), "a", "a"), [
            "a.in is the input of the graph and joined to a.out",
            "a.out is the output of the graph and joined to a.in",
            "the graph has a cycle: a -> a",
        ]),
        (lambda: Graph.linear(A, B, A, B), [
            "2 nodes are named 'a'", "2 nodes are named 'b'", "a -> b is joined 2 times",
        ]),
        (lambda: Graph.linear(make("")), ["a node needs a name"]),
        (lambda: Graph.linear(A, B, buffers={"z": 1}), ["buffers: no edge goes into 'z'"]),
        (lambda: Graph.linear(A, B, buffers={"a": 1}), ["buffers: no edge goes into 'a'"]),
        (lambda: Graph.linear(A, B, buffers={"b": 17}), ["a -> b: capacity 17 is not in 0..16"]),
        (lambda: Graph.linear(A, B, buffers={"b": -1}), ["a -> b: capacity -1 is not in 0..16"]),
        (lambda: Graph((A,), (), "x", "y"), ["the input is 'x', which is no node", "the output is 'y', which is no node"]),
        (lambda: Graph((A,), (Edge("a", "x"),), "a", "a"), ["the edge a -> x names 'x', which is no node"]),
        (lambda: Graph((A,), (Edge("y", "a"),), "a", "a"), ["the edge y -> a names 'y', which is no node"]),
        (lambda: Graph((A, B), (Edge("a", "b"), Edge("a", "b", 2)), "a", "b"), ["a -> b is joined 2 times"]),
        (lambda: Graph((A, B), (), "a", "b"), ["a.out is joined to nothing", "b.in is joined to nothing"]),
        (lambda: Graph((A, B, C), (Edge("a", "b"),), "a", "b"), ["c.in is joined to nothing", "c.out is joined to nothing"]),
        (lambda: Graph((A, B, C), (Edge("a", "b"), Edge("a", "c")), "a", "b"), ["c.out is joined to nothing"]),
        (lambda: Graph((A, B, C), (Edge("a", "b"), Edge("c", "b")), "a", "b"), ["c.in is joined to nothing"]),
        (lambda: Graph((A, B), (Edge("b", "a"),), "a", "a"), [
            "b.in is joined to nothing", "a.in is the input of the graph and joined to b.out",
        ]),
        (lambda: Graph((A, B), (Edge("a", "b"),), "a", "a"), [
            "b.out is joined to nothing", "a.out is the output of the graph and joined to b.in",
        ]),
        (lambda: Graph((A, B, C, D), (Edge("a", "b"), Edge("b", "c"), Edge("c", "b"), Edge("c", "d")), "a", "d"), [
            "the graph has a cycle: b -> c -> b",
        ]),
        (lambda: Graph.linear(make("call", str, Plan), make("encode", Burst, bytes)), [
            "encode.in expects Burst, call.out gives Plan; between them fits a node that takes Plan and gives Burst",
        ]),
        (lambda: Graph.linear(make("a", int, int | None), make("b", tuple[int, ...])), [
            "b.in expects tuple[int, ...], a.out gives int | None;"
            " between them fits a node that takes int | None and gives tuple[int, ...]",
        ]),
        (lambda: Graph.linear(make("a", int, str), make("b", int, str), make("c", int, str), buffers={"b": 20}), [
            "a -> b: capacity 20 is not in 0..16",
            "b.in expects int, a.out gives str; between them fits a node that takes str and gives int",
            "c.in expects int, b.out gives str; between them fits a node that takes str and gives int",
        ]),
        (lambda: Graph.linear(make("a", int, int | None), make("b", int)), [
            "b.in expects int, a.out gives int | None, and None does not fit;"
            " between them fits a node that takes int | None and gives int",
        ]),
        (lambda: Graph.linear(make("a", int, Plan | Failure), make("b", Burst, bytes), make("c", Plan, Burst)), [
            "b.in expects Burst, a.out gives Plan | Failure;"
            " between them fits a node that takes Plan and gives Burst, as c does",
            "c.in expects Plan, b.out gives bytes; between them fits a node that takes bytes and gives Plan",
        ]),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_in_full(build: Callable[[], Graph], problems: list[str]) -> None:
    with pytest.raises(GraphError) as caught:
        build()
    assert list(caught.value.problems) == problems
    assert str(caught.value) == "\n".join(problems)


def test_capacities_from_0_to_16_are_fine() -> None:
    for capacity in range(MAX_CAPACITY + 1):
        assert Graph.linear(A, B, buffers={"b": capacity}).edges == (Edge("a", "b", capacity),)


def test_failures_beside_the_items_need_nobody_who_takes_them() -> None:
    Graph.linear(make("a", int, int | Failure), make("b", int, str))
    Graph.linear(make("a", int, int | Failure), make("b", int | Failure, str))


def test_a_graph_is_a_value() -> None:
    graph = Graph.linear(A, B, buffers={"b": 2})
    assert graph == Graph((A, B), (Edge("a", "b", 2),), "a", "b")
    assert hash(graph) == hash(Graph.linear(A, B, buffers={"b": 2}))
    with pytest.raises(dataclasses.FrozenInstanceError):
        graph.input = "b"  # type: ignore[misc]


def test_nodes_are_found_by_name() -> None:
    assert Graph.linear(A, B).node("b") is B
    with pytest.raises(KeyError):
        Graph.linear(A).node("b")


def test_replace_puts_another_node_in_the_place() -> None:
    graph = Graph.linear(A, B, C, buffers={"b": 1, "c": 2})
    other = make("other")
    assert graph.replace("b", other) == Graph.linear(A, other, C, buffers={"other": 1, "c": 2})
    assert graph.replace("a", other).input == "other"
    assert graph.replace("c", other).output == "other"
    assert graph == Graph.linear(A, B, C, buffers={"b": 1, "c": 2})
    with pytest.raises(KeyError):
        graph.replace("z", other)
    with pytest.raises(GraphError, match=r"^bad\.in expects str, a\.out gives int; between"):
        graph.replace("b", make("bad", str, int))


def test_insert_after_keeps_the_buffers_that_follow() -> None:
    graph = Graph.linear(A, B, buffers={"b": 4})
    graph = graph.insert_after("a", C)
    assert {(edge.source, edge.target, edge.capacity) for edge in graph.edges} == {("a", "c", 0), ("c", "b", 4)}
    assert [node.name for node in graph.nodes] == ["a", "c", "b"]
    longer = graph.insert_after("b", make("last"), capacity=3)
    assert longer.output == "last"
    assert longer.entering["last"] == (Edge("b", "last", 3),)


def test_the_plan_is_made_once() -> None:
    graph = Graph.linear(A, B)
    assert graph.fused is graph.fused
    assert [[node.name for node in segment.nodes] for segment in graph.fused.segments] == [["a", "b"]]
    assert [[node.name for node in segment.nodes] for segment in graph.unfused.segments] == [["a"], ["b"]]


def makes_a_node() -> Node[Any, Any]:
    return A


def works(item: int) -> int:
    return item


class Machine: ...


@pytest.mark.parametrize(
    ("thing", "message"),
    [
        (makes_a_node, "makes_a_node is a function that makes a node; call it: makes_a_node()"),
        (works, "works is no node; make one of it with step, stage or node"),
        (Machine, "Machine is no node; make one of it with step, stage or node"),
        (3, "3 is no node; make one of it with step, stage or node"),
    ],
)
def test_what_is_no_node_is_told_by_name(thing: Any, message: str) -> None:
    builds: list[Callable[[], object]] = [
        lambda: Graph.linear(A, thing),
        lambda: Graph((A, thing), (), "a", "a"),
        lambda: Graph.linear(A, B).replace("b", thing),
        lambda: Graph.linear(A, B).insert_after("a", thing),
    ]
    for build in builds:
        with pytest.raises(TypeError) as caught:
            build()
        assert str(caught.value) == message
