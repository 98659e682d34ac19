"""The drawings in `diagrams/`: current, made from what the code goes by, and shown as pictures by a code host."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
import trio

from hyperinfer import nodes
from hyperinfer.api.cli.drawings import DRAWINGS, LAYERS, layers, lifecycle, pages, pipeline, served_graphs, shutdown
from hyperinfer.api.cli.processes import PROCESSES
from hyperinfer.api.edge.settings import EdgeSettings
from hyperinfer.api.gateway import GatewaySettings, open_gateway
from hyperinfer.api.pipelines import STREAM_BUFFER, named_graphs
from hyperinfer.api.shutdown_sequence import FIRST, LAST, SEQUENCE, transitions
from hyperinfer.api.store.remote.bridge import LEAVE_SECONDS
from hyperinfer.api.store.remote.store import CLOSE_SECONDS
from hyperinfer.api.store.writer_client import GOODBYE_SECONDS
from hyperinfer.api.supervisor import KILL_MARGIN
from hyperinfer.engine import Drain, graph_diagram
from hyperinfer.formats.lifecycle import TRANSITIONS, State
from hyperinfer.nodes import Output, Reply
from hyperinfer.nodes.settlement import SETTLE_SECONDS
from tests.project.tree import LAYERS as FOLDERS
from tests.project.tree import ROOT, imports_of, python_files

CHART = re.compile(r"^```mermaid\n(flowchart|stateDiagram-v2)\b.*?^```$", re.DOTALL | re.MULTILINE)


def test_the_pages_are_current() -> None:
    there = {file.name: file.read_text("utf-8") for file in (ROOT / "diagrams").iterdir()}
    assert there == dict(pages()), "run: hyperinfer diagram --write"


@pytest.mark.parametrize("name", DRAWINGS)
def test_each_page_explains_itself_and_has_a_picture(name: str) -> None:
    text = pages()[f"{name}.md"]
    title, explanation = text.split("\n\n")[:2]
    assert title.startswith("# ")
    assert explanation.endswith(".")
    assert text.count("```mermaid") == len(CHART.findall(text)) == len(DRAWINGS[name]().charts)
    assert f"]({name}.md)" in pages()["README.md"]


def test_the_layers_are_those_that_the_imports_make() -> None:
    real: dict[str, set[str]] = {}
    for layer in FOLDERS:
        modules = {
            found.module.split(".")[1] for file in python_files(layer) for found in imports_of(file) if _ours(found.module)
        }
        real[layer] = (modules & set(FOLDERS)) - {layer}
    assert {name: set(layer.uses) for name, layer in LAYERS.items()} == real
    arrows = re.findall(r"^ +(\w+) --> (\w+)$", layers().charts[0].mermaid, re.MULTILINE)
    assert set(arrows) == {(name, used) for name, uses in real.items() for used in uses}


def _ours(module: str) -> bool:
    return module.startswith("hyperinfer.")


def test_the_processes_are_those_that_are_started() -> None:
    drawn = {where for each in PROCESSES.values() for where in each.where}
    started = {
        str(file.relative_to(ROOT)) for file in python_files("api") if 'if __name__ == "__main__"' in file.read_text("utf-8")
    }
    assert drawn == started | {"api/supervisor.py"}, "the supervisor is the command's own process"
    assert {other for each in PROCESSES.values() for other in each.speaks} <= set(PROCESSES)


@pytest.mark.parametrize("name", DRAWINGS)
def test_each_picture_is_a_document_that_says_all_that_its_charts_do(name: str) -> None:
    drawing = DRAWINGS[name]()
    root = ElementTree.fromstring(drawing.picture.svg(drawing.title))
    said = {text.text for text in root.iter("{http://www.w3.org/2000/svg}text")}
    for chart in drawing.charts:
        named = re.findall(r'^ +(?:state |\w+[(\[]+)"(?:<b>)?([\w ,/]+)["<]', chart.mermaid, re.MULTILINE)
        names = named or re.findall(r"^ +(\w+) -->", chart.mermaid, re.MULTILINE)
        assert names
        assert set(names) <= said


async def test_the_pipeline_is_the_one_that_is_served(tmp_path: Path) -> None:
    settings = GatewaySettings(config=None, data=tmp_path, environ={})
    with trio.fail_after(30):
        async with open_gateway(settings, Drain()) as gateway:
            served = named_graphs(gateway.pipelines)
            drawn = {chart.title: chart.mermaid for chart in pipeline().charts}
            names = {"Reply": Reply, "Output": Output}
            assert drawn == {name: graph_diagram(graph, names) for name, graph in served.items()}


def test_the_pipeline_shows_the_channel_and_every_node() -> None:
    charts = {chart.title: chart.mermaid for chart in pipeline().charts}
    assert f"× {STREAM_BUFFER}" in charts["stream"]
    assert "==>" not in charts["whole"]
    for name, graph in served_graphs().items():
        assert all(f'"{node.name}"' in charts[name] for node in graph.nodes)


def test_the_pipeline_names_what_flows() -> None:
    for chart in pipeline().charts:
        labels = re.findall(r'\|"(.*?)"\|', chart.mermaid)
        assert len(labels) == chart.mermaid.count(" -->|") + chart.mermaid.count(" ==>|")
        assert {part for label in labels for part in label.split(" × ")[0].split(" | ")} <= set(nodes.__all__) | {"Failure"}


def test_the_lifecycle_has_every_state_and_event() -> None:
    chart = lifecycle().charts[0].mermaid
    for (state, event), following in TRANSITIONS.items():
        assert re.search(rf"^ +{state.name} --> {following.name} : .*\b{event.__name__}\b", chart, re.MULTILINE)
    assert f"[*] --> {State.START.name}" in chart


def test_the_shutdown_leaves_time_for_the_money() -> None:
    """A settlement that begins when everything is cut may take its whole time, and after it the store its own."""
    edge = EdgeSettings()
    assert edge.settling >= SETTLE_SECONDS
    embedded, shared = GOODBYE_SECONDS, CLOSE_SECONDS + LEAVE_SECONDS
    assert edge.shutdown >= max(embedded, shared) + 1


def test_the_shutdown_has_the_times_of_the_code() -> None:
    edge = EdgeSettings()
    limits = [phase.limit(edge) for phase in SEQUENCE if phase.limit]
    kill = math.ceil(edge.drain_time + KILL_MARGIN)
    cut = edge.grace + edge.settle_margin
    assert limits == [edge.grace, cut, cut + edge.settling, edge.drain_time, kill] == sorted(limits)
    said = re.findall(r"([\d.]+) s after the signal", shutdown().charts[0].mermaid)
    assert sorted(map(float, said)) == limits
    later = [phase.limit(replace(edge, grace=edge.grace + 10)) for phase in SEQUENCE if phase.limit]
    assert [after - before for before, after in zip(limits, later, strict=True)] == [10] * 5


def test_the_shutdown_always_ends() -> None:
    table = transitions(EdgeSettings())
    phases = {phase.name for phase in SEQUENCE}
    assert set(table.values()) <= phases | set(LAST)
    reached, new = set[str](), {FIRST}
    while new:
        reached |= new
        new = {following for (state, _), following in table.items() if state in reached} - reached
    assert reached == phases | set(LAST)
    assert {state for state, _ in table} == phases, "every phase can be left"
