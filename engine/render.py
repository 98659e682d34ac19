"""Graphs and transition tables as Mermaid text. The same input gives the same text, byte for byte."""

from __future__ import annotations

import re
from enum import Enum
from typing import TYPE_CHECKING, Any, TypeVar

from hyperinfer.engine.node import Form
from hyperinfer.engine.ports import type_name

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from hyperinfer.engine.graph import Graph
    from hyperinfer.engine.node import Node

S = TypeVar("S")
E = TypeVar("E")

_SHAPES = {Form.STEP: '("{}")', Form.STAGE: '["{}"]', Form.NODE: '[["{}"]]'}
_WIDEST_TYPE = 32


def _quoted(text: str) -> str:
    return text.replace("&", "#amp;").replace('"', "#quot;").replace("<", "#lt;").replace(">", "#gt;")


def _item_type(expression: Any, aliases: Mapping[str, Any] | None) -> str:
    name = type_name(expression, aliases)
    return _quoted(name if len(name) <= _WIDEST_TYPE else name[: _WIDEST_TYPE - 1] + "…")


def graph_diagram(graph: Graph, aliases: Mapping[str, Any] | None = None) -> str:
    """A Mermaid flowchart of a graph as it is run fused.

    A box is a task. Steps are round, stages square, nodes with a task of their own double-edged. Thin arrows are
    calls; thick ones are channels, with the number of items they hold. A node that another one drives stands beside it,
    with an arrow both ways. `aliases`: names of types that are unions or
    generics, `{"Reply": Reply}`; a type that is too long is cut.
    """
    plan = graph.fused
    ids = {node.name: f"n{index}" for index, node in enumerate(graph.nodes)}
    lines = ["flowchart LR", '    input(["input"])', '    output(["output"])']
    for number, segment in enumerate(plan.segments, 1):
        lines.append(f'    subgraph task{number}["task {number}"]')
        lines += [line for node in segment.nodes for line in _boxes(node, ids[node.name])]
        lines.append("    end")
    entry, exit_ = graph.node(graph.input), graph.node(graph.output)
    lines.append(f'    input -->|"{_item_type(entry.consumes, aliases)}"| {ids[entry.name]}')
    for edge in graph.edges:
        label = _item_type(graph.node(edge.source).produces, aliases)
        arrow = f'==>|"{label} × {edge.capacity}"|' if edge in plan.channels else f'-->|"{label}"|'
        lines.append(f"    {ids[edge.source]} {arrow} {ids[edge.target]}")
    lines.append(f'    {ids[exit_.name]} -->|"{_item_type(exit_.produces, aliases)}"| output')
    return "\n".join(lines) + "\n"


def _boxes(node: Node[Any, Any], id: str) -> list[str]:
    lines = [f"        {id}{_SHAPES[node.form].format(_quoted(node.name))}"]
    if node.inner is not None:
        lines += [*_boxes(node.inner, f"{id}i"), f"        {id} <--> {id}i"]
    return lines


def _state(state: object) -> str:
    return state.name if isinstance(state, Enum) else str(state)


def _event(event: object) -> str:
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
        arrows.setdefault((_state(source), _state(target)), []).append(_event(event))
    names = dict.fromkeys([_state(initial), *(name for pair in arrows for name in pair), *map(_state, final)])
    ids = {name: f"s{index}" for index, name in enumerate(names)}
    if all(re.fullmatch(r"[A-Za-z_]\w*", name) and name.lower() not in ("end", "state", "note") for name in names):
        ids = {name: name for name in names}
    lines = ["stateDiagram-v2"]
    lines += [f'    state "{_quoted(name)}" as {ids[name]}' for name in names if ids[name] != name]
    lines.append(f"    [*] --> {ids[_state(initial)]}")
    for (before, after), events in arrows.items():
        label = re.sub("[:;]", lambda found: f"#{ord(found[0])};", ", ".join(events))
        lines.append(f"    {ids[before]} --> {ids[after]} : {label}")
    lines += [f"    {ids[_state(state)]} --> [*]" for state in final]
    return "\n".join(lines) + "\n"
