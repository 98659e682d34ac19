"""Graphs as nodes: nested, in parallel, anew for each item."""

from __future__ import annotations

from typing import Any, Never

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperinfer.engine import (
    Counts,
    Edge,
    Failure,
    Graph,
    GraphError,
    Node,
    Observer,
    Sink,
    Source,
    each,
    gather,
    graph_diagram,
    merge,
    node,
    run,
    step,
    subgraph,
)
from hyperinfer.engine.testing import ListSink, check_node
from tests.engine.test_run_equal import KINDS
from tests.support.engine_nodes import FAILURE, both_ways, diary_node, increment, only_first, outcome, total, twice
from tests.support.engine_parts import Diary, answer, answer_in_task, played

items = st.lists(st.integers(-9, 9) | st.just(FAILURE), max_size=6)
buffers = st.integers(0, 2)


# ---- a graph as one node --------------------------------------------------------------------------------------------


@given(
    st.lists(st.tuples(st.sampled_from(KINDS), buffers), min_size=1, max_size=6),
    st.data(),
    items,
    st.none() | st.integers(0, 3),
    st.booleans(),
    st.integers(0, 999),
)
@settings(max_examples=60, deadline=None)
def test_a_sub_graph_is_its_nodes_written_out(
    kinds: list[tuple[Node[Any, Any], int]],
    data: st.DataObject,
    given: list[Any],
    leaves: int | None,
    fused: bool,
    seed: int,
) -> None:
    nodes = [kind.named(f"n{place}") for place, (kind, _) in enumerate(kinds)]
    holds = {each.name: capacity for each, (_, capacity) in zip(nodes, kinds, strict=True)}
    first = data.draw(st.integers(0, len(nodes) - 1))
    last = data.draw(st.integers(first, len(nodes) - 1))
    inner = Graph.linear(
        *nodes[first : last + 1], buffers={each.name: holds[each.name] for each in nodes[first + 1 : last + 1]}
    )
    outer = [*nodes[:first], subgraph(subgraph_of(inner) if seed % 2 else inner, name="sub"), *nodes[last + 1 :]]
    holds["sub"] = holds[nodes[first].name]
    nested = Graph.linear(*outer, buffers={each.name: holds[each.name] for each in outer[1:]})
    flat = Graph.linear(*nodes, buffers={each.name: holds[each.name] for each in nodes[1:]})

    def made(graph: Graph) -> Any:
        return played(graph, given, fused=fused, seed=seed, sink=ListSink(closes_after=leaves))

    assert made(nested) == made(flat)
    assert len(nested.fused.segments) == len(flat.fused.segments)


def subgraph_of(graph: Graph) -> Graph:
    return Graph.linear(subgraph(graph, name="deeper"))


@both_ways
async def test_failures_pass_it_in_their_place_and_its_nodes_may_take_them(fused: bool) -> None:
    def explain(item: int | Failure) -> int:
        return -1 if isinstance(item, Failure) else item

    plain = subgraph(Graph.linear(increment, increment.named("more")), name="sub")
    assert await outcome(Graph.linear(plain), [1, FAILURE, 2], fused=fused) == [3, FAILURE, 4]
    taking = subgraph(Graph.linear(increment, step(explain)), name="sub")
    assert await outcome(Graph.linear(taking), [1, FAILURE, 2], fused=fused) == [2, -1, 3]


@both_ways
async def test_its_aborts_pass_through_and_observers_are_told_by_the_whole_name(fused: bool) -> None:
    diary, told = list[str](), list[str]()

    class Notes(Observer):
        def failed(self, node: str, counts: Counts, error: BaseException) -> None:
            told.append(node)

    broken = diary_node(diary, "b ", at={"receive 1": LookupError()}).named("b")
    sub = subgraph(Graph.linear(diary_node(diary, "a ").named("a"), broken), name="sub")
    with pytest.raises(LookupError):
        await run(Graph.linear(sub), [1], fused=fused)
    assert "b abort" in diary
    assert ("a abort" if fused else "a end") in diary
    with pytest.raises(LookupError):
        await run(Graph.linear(sub), [1], fused=fused, observer=Notes())
    assert told == ["sub/b"]


def test_it_has_the_ports_of_its_graph() -> None:
    words: Node[Any, Any] = step(str.upper, name="upper", consumes=str, produces=str)
    with pytest.raises(GraphError, match=r"^upper\.in expects str, sub\.out gives int"):
        Graph.linear(subgraph(Graph.linear(increment), name="sub"), words)
    with pytest.raises(GraphError, match=r"^sub\.in expects int, upper\.out gives str"):
        Graph.linear(words, subgraph(Graph.linear(increment), name="sub"))


