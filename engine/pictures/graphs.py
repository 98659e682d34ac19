"""Graphs of nodes as pictures: a box for each task, its nodes under each other, channels between the boxes."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from hyperinfer.engine.node import Form, Node
from hyperinfer.engine.pictures.drawing import LINE, Picture, arrow, box, num, width_of, words
from hyperinfer.engine.pictures.layered import Arrow, Size, Way, layout
from hyperinfer.engine.render import item_type

if TYPE_CHECKING:
    from hyperinfer.engine.graph import Graph
    from hyperinfer.engine.plan import Segment

HIGH: Final = 30.0
GAP: Final = 34.0
"""Between two nodes, with what travels beside the arrow."""
HEADER: Final = 22.0
PAD: Final = 12.0


@dataclass(frozen=True, slots=True)
class _Block:
    """A part of a picture. `axis`: where arrows come in and go out, from the left; `first`, `last`: from the top, where the
    first node begins and the last one ends."""

    body: tuple[str, ...]
    size: Size
    axis: float
    first: float
    last: float

    def at(self, left: float, top: float) -> tuple[str, ...]:
        return (f'<g transform="translate({num(left)} {num(top)})">', *self.body, "</g>")


def graph_picture(graph: Graph, aliases: Mapping[str, Any] | None = None) -> Picture:
    """A graph as it is run fused, as `graph_diagram` shows it; arguments are the same.

    A box is a task. Steps are round, stages square, nodes with a task of their own double-edged. Thin arrows are calls;
    thick ones are channels, with the number of items they hold. A sub-graph is a dashed box of its name. What a node drives
    stands beside it, with an arrow both ways.
    """
    plan, flat = graph.fused, graph.flat
    given = flat.gives(flat.node(flat.input).consumes)
    blocks: dict[Hashable, _Block] = {"input": _pill("input")}
    for number, segment in enumerate(plan.segments):
        blocks[number] = _task(f"task {number + 1}", segment, {name: item_type(given[name], aliases) for name in given})
    blocks["output"] = _pill("output")
    task = {node.name: number for number, segment in enumerate(plan.segments) for node in segment.nodes}
    arrows: list[tuple[Hashable, Hashable, str, str]] = [
        ("input", plan.first, item_type(flat.node(flat.input).consumes, aliases), "")
    ]
    for edge in plan.channels:
        label = f"{item_type(given[edge.source], aliases)} × {edge.capacity}"
        arrows.append((task[edge.source], task[edge.target], label, "channel"))
    arrows.append((plan.last, "output", item_type(given[flat.output], aliases), ""))
    placed = layout(
        {name: block.size for name, block in blocks.items()},
        [Arrow(source, target, (2 * width_of(label, 0.9) + 16, LINE)) for source, target, label, _ in arrows],
        {name: block.axis for name, block in blocks.items()},
    )
    body = list[str]()
    tops = {name: placed.middles[name][1] - block.size[1] / 2 for name, block in blocks.items()}
    for name, block in blocks.items():
        body += block.at(placed.middles[name][0] - block.axis, tops[name])
    for (source, target, label, look), way in zip(arrows, placed.ways, strict=True):
        begin = (placed.middles[source][0], tops[source] + blocks[source].last)
        end = (placed.middles[target][0], tops[target] + blocks[target].first)
        body += arrow(Way((begin, *way.points, end), way.label, upward=False), look)
        body.append(words((way.label[0] + 8, way.label[1]), label, "soft left"))
    return Picture(tuple(body), placed.size)


def _pill(name: str) -> _Block:
    size = (width_of(name) + 30, HIGH)
    middle = (size[0] / 2, HIGH / 2)
    return _Block((box(middle, size, "plain", HIGH / 2), words(middle, name, "soft")), size, middle[0], 0.0, HIGH)


def _task(title: str, segment: Segment, types: Mapping[str, str]) -> _Block:
    """A task: its nodes, each with what it gives to the next."""
    ways = [node.name.split("/") for node in segment.nodes]
    labels = [types[node.name] for node in segment.nodes[:-1]]
    nodes = [_node(node, way[-1]) for node, way in zip(segment.nodes, ways, strict=True)]
    stack = _stack(nodes, [way[:-1] for way in ways], labels)
    width = max(stack.size[0], stack.axis + 12 + width_of(title, 0.9)) + 2 * PAD
    size = (width, stack.size[1] + HEADER + PAD)
    body = (
        box((size[0] / 2, size[1] / 2), size, "task", 8.0),
        words((width - PAD, HEADER / 2 + 1), title, "soft right"),
        *stack.at(PAD, HEADER + 4),
    )
    return _Block(body, size, stack.axis + PAD, stack.first + HEADER + 4, stack.last + HEADER + 4)


def _stack(blocks: Sequence[_Block], parts: Sequence[Sequence[str]], labels: Sequence[str]) -> _Block:
    """Blocks under each other, with arrows. `parts`: the sub-graphs that each is in, the outermost first; `labels`: of the
    arrows, which may be empty."""
    deepest = max((len(names) for names in parts), default=0)
    axis = max(block.axis for block in blocks) + deepest * PAD
    wide = max(
        *(block.size[0] - block.axis + deepest * PAD for block in blocks),
        *(width_of(label, 0.9) + 10 for label in labels),
        *(width_of(name, 0.9) + PAD - axis for names in parts for name in names),
        0.0,
    )
    body, open_, top, last = list[str](), list[tuple[str, float]](), 0.0, 0.0
    first, dashed = 0.0, list[str]()

    def close(keep: int) -> None:
        nonlocal top
        while len(open_) > keep:
            name, began = open_.pop()
            top += PAD * 0.7
            inset = len(open_) * PAD
            size = (axis + wide - 2 * inset, top - began)
            dashed.append(box((inset + size[0] / 2, began + size[1] / 2), size, "part", 6.0))
            dashed.append(words((inset + 8, began + 11), name, "soft left"))

    for number, (block, names) in enumerate(zip(blocks, parts, strict=True)):
        shared = 0
        while shared < min(len(open_), len(names)) and open_[shared][0] == names[shared]:
            shared += 1
        close(shared)
        beside = top + GAP / 2  # below what the node before drives
        top += (GAP if labels[number - 1] else GAP * 0.55) if number else 0.0
        for name in names[shared:]:
            open_.append((name, top))
            top += HEADER
        if number:
            way = Way(((axis, last), (axis, top + block.first)), (0.0, 0.0), upward=False)
            body += arrow(way)
            body.append(words((axis + 8, beside), labels[number - 1], "soft left"))
        else:
            first = top + block.first
        body += block.at(axis - block.axis, top)
        last = top + block.last
        top += block.size[1]
    close(0)
    return _Block((*dashed, *body), (axis + wide, top), axis, first, last)


def _node(node: Node[Any, Any], name: str) -> _Block:
    """A node, with what it drives at its right."""
    own = (max(width_of(name) + 26, 74.0), HIGH)
    inner = [_inner(part) for part in node.inner]
    tall = max(HIGH, sum(block.size[1] for block in inner) + PAD * (len(inner) - 1))
    middle = (own[0] / 2, tall / 2)
    body = [box(middle, own, "node", {Form.STEP: HIGH / 2}.get(node.form, 3.0)), words(middle, name)]
    if node.form is Form.NODE:
        body.insert(1, box(middle, (own[0] - 7, own[1] - 7), "inner", 2.0))
    left, top = own[0] + 38.0, (tall - sum(block.size[1] for block in inner) - PAD * (len(inner) - 1)) / 2
    for block in inner:
        body += block.at(left, top)
        body.append(_across((own[0], middle[1]), (left, top + block.size[1] / 2)))
        top += block.size[1] + PAD
    width = own[0] if not inner else left + max(block.size[0] for block in inner)
    return _Block(tuple(body), (width, tall), middle[0], middle[1] - HIGH / 2, middle[1] + HIGH / 2)


def _inner(part: Node[Any, Any] | Graph) -> _Block:
    """What a node drives: a node, or a graph as a box, without the tasks that it is run in."""
    if isinstance(part, Node) and part.form is not Form.GRAPH:
        return _node(part, part.name)
    graph: Graph = part.work if isinstance(part, Node) else part
    nodes = [graph.node(name) for name in graph.order]
    stack = _stack([_inner(node) for node in nodes], [()] * len(nodes), [""] * (len(nodes) - 1))
    title = part.name if isinstance(part, Node) else ""
    top = HEADER if title else PAD
    size = (max(stack.size[0], width_of(title, 0.9)) + 2 * PAD, stack.size[1] + top + PAD)
    body = [box((size[0] / 2, size[1] / 2), size, "part", 6.0), *stack.at(PAD, top)]
    if title:
        body.append(words((8, 11), title, "soft left"))
    return _Block(tuple(body), size, stack.axis + PAD, stack.first + top, stack.last + top)


def _across(start: tuple[float, float], end: tuple[float, float]) -> str:
    """A short line with a head at either end, from left to right."""
    (x, y), (right, down) = start, end
    half = (x + right) / 2
    line = f"M{num(x + 3)} {num(y)}C{num(half)} {num(y)} {num(half)} {num(down)} {num(right - 3)} {num(down)}"
    heads = f"M{num(x)} {num(y)}l8 -4v8Z M{num(right)} {num(down)}l-8 -4v8Z"
    return f'<path d="{line}"/><path class="head" d="{heads}"/>'
