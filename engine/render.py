"""Graphs and transition tables as Mermaid text. The same input gives the same text, byte for byte."""

from __future__ import annotations

import re
from enum import Enum
from itertools import count, groupby
from typing import TYPE_CHECKING, Any, TypeVar

from hyperinfer.engine.node import Form, Node
from hyperinfer.engine.type_names import known_name, type_name

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from hyperinfer.engine.graph import Graph

S = TypeVar("S")
E = TypeVar("E")

_SHAPES = {Form.STEP: '("{}")', Form.STAGE: '["{}"]', Form.NODE: '[["{}"]]'}
_WIDEST_TYPE = 32


def _quoted(text: str) -> str:
    return text.replace("&", "#amp;").replace('"', "#quot;").replace("<", "#lt;").replace(">", "#gt;")


def item_type(expression: Any, aliases: Mapping[str, Any] | None) -> str:
    """The type of an item as pictures name it."""
    name = known_name(expression) if aliases is None else type_name(expression, aliases)
    return name if len(name) <= _WIDEST_TYPE else name[: _WIDEST_TYPE - 1] + "…"


def _item_type(expression: Any, aliases: Mapping[str, Any] | None) -> str:
    return _quoted(item_type(expression, aliases))


def graph_diagram(graph: Graph, aliases: Mapping[str, Any] | None = None) -> str:
    """A Mermaid flowchart of a graph as it is run fused.

    A box is a task. Steps are round, stages square, nodes with a task of their own double-edged. Thin arrows are
    calls; thick ones are channels, with the number of items they hold. A sub-graph is a box of its name, in each task that
    has a part of it. What a node drives stands beside it, with an arrow both ways. Types that are unions or generics have
    the names that their modules give them, or `aliases` does: `{"Reply": Reply}`. What is too long is cut.
    """
    plan, graph = graph.fused, graph.flat
    entry, exit_ = graph.node(graph.input), graph.node(graph.output)
    given = graph.gives(entry.consumes)
    ids = {node.name: f"n{index}" for index, node in enumerate(graph.nodes)}
    boxes = count(1)
    lines = ["flowchart LR", '    input(["input"])', '    output(["output"])']
    for number, segment in enumerate(plan.segments, 1):
        lines.append(f'    subgraph task{number}["task {number}"]')
        lines += _nested([(node.name.split("/"), node) for node in segment.nodes], ids, "        ", boxes)
        lines.append("    end")
    lines.append(f'    input -->|"{_item_type(entry.consumes, aliases)}"| {ids[entry.name]}')
    for edge in graph.edges:
        label = _item_type(given[edge.source], aliases)
        arrow = f'==>|"{label} × {edge.capacity}"|' if edge in plan.channels else f'-->|"{label}"|'
        lines.append(f"    {ids[edge.source]} {arrow} {ids[edge.target]}")
    lines.append(f'    {ids[exit_.name]} -->|"{_item_type(given[exit_.name], aliases)}"| output')
    return "\n".join(lines) + "\n"


def _nested(
    nodes: Iterable[tuple[list[str], Node[Any, Any]]], ids: Mapping[str, str], indent: str, boxes: Iterator[int]
) -> list[str]:
    """Nodes in a row, each with its way through the sub-graphs."""
    lines = list[str]()
    for box, members in groupby(nodes, lambda each: each[0][0] if len(each[0]) > 1 else None):
        if box is None:
            for (name,), node in members:
                lines += _boxes(node, name, ids[node.name], indent)
            continue
        lines.append(f'{indent}subgraph part{next(boxes)}["{_quoted(box)}"]')
        lines += _nested([(way[1:], node) for way, node in members], ids, indent + "    ", boxes)
        lines.append(f"{indent}end")
    return lines


def _boxes(node: Node[Any, Any], name: str, id: str, indent: str) -> list[str]:
    lines = [f"{indent}{id}{_SHAPES[node.form].format(_quoted(name))}"]
    for place, part in enumerate(node.inner, 1):
        inside = f"{id}i{place if len(node.inner) > 1 else ''}"
        lines += [*_part(part, inside, indent), f"{indent}{id} <--> {inside}"]
    return lines


def _part(part: Node[Any, Any] | Graph, id: str, indent: str) -> list[str]:
    """What a node drives: a node, or a graph as a box, without the tasks that it is run in."""
    if isinstance(part, Node) and part.form is not Form.GRAPH:
        return _boxes(part, part.name, id, indent)
    graph: Graph = part.work if isinstance(part, Node) else part
    ids = {node.name: f"{id}n{index}" for index, node in enumerate(graph.nodes)}
    lines = [f'{indent}subgraph {id}["{_quoted(part.name) if isinstance(part, Node) else " "}"]']
    for node in graph.nodes:
        lines += _part(node, ids[node.name], indent + "    ")
    lines += [f"{indent}    {ids[edge.source]} --> {ids[edge.target]}" for edge in graph.edges]
    return [*lines, f"{indent}end"]


def state_name(state: object) -> str:
    """A state as pictures name it."""
    return state.name if isinstance(state, Enum) else str(state)


def event_name(event: object) -> str:
    """An event as pictures name it."""
    if isinstance(event, Enum):
        return event.name
    return event.__name__ if isinstance(event, type) else str(event)


def state_diagram(table: Mapping[tuple[S, E], S], *, initial: S, final: Collection[S] = ()) -> str:
    """A Mermaid state diagram of a transition table `{(state, event): next state}`.

    States are strings or members of an Enum (shown by name), events strings, Enum members or classes. Lines come in
    the order of the table; events that lead from one state to the same next one share a line.
    """
    arrows: dict[tuple[str, str], list[str]] = {}
    for (source, event), target in table.items():
        arrows.setdefault((state_name(source), state_name(target)), []).append(event_name(event))
    names = dict.fromkeys([state_name(initial), *(name for pair in arrows for name in pair), *map(state_name, final)])
    ids = {name: f"s{index}" for index, name in enumerate(names)}
    if all(re.fullmatch(r"[A-Za-z_]\w*", name) and name.lower() not in ("end", "state", "note") for name in names):
        ids = {name: name for name in names}
    lines = ["stateDiagram-v2"]
    lines += [f'    state "{_quoted(name)}" as {ids[name]}' for name in names if ids[name] != name]
    lines.append(f"    [*] --> {ids[state_name(initial)]}")
    for (before, after), events in arrows.items():
        label = re.sub("[:;]", lambda found: f"#{ord(found[0])};", ", ".join(events))
        lines.append(f"    {ids[before]} --> {ids[after]} : {label}")
    lines += [f"    {ids[state_name(state)]} --> [*]" for state in final]
    return "\n".join(lines) + "\n"