def test_names_are_unique_within_each_graph_only() -> None:
    inner = Graph.linear(increment)
    graph = Graph.linear(increment, subgraph(inner, name="x"), subgraph(inner, name="y"))
    assert [each.name for each in graph.flat.nodes] == ["increment", "x/increment", "y/increment"]
    with pytest.raises(GraphError, match="2 nodes are named 'x/increment'"):
        Graph.linear(increment.named("x/increment"), subgraph(inner, name="x"))


def test_it_is_a_value_and_drawn_as_a_box() -> None:
    def built() -> Graph:
        inner = Graph.linear(increment, subgraph(Graph.linear(total), name="deep"))
        return Graph.linear(increment, subgraph(inner, name="sub"), twice, buffers={"twice": 2})

    assert built() == built()
    assert hash(built()) == hash(built())
    assert graph_diagram(built()) == (
        "flowchart LR\n"
        '    input(["input"])\n'
        '    output(["output"])\n'
        '    subgraph task1["task 1"]\n'
        '        n0("increment")\n'
        '        subgraph part1["sub"]\n'
        '            n1("increment")\n'
        '            subgraph part2["deep"]\n'
        '                n2("total")\n'
        "            end\n"
        "        end\n"
        "    end\n"
        '    subgraph task2["task 2"]\n'
        '        n3("twice")\n'
        "    end\n"
        '    input -->|"int"| n0\n'
        '    n1 -->|"int"| n2\n'
        '    n0 -->|"int"| n1\n'
        '    n2 ==>|"int × 2"| n3\n'
        '    n3 -->|"int"| output\n'
    )


def test_what_a_node_drives_is_drawn_beside_it() -> None:
    pair = Graph.linear(increment, total)
    assert graph_diagram(Graph.linear(gather(twice, subgraph(pair, name="pair"), pair))) == (
        "flowchart LR\n"
        '    input(["input"])\n'
        '    output(["output"])\n'
        '    subgraph task1["task 1"]\n'
        '        n0["gather"]\n'
        '        n0i1("twice")\n'
        "        n0 <--> n0i1\n"
        '        subgraph n0i2["pair"]\n'
        '            n0i2n0("increment")\n'
        '            n0i2n1("total")\n'
        "            n0i2n0 --> n0i2n1\n"
        "        end\n"
        "        n0 <--> n0i2\n"
        '        subgraph n0i3[" "]\n'
        '            n0i3n0("increment")\n'
        '            n0i3n1("total")\n'
        "            n0i3n0 --> n0i3n1\n"
        "        end\n"
        "        n0 <--> n0i3\n"
        "    end\n"
        '    input -->|"int"| n0\n'
        '    n0 -->|"tuple[tuple[int | Failure, ...]…"| output\n'
    )


# ---- aside ----------------------------------------------------------------------------------------------------------


async def nothing(source: Source[int], sink: Sink[Any]) -> None:
    async for _ in source:
        pass


def test_only_a_node_that_gives_nothing_may_lead_nowhere() -> None:
    edges = (Edge("increment", "total"), Edge("increment", "aside"))
    aside = node(nothing, name="aside", consumes=int, produces=Never)
    Graph((increment, total, aside), edges, "increment", "total")
    with pytest.raises(GraphError, match=r"^aside\.out is joined to nothing$"):
        Graph((increment, total, node(nothing, name="aside")), edges, "increment", "total")


@both_ways
async def test_a_branch_that_is_aside_alone_does_not_keep_a_run_going(fused: bool) -> None:
    seen, taken = list[int](), list[int]()

    async def note(source: Source[int], sink: Sink[Any]) -> None:
        async for item in source:
            seen.append(item)

    def numbers() -> Any:
        for number in range(100):
            taken.append(number)
            yield number

    aside = node(note, name="aside", consumes=int, produces=Never)
    edges = (Edge("increment", "only_first"), Edge("increment", "aside"))
    sink = ListSink[int]()
    await run(Graph((increment, only_first, aside), edges, "increment", "only_first"), numbers(), sink, fused=fused)
    assert sink.items == [1]
    assert len(taken) < 5


# ---- merge ----------------------------------------------------------------------------------------------------------


@both_ways
@pytest.mark.parametrize("seed", range(3))
def test_parts_of_a_merge_work_at_the_same_time_each_in_its_order(fused: bool, seed: int) -> None:
    both = merge(answer("a", [(1, "x"), (1, "y")]), answer("b", [(1.5, "x"), (2, "y")]))
    assert played(both, [1, 2], fused=fused, seed=seed) == [
        (1, "a1x"), (1.5, "b1x"), (2, "a1y"), (3, "a2x"), (3.5, "b1y"), (4, "a2y"), (5, "b2x"), (7, "b2y"), (7, None),
    ]  # fmt: skip


