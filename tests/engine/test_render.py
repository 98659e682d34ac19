"""Graphs and tables as Mermaid text, to the letter."""

from __future__ import annotations

from enum import Enum, auto
from functools import partial
from typing import Any

from hyperinfer.engine import Edge, Failure, Graph, Sink, Source, Stage, graph_diagram, node, stage, state_diagram, step


class Burst: ...


@step
def decode(item: bytes) -> Burst:
    return Burst()


def same(item: Any) -> Any:
    return item


class Call(Stage[Burst, Burst]):
    async def receive(self, item: Burst, sink: Sink[Burst]) -> None: ...


@node
async def keep_alive(source: Source[Burst], sink: Sink[Burst]) -> None: ...


def test_a_graph_is_drawn_as_it_runs() -> None:
    encode: Any = step(same, name='encode "x"', consumes=Burst, produces=dict[str, tuple[Burst, ...]])
    graph = Graph.linear(decode, stage(Call), keep_alive, encode, buffers={"keep_alive": 4})
    assert graph_diagram(graph) == (
        "flowchart LR\n"
        '    input(["input"])\n'
        '    output(["output"])\n'
        '    subgraph task1["task 1"]\n'
        '        n0("decode")\n'
        '        n1["call"]\n'
        "    end\n"
        '    subgraph task2["task 2"]\n'
        '        n2[["keep_alive"]]\n'
        '        n3("encode #quot;x#quot;")\n'
        "    end\n"
        '    input -->|"bytes"| n0\n'
        '    n0 -->|"Burst"| n1\n'
        '    n1 ==>|"Burst × 4"| n2\n'
        '    n2 -->|"Burst"| n3\n'
        '    n3 -->|"dict[str, tuple[Burst, ...]]"| output\n'
    )


def test_branches_are_channels_also_without_a_buffer() -> None:
    one = partial(stage, Call)
    names = ("a", "b", "c", "d")
    nodes = tuple(one(name=name) for name in names)
    edges = (Edge("a", "b"), Edge("a", "c", 2), Edge("b", "d"), Edge("c", "d"))
    text = graph_diagram(Graph(nodes, edges, "a", "d"))
    assert '    n0 ==>|"Burst × 0"| n1\n    n0 ==>|"Burst × 2"| n2\n' in text
    assert text.count("subgraph") == 4


def test_long_types_are_cut() -> None:
    wide: Any = step(same, name="wide", consumes=dict[str, dict[str, dict[str, dict[str, int]]]], produces=int)
    assert '    input -->|"dict[str, dict[str, dict[str, d…"| n0\n' in graph_diagram(Graph.linear(wide))


class State(Enum):
    IDLE = auto()
    BUSY = auto()
    DONE = auto()


class Opened: ...


class Closed: ...


def test_a_transition_table_of_enums_and_classes() -> None:
    table: dict[tuple[State, type], State] = {
        (State.IDLE, Opened): State.BUSY,
        (State.BUSY, Opened): State.BUSY,
        (State.BUSY, Closed): State.DONE,
        (State.IDLE, Closed): State.DONE,
    }
    assert state_diagram(table, initial=State.IDLE, final=[State.DONE]) == (
        "stateDiagram-v2\n"
        "    [*] --> IDLE\n"
        "    IDLE --> BUSY : Opened\n"
        "    BUSY --> BUSY : Opened\n"
        "    BUSY --> DONE : Closed\n"
        "    IDLE --> DONE : Closed\n"
        "    DONE --> [*]\n"
    )


def test_events_that_lead_the_same_way_share_a_line_and_odd_names_are_quoted() -> None:
    table = {("start", "a"): "the end", ("start", "b:c"): "the end"}
    assert state_diagram(table, initial="start") == (
        'stateDiagram-v2\n    state "start" as s0\n    state "the end" as s1\n    [*] --> s0\n    s0 --> s1 : a, b#58;c\n'
    )


def test_types_without_a_name_of_their_own_are_named_by_aliases() -> None:
    items = tuple[Burst, ...]
    reply = items | int
    both: Any = step(same, name="both", consumes=int | Failure | items, produces=list[items])
    chart = graph_diagram(Graph.linear(both), {"Reply": reply, "Items": items})
    assert 'input -->|"Reply | Failure"| n0' in chart
    assert 'n0 -->|"list[Items]"| output' in chart


def test_several_aliases_in_one_union() -> None:
    both: Any = step(same, name="both", consumes=int | str | bytes | None, produces=int)
    chart = graph_diagram(Graph.linear(both), {"Number": int | None, "Words": str | bytes})
    assert 'input -->|"Number | Words"| n0' in chart
    assert 'n0 -->|"int"| output' in chart
