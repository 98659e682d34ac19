"""The code of custom nodes: everything that can be wrong with it is told at once, with its line and what to do."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from hyperinfer.api.catalogue_file import CatalogueFile
from hyperinfer.api.custom_nodes import places
from hyperinfer.api.custom_nodes.checking import load_nodes, try_runs
from hyperinfer.engine import Failure, Node
from hyperinfer.engine.ports import fits
from hyperinfer.providers.catalogue import CatalogueErrors, Problem, load
from tests.api.custom_nodes import nodes
from tests.support.bench import bench
from tests.support.plugin_package import installed

HERE = "tests.api.custom_nodes.nodes"

MANY = f"""\
pipeline:
  - {{node: "{HERE}:redact", after: decode, options: {{wrd: x}}}}
  - {{node: "{HERE}:redact", before: call, options: {{word: x}}}}
  - {{node: "{HERE}:redacted", before: route}}
  - {{node: "{HERE}:numbers", after: meter}}
  - {{node: "{HERE}:shout", name: a, after: call}}
  - {{node: "{HERE}:shout", name: b, before: decode}}
  - {{node: "{HERE}:shout", name: c, after: encode}}
  - {{node: "{HERE}:shout", name: d, after: settle}}
  - {{node: "{HERE}:shout", name: e, before: meter}}
  - {{node: "{HERE}:shout", name: f, before: redact}}
  - {{node: "{HERE}:shout", before: encode, name: meter}}
  - {{node: "{HERE}:shout", before: encode, deadline: 3}}
  - {{node: "{HERE}:shout", before: encode, options: {{a: 1}}}}
  - {{node: "{HERE}:shout", before: encode}}
  - {{node: "{HERE}:broken_factory", after: decode, options: {{token: "${{TOKEN}}"}}}}
  - {{node: "{HERE}:no_node", after: decode, options: {{word: x}}}}
  - {{node: "{HERE}:plain", after: decode}}
  - {{node: "{HERE}:Wait", after: decode}}
  - {{node: "{HERE}:HERE", after: decode}}
  - {{node: "{HERE}.more:x", after: decode}}
  - {{node: "no_such_package.nodes:x", after: decode}}
  - {{node: "not a name", after: decode}}
  - {{node: "a:b:c", after: decode}}
  - {{node: "os:path", after: decode}}
  - {{node: "{HERE}:shout", name: g, after: redact}}
