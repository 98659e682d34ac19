"""Laws: whatever an API answers and whatever a model writes, a tool gives an outcome that can be told."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperinfer.nodes.tools import images_api as api
from hyperinfer.nodes.tools.datetime_now import DatetimeTool
from hyperinfer.nodes.tools.image import ImageTool
from hyperinfer.nodes.tools.web_search import ENGINES, WebSearchTool
from hyperinfer.providers.catalogue_records import Tool
from hyperinfer.providers.egress import Egress
from tests.support.upstreams import Script, ScriptedTransport

if TYPE_CHECKING:
    from hyperinfer.formats.server_tools import ToolOutcome
    from hyperinfer.nodes.tools.port import ServerTool

FIELDS: Final = (
    *("results", "web", "type", "url", "title", "description", "content", "highlights", "text", "page_age", "data"),
    *("published_date", "publishedDate", "extra_snippets", "unresponsive_engines", "b64_json", "revised_prompt"),
)
WORDS: Final = ("search", "https://a.example/b", "http://[", "2026-01-01", "Thu, 1 Jan", "&lt;b&gt;", "iVBORw0KGgo=", "")
ARGUMENTS: Final = ("query", "count", "freshness", "domains", "prompt", "size", "quality", "background", "timezone")

NONE: Final[dict[str, Any]] = {}
texts = st.sampled_from(WORDS) | st.text(max_size=20)
leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts


def objects(names: tuple[str, ...]) -> st.SearchStrategy[Any]:
    return st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(names), inner, max_size=6),
        max_leaves=30,
    )


def told(outcome: ToolOutcome) -> None:
    assert outcome.text
    assert outcome.summary
    assert "\n" not in outcome.summary
    assert outcome.calls == (outcome.error is None)
    json.dumps([outcome.text, outcome.summary]).encode()
    outcome.text.encode()
    outcome.summary.encode()


def searching(kind: str, answer: Any) -> ServerTool:
    script = Script([(0.0, json.dumps(answer).encode())], headers={})
    return WebSearchTool(Tool("web_search", kind, "http://a"), ScriptedTransport(script, script), now=lambda: 0.0)


@pytest.mark.parametrize("kind", ENGINES)
@given(
    answer=objects(FIELDS), items=st.lists(st.dictionaries(st.sampled_from(FIELDS), leaves | objects(FIELDS)), max_size=4)
)
@settings(max_examples=25, deadline=None)
def test_answers_of_searches(kind: str, answer: Any, items: list[Any]) -> None:
    for each in (answer, {"type": "search", "results": items, "web": {"results": items}}):
        told(trio.run(searching(kind, each).run, {"query": "a"}, NONE))


@given(arguments=st.dictionaries(st.sampled_from(ARGUMENTS), leaves | objects(ARGUMENTS)))
@settings(max_examples=50, deadline=None)
def test_arguments(arguments: dict[str, Any]) -> None:
    image = Script([(0.0, json.dumps({"data": [{"b64_json": "iVBORw0KGgo="}]}).encode())], headers={})
    made: list[ServerTool] = [
        searching("tavily", {"results": [{"url": "https://a.example", "title": "a"}]}),
        ImageTool(
            Tool("image", "openai", "http://a", model="gpt-image-2"), ScriptedTransport(image), Egress(), now=lambda: 0.0
        ),
        DatetimeTool(now=lambda: 0.0),
    ]
    for tool in made:
        told(trio.run(tool.run, arguments, NONE))


@given(answer=objects(FIELDS))
@settings(max_examples=50, deadline=None)
def test_answers_of_images_apis(answer: Any) -> None:
    for each in (answer, {"data": answer}, {"data": [answer]}):
        picture = api.picture_of(each)
        data = api.checked(picture.data) if picture else None
        assert data is None or api.media_type_of(data) in (None, "image/png")


def refusal(tool: ServerTool, options: dict[str, Any]) -> str:
    try:
        json.dumps(tool.declaration(options).parameters)
    except ValueError as error:
        return str(error)
    return ""


names = ("max_results", "search_context_size", "filters", "allowed_domains", "blocked_domains", "user_location", "timezone")
options = objects((*names, "size", "quality", "output_format", "country", "city", *ARGUMENTS))


@given(options=st.dictionaries(st.sampled_from((*names, "size", "quality", "output_compression")), options))
@settings(max_examples=50, deadline=None)
def test_options_are_taken_or_refused_with_a_reason(options: dict[str, Any]) -> None:
    made: list[ServerTool] = [
        searching("brave", None),
        ImageTool(Tool("image", "openai", "http://a"), ScriptedTransport(), Egress(), now=lambda: 0.0),
        DatetimeTool(now=lambda: 0.0),
    ]
    for tool in made:
        if reason := refusal(tool, options):
            assert re.match(r"(\w+)[\w.\[\]]*: .", reason)
            assert re.split(r"\W", reason)[0] in options
