"""Pictures of graphs, tables and boxes: all is in them, nothing lies on anything else, and the same comes out again."""

from __future__ import annotations

import re
from collections.abc import Hashable
from enum import Enum
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperinfer.engine import Failure, Graph, Sink, Source, gather, merge, node, race, step, subgraph, tee
from hyperinfer.engine.pictures import Picture, beside, box_picture, graph_picture, state_picture
from hyperinfer.engine.pictures.drawing import size_of, width_of
from hyperinfer.engine.pictures.layered import APART, Arrow, Layout, layout


@step
def tidy(item: str) -> str:
    return item


@step
def louder(item: str) -> str:
    return item


@step
def longest(item: tuple[tuple[str | Failure, ...], ...]) -> str:
    return str(item)


@node
async def own(source: Source[str], sink: Sink[str]) -> None:
    async for item in source:
        await sink.send(item)


class Looker:
    async def send(self, item: object) -> None: ...


GRAPHS: dict[str, Graph] = {
    "one": Graph.linear(tidy),
    "buffered": Graph.linear(tidy, louder, buffers={"louder": 4}),
    "own": Graph.linear(tidy, own, louder),
    "raced": Graph.linear(tidy, race(louder, own)),
    "both": Graph.linear(tidy, merge(louder, own)),
    "judged": Graph.linear(tidy, gather(louder, Graph.linear(own, louder)), longest),
    "watched": Graph.linear(tidy, tee(Looker(), slow="drop"), louder),
    "nested": Graph.linear(tidy, subgraph(Graph.linear(louder, own), name="kind")),
}


def words_of(picture: Picture) -> list[str]:
    """All that is written, and that the document is one."""
    root = ElementTree.fromstring(picture.svg("What it is, <for> you & me"))
    assert root[0].text == "What it is, <for> you & me"
    return [text.text or "" for text in root.iter("{http://www.w3.org/2000/svg}text")]


@pytest.mark.parametrize("name", GRAPHS)
def test_every_node_and_task_is_there(name: str) -> None:
    graph = GRAPHS[name]
    picture = graph_picture(graph)
    written = words_of(picture)
    assert {"input", "output", *(f"task {number + 1}" for number in range(len(graph.fused.segments)))} <= set(written)
    for each in graph.flat.nodes:
        assert each.name.split("/")[-1] in written
    assert picture == graph_picture(graph)
    channels = [line for line in picture.body if 'class="channel"' in line]
    assert len(channels) == len(graph.fused.channels)


def test_types_may_be_given_names() -> None:
    assert "Both" in words_of(
        graph_picture(Graph.linear(tidy, gather(louder), longest), {"Both": tuple[tuple[str | Failure, ...], ...]})
    )


class Light(Enum):
    RED = "red"
    GREEN = "green"
    DARK = "dark"


def test_a_table() -> None:
    table = {
        (Light.RED, "go"): Light.GREEN,
        (Light.GREEN, "stop"): Light.RED,
        (Light.RED, "wait"): Light.RED,
        (Light.GREEN, "cut"): Light.DARK,
    }
    picture = state_picture(table, initial=Light.RED, final=(Light.DARK,))
    assert {"RED", "GREEN", "DARK", "wait", "↓ go", "↑ stop", "cut"} <= set(words_of(picture))
    assert "any state" not in words_of(picture)


def test_what_every_state_leads_to_is_one_arrow() -> None:
    table = {(name, "fail"): "broken" for name in ("a", "b", "c", "d")}
    table |= {("a", "x"): "b", ("b", "x"): "c", ("c", "x"): "d"}
    written = words_of(state_picture(table, initial="a", final=("broken",)))
    assert written.count("fail") == 1
    assert "any state" in written
    del table["d", "fail"]
    assert words_of(state_picture(table, initial="a", final=("broken",))).count("fail") == 3


def test_boxes_and_several_pictures() -> None:
    one = box_picture({"api": ["all of it"], "engine": []}, [("api", "engine")])
    both = beside([("first", one), ("", one)])
    assert words_of(both) == ["first", *["api", "all of it", "engine"] * 2]
    assert both.size[0] > 2 * one.size[0]


def test_light_and_dark_have_the_same_colours_to_choose() -> None:
    svg = box_picture({"a": []}, []).svg("a")
    light, dark = svg.split("@media (prefers-color-scheme: dark)")
    names = set(re.findall(r"(--\w+):", light))
    assert names == set(re.findall(r"(--\w+):", dark.partition("} }")[0]))
    assert set(re.findall(r"var\((--\w+)\)", svg)) == names
    assert "http" not in svg.replace("http://www.w3.org/2000/svg", "")


def test_the_width_of_words_is_not_too_small() -> None:
    assert width_of("Planned | Failure") > width_of("Planned")
    assert size_of(["", ""]) == (0.0, 0.0)


names = st.integers(0, 8)


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(names, st.tuples(st.floats(20, 200), st.floats(10, 60)), min_size=1),
    st.lists(st.tuples(names, names, st.tuples(st.floats(0, 120), st.floats(0, 30))), max_size=14),
)
def test_nothing_lies_on_anything_else(boxes: dict[Hashable, Any], ends: list[Any]) -> None:
    arrows = [Arrow(*each) for each in ends if each[0] != each[1] and {each[0], each[1]} <= boxes.keys()]
    placed = layout(boxes, arrows)
    assert placed == layout(boxes, arrows)
    inside(placed, boxes)
    edges = {name: around(placed.middles[name], size) for name, size in boxes.items()}
    labels = [around(way.label, arrow.label) for way, arrow in zip(placed.ways, arrows, strict=True) if all(arrow.label)]
    every = [*edges.values(), *labels]
    for number, one in enumerate(every):
        assert not any(overlap(one, other) for other in every[:number])
    for way, arrow in zip(placed.ways, arrows, strict=True):
        heights = [y for _, y in way.points]
        assert heights == sorted(heights)
        top, bottom = (arrow.target, arrow.source) if way.upward else (arrow.source, arrow.target)
        assert on_edge(way.points[0], edges[top], 3)
        assert on_edge(way.points[-1], edges[bottom], 1)


def around(middle: tuple[float, float], size: tuple[float, float]) -> tuple[float, float, float, float]:
    """Left, top, right, bottom."""
    return middle[0] - size[0] / 2, middle[1] - size[1] / 2, middle[0] + size[0] / 2, middle[1] + size[1] / 2


def overlap(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    near = 1e-6
    return all(one[side] < other[side + 2] - near and other[side] < one[side + 2] - near for side in (0, 1))


def inside(placed: Layout, boxes: dict[Hashable, Any]) -> None:
    for name, size in boxes.items():
        left, top, right, bottom = around(placed.middles[name], size)
        assert min(left, top) >= -1e-6
        assert right <= placed.size[0] + 1e-6
        assert bottom <= placed.size[1] + 1e-6


def on_edge(point: tuple[float, float], edges: tuple[float, ...], side: int) -> bool:
    return abs(point[1] - edges[side]) < 1e-6 and edges[0] <= point[0] <= edges[2]


def test_a_way_without_a_bend_is_straight() -> None:
    placed = layout({"a": (50, 20), "b": (90, 20), "c": (20, 20)}, [Arrow("a", "b"), Arrow("b", "c")])
    assert len({x for x, _ in placed.middles.values()}) == 1
    apart = layout({"a": (50, 20), "b": (90, 20)}, [])
    assert apart.size[0] == 50 + 90 + APART