"""

EXPECTED = f"""\
2: [0].options.wrd: redact() takes no such option; it takes word, mask; did you mean word?
2: [0].options: missing word, which redact() needs
3: [1].before: redact.in expects Asked, admit.out gives Planned; a node between admit and call takes Planned and \
gives Planned
4: [2].node: {HERE} has no 'redacted'; did you mean redact?
5: [3].after: numbers.in expects int, meter.out gives Reply | Failure; a node between meter and encode takes Reply and \
gives Reply
6: [4].after: nothing can stand after call: the meter must count what the provider sent; put it after meter
7: [5].before: nothing can stand before decode: a request is bytes there that nobody has read; put it after decode
8: [6].after: nothing can stand after encode: the last bytes wait there for the settlement; put it before encode
9: [7].after: nothing can stand after settle: the client has the end of its response there; put it before encode
10: [8].before: nothing can stand before meter: the meter must count what the provider sent; put it after meter
11: [9].before: the gateway has no node 'redact'; before one of route, admit, call, encode
12: [10].name: the name 'meter' is that of a node of the gateway; give another with name
13: [11].deadline: shout is a step: it does not wait, so nothing cuts it
14: [12].options: {HERE}:shout is a node and takes no options; name a function that makes one
15: [13].node: the name 'shout' is also that of the node on line 13; give another with name
16: [14].node: broken_factory() raised ValueError: … is no good (FILE)
17: [15].node: no_node() gave str and no node; nodes are made with step, stage, timed or node of hyperinfer.engine
18: [16].options: missing item, which plain() needs; or is it the work of a node? Then make a node of it, as with the \
decorator step
19: [17].node: {HERE}:Wait is a class of stages, no node and no function that makes one; nodes are made with step, stage, \
timed or node of hyperinfer.engine
20: [18].node: {HERE} has no 'HERE'
21: [19].node: there is no module {HERE}.more; install the package that has it into the gateway's Python, or name its \
folder in PYTHONPATH
22: [20].node: there is no module no_such_package; install the package that has it into the gateway's Python, or name its \
folder in PYTHONPATH
23: [21].node: no installed package has an entry point 'not a name' in the group hyperinfer.nodes (none has any); install \
the package, or write module:attribute
24: [22].node: expected module:attribute, or the name of an entry point, got 'a:b:c'
25: [23].node: os:path is of type module, no node and no function that makes one; nodes are made with step, stage, timed or \
node of hyperinfer.engine
26: [24].after: the gateway has no node 'redact'; after one of decode, route, admit, meter
"""


def problems(text: str, environ: dict[str, str] | None = None) -> list[str]:
    """As an operator reads them, without what is the same in all."""
    with pytest.raises(CatalogueErrors) as caught:
        load_nodes(load(text, environ or {}).pipeline)
    found = [str(each).removeprefix("providers.yaml:").replace(": pipeline[", ": [") for each in caught.value.problems]
    return [re.sub(r"\(/.*\.py:\d+\)", "(FILE)", each) for each in found]


def test_all_that_is_wrong_is_told_at_once() -> None:
    assert problems(MANY, {"TOKEN": "sk-secret"}) == EXPECTED.splitlines()


def test_neighbours_of_one_place_must_fit_each_other() -> None:
    text = f"""
pipeline:
  - {{node: "{HERE}:counted", after: meter}}
  - {{node: "{HERE}:shown", before: encode}}
"""
    (first, second) = load_nodes(load(text, {}).pipeline)
    assert (first.node.produces, second.node.consumes) == (int, int)
    last, first_alone = text.splitlines(), text.splitlines()
    assert problems("\n".join(last[:3])) == [
        "3: [0].after: encode.in expects Reply | Failure, counted.out gives int; a node between meter and encode takes Reply"
        " and gives Reply"
    ]
    assert problems("\n".join([*first_alone[:2], last[3], last[2]])) == [
        "3: [0].before: shown.in expects int, meter.out gives Reply | Failure; a node between meter and encode takes Reply"
        " and gives Reply",
        "4: [1].after: encode.in expects Reply | Failure, counted.out gives int; a node between meter and encode takes Reply"
        " and gives Reply",
    ]


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("import no_such_thing", "importing broken raised ModuleNotFoundError: No module named 'no_such_thing' (FILE)"),
        ("def x(:", "importing broken raised SyntaxError: invalid syntax (broken.py, line 1)"),
        ("import sys; sys.exit(3)", "importing broken raised SystemExit: 3 (FILE)"),
        (
            "from hyperinfer.engine import step\n@step\ndef x(item):\n    return item\n",
            "importing broken raised TypeError: x: unknown what it consumes; annotate it or give consumes= (FILE)",
        ),
    ],
)
def test_what_a_module_raises_is_told(code: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken.py").write_text(code)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    assert problems('pipeline: [{node: "broken:x", after: decode}]') == [f"1: [0].node: {told}"]
    assert "broken" not in sys.modules, "it is tried again at the next reload"


def test_a_short_name_is_an_entry_point(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed(tmp_path, "acme", "1.5", {"shout": f"{HERE}:shout", "hide": f"{HERE}:redact [extra]", "both": f"{HERE}:shout"})
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    text = "pipeline: [{node: shout, after: meter}, {node: hide, before: route, options: {word: x}}]"
    shout, hide = load_nodes(load(text, {}).pipeline)
    assert (shout.node, shout.origin) == (nodes.shout, "acme 1.5")
    assert (hide.node.name, hide.origin) == ("redact", "acme 1.5")
    assert problems("pipeline: [{node: shuot, after: meter}]") == [
        "1: [0].node: no installed package has an entry point 'shuot' in the group hyperinfer.nodes (those that there are:"
        " both, hide, shout; did you mean shout?); install the package, or write module:attribute"
    ]
    installed(tmp_path, "other", "1.5", {"shout": "other:shout", "both": f"{HERE}:shout"})
    assert problems("pipeline: [{node: shout, after: meter}]") == [
        f"1: [0].node: several packages have a node 'shout': write one of other:shout, {HERE}:shout"
    ]
    assert load_nodes(load("pipeline: [{node: both, after: meter}]", {}).pipeline)[0].node is nodes.shout


async def test_a_run_has_objects_of_its_own() -> None:
    text = f"""