@given(st.lists(st.sampled_from(KINDS[:6]), min_size=1, max_size=4), items, buffers, st.booleans(), st.integers(0, 999))
@settings(max_examples=40, deadline=None)
def test_a_merge_keeps_the_order_of_each_part_and_passes_a_failure_once(
    kinds: list[Node[Any, Any]], given: list[Any], buffer: int, fused: bool, seed: int
) -> None:
    def labelled(place: int, kind: Node[Any, Any]) -> Graph:
        """Its items say where they come from."""
        label: Node[Any, Any] = step(lambda item: (place, item), name="label", consumes=Any, produces=Any)
        return Graph.linear(kind, label)

    given = [Failure("f", str(place)) if item is FAILURE else item for place, item in enumerate(given)]
    parts = [labelled(place, kind) for place, kind in enumerate(kinds)]
    merged = [item for _, item in played(merge(*parts, buffer=buffer), given, fused=fused, seed=seed)[:-1]]
    for place, part in enumerate(parts):
        alone = [item for _, item in played(part, given)[:-1]]
        mine = [item for item in merged if not isinstance(item, Failure) and item[0] == place]
        assert mine == [item for item in alone if not isinstance(item, Failure)]
        assert {repr(item) for item in alone if isinstance(item, Failure)} <= {repr(item) for item in merged}
    ours = [item for item in merged if isinstance(item, Failure) and item.code == "f"]
    assert len(ours) == len(set(map(id, ours)))
    if all(not kind.accepts_failures for kind in kinds):
        assert [item for item in ours] == [item for item in given if isinstance(item, Failure)]


def test_the_same_failure_twice_is_two_failures() -> None:
    assert [item for _, item in played(merge(increment, total), [FAILURE, FAILURE])] == [FAILURE, FAILURE, 0, None]


@both_ways
def test_a_part_that_wants_no_more_leaves_the_others_alone(fused: bool) -> None:
    out = [item for _, item in played(merge(only_first, increment), [10, 20, 30], fused=fused)[:-1]]
    assert sorted(out) == [10, 11, 21, 31]


def test_a_merge_keeps_what_every_node_must() -> None:
    diary = Diary()

    def made() -> Node[int, Any]:
        return merge(answer("a", [(1, "x"), (1, "y")], diary), answer("b", [(0.7, "x"), (1.6, "y")], diary))

    check_node(made, [1], leftovers=lambda: diary.open)  # of two, the pace of the inputs decides who comes first


# ---- for each item --------------------------------------------------------------------------------------------------


def test_each_item_is_a_run_of_its_own() -> None:
    assert [item for _, item in played(each(total), [1, 2, FAILURE, 3])] == [1, 1, 2, 2, FAILURE, 3, 3, None]
    chain = Graph.linear(answer_in_task("a", [(1, "x"), (1, "y")]))
    assert played(each(chain, name="a"), [1, 2]) == [(1, "a1x"), (2, "a1y"), (3, "a2x"), (4, "a2y"), (4, None)]


@pytest.mark.parametrize("part", [answer_in_task("a", [(1, "x"), (1, "y")]), answer("a", [(1, "x"), (2, "y")])])
def test_each_keeps_what_every_node_must(part: Node[int, Any]) -> None:
    check_node(lambda: each(part), [1, 2])


def test_a_gathering_has_all_of_every_part_once_all_are_done() -> None:
    both = gather(answer("a", [(1, "x"), (1, FAILURE)]), answer("b", [(3, "x")]), answer("c", []))
    assert played(both, [1, 2]) == [
        (3, (("a1x", FAILURE), ("b1x",), ())),
        (6, (("a2x", FAILURE), ("b2x",), ())),
        (6, None),
    ]


def test_a_gathering_keeps_what_every_node_must() -> None:
    diary = Diary()

    def made() -> Node[int, Any]:
        return gather(answer("a", [(1, "x"), (1, "y")], diary), answer("b", [(3, "x")], diary))

    check_node(made, [1, 2], instants=[1, 2], leftovers=lambda: diary.open)


async def test_a_crash_of_one_part_stops_the_others(autojump_clock: object) -> None:
    diary = Diary()

    @node
    async def crashing(source: Source[int], sink: Sink[str]) -> None:
        await trio.sleep(1)
        raise LookupError

    with pytest.raises(LookupError):
        await run(Graph.linear(gather(answer("a", [(9, "x")], diary), crashing)), [1])
    assert diary.lines == [(1, "a aborted")]