pipeline:
  - {{node: "{HERE}:one_for_all", after: meter}}
  - {{node: "{HERE}:needs_more", after: meter}}
  - {{node: "{HERE}:count_bursts", after: meter}}
  - {{node: "{HERE}:wait", after: meter, options: {{seconds: 1, item: Reply}}}}
"""
    with pytest.raises(CatalogueErrors) as caught:
        try_runs(load_nodes(load(text, {}).pipeline))
    first, second = [re.sub(r"\(/.*\.py:\d+\)", "(FILE)", str(each)) for each in caught.value.problems]
    assert first == (
        "providers.yaml:3: pipeline[0].node: one_for_all has one object for all runs, so requests would see each other's"
        " state; make a new one for each"
    )
    assert second.startswith(
        "providers.yaml:4: pipeline[1].node: making the object of a run of needs_more raised TypeError: NeedsMore.__init__()"
    )


async def test_the_places_are_those_of_the_graphs() -> None:
    """What a place is said to carry, and its neighbours, are what the hosted graphs have."""
    async with bench() as gateway:
        for graph in (gateway.pipelines.stream, gateway.pipelines.whole):
            joined = {(edge.source, edge.target) for edge in graph.edges}
            spoken_of = {(place.after, place.before) for place in (*places.PLACES, *places.CLOSED)}
            assert joined == {pair for pair in spoken_of if all(pair)}, "every edge is open or closed"
            assert {graph.input, graph.output} == {pair[0] or pair[1] for pair in spoken_of if not all(pair)}
            assert {node.name for node in graph.nodes} <= places.OWN_NAMES
            for place in places.PLACES:
                assert graph.node(place.before).consumes == place.carries
                assert fits(graph.node(place.after).produces, place.carries, beside=Failure)
        assert {node.name for node in gateway.pipelines.count.nodes} <= places.OWN_NAMES
        tool_loop = gateway.pipelines.stream.node("tool_loop")
        assert [each.name for each in tool_loop.inner if isinstance(each, Node)] == ["call"]


def test_problems_of_the_file_and_of_the_code_come_together() -> None:
    text = f'limits: {{burst: x}}\npipeline:\n  - {{node: "{HERE}:nothing", after: decode, buffer: 99}}\ndemo: 3\n'
    asked: list[str] = []

    def check(given: str, name: str) -> list[Problem]:
        asked.append(given)
        return [Problem(name, 3, "pipeline[0].node", "has no 'nothing'")]

    with pytest.raises(CatalogueErrors) as caught:
        CatalogueFile(None, {}, text, check)
    assert [(each.line, each.path) for each in caught.value.problems] == [
        (1, "limits.burst"),
        (3, "pipeline[0].buffer"),
        (3, "pipeline[0].node"),
        (4, "demo"),
    ]
    assert asked == [text]
    assert CatalogueFile(None, {}, "limits: {}", check).text == "limits: {}"
    assert asked == [text], "nobody looks where there are no nodes"
