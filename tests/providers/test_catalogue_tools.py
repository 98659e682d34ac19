"""The section `tools`: what each tool needs, with the line of what is wrong."""

from __future__ import annotations

import pytest

from hyperinfer.providers.catalogue import CatalogueErrors, load
from hyperinfer.providers.catalogue_records import Tool
from hyperinfer.providers.listing import public_models
from hyperinfer.providers.secret import Secret

ALL = """
tools:
  web_search: {kind: exa, api_key: "${EXA_KEY}", price: 0.007}
  web_fetch: {price: 0.000000000001}
  pdf: {}
  datetime:
    price: 0
  image: {api_key: literal, price: 1}
"""


def test_every_tool_with_its_defaults() -> None:
    catalogue = load(ALL, {"EXA_KEY": "k"})
    assert catalogue.warnings == ()
    assert catalogue.tools == {
        "web_search": Tool("web_search", "exa", "https://api.exa.ai", (Secret("k"),), price=7_000_000_000),
        "web_fetch": Tool("web_fetch", price=1),
        "pdf": Tool("pdf"),
        "datetime": Tool("datetime"),
        "image": Tool(
            "image", "openai", "https://api.openai.com/v1", (Secret("literal"),), model="gpt-image-2", price=10**12
        ),
    }
    assert all(tool.available for tool in catalogue.tools.values())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{kind: searxng, base_url: "http://10.0.0.7:8888/"}', Tool("web_search", "searxng", "http://10.0.0.7:8888")),
        ('{kind: brave, base_url: "http://proxy/brave"}', Tool("web_search", "brave", "http://proxy/brave")),
        ("{kind: tavily, api_key: a}", Tool("web_search", "tavily", "https://api.tavily.com", (Secret("a"),))),
        ("{kind: brave, api_key: a}", Tool("web_search", "brave", "https://api.search.brave.com/res/v1", (Secret("a"),))),
        (
            '{kind: tavily, api_key: "${NOPE}"}',
            Tool("web_search", "tavily", "https://api.tavily.com", missing=("NOPE",)),
        ),
        (
            '{kind: searxng, base_url: "http://${HOST}:1", api_key: "${NOPE}"}',
            Tool("web_search", "searxng", missing=("HOST", "NOPE")),
        ),
    ],
)
def test_searches(text: str, expected: Tool) -> None:
    assert load(f"tools: {{web_search: {text}}}", {}).tools == {"web_search": expected}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{base_url: "http://10.0.0.7:9000/v1"}', Tool("image", "openai", "http://10.0.0.7:9000/v1")),
        (
            '{kind: openai, base_url: "http://a/v1", model: flux}',
            Tool("image", "openai", "http://a/v1", model="flux"),
        ),
        (
            "{api_key: a, model: gpt-image-2.5-flare}",
            Tool("image", "openai", "https://api.openai.com/v1", (Secret("a"),), model="gpt-image-2.5-flare"),
        ),
    ],
)
def test_images(text: str, expected: Tool) -> None:
    catalogue = load(f"tools: {{image: {text}}}", {})
    assert catalogue.tools == {"image": expected}
    assert public_models(catalogue).meta.image_generation_configured


@pytest.mark.parametrize("text", ["", 'tools: {image: {api_key: "${NOPE}"}}', "tools: {datetime: {}}", "tools:"])
def test_models_say_that_no_image_can_be_made(text: str) -> None:
    assert not public_models(load(text, {})).meta.image_generation_configured


WRONG = """
tools:
  web_search: {kind: searx, base_url: "http://a"}
  image: {kind: midjourney, api_key: 5, model: 1.0}
"""
WRONG_TOO = """
tools:
  web_search:
    kind: searxng
  image:
    price: -1
"""


def problems(text: str) -> list[str]:
    with pytest.raises(CatalogueErrors) as caught:
        load(text, {}, "f")
    return [str(problem) for problem in caught.value.problems]


def test_what_is_wrong_is_told_with_its_line() -> None:
    assert problems(WRONG) == [
        "f:3: tools.web_search.kind: unknown kind 'searx'; one of brave, tavily, exa, searxng; did you mean 'searxng'?",
        "f:4: tools.image.kind: unknown kind 'midjourney'; one of openai",
        "f:4: tools.image.api_key: expected text, got a number; put it in quotes",
        "f:4: tools.image.model: expected text, got a number; put it in quotes",
    ]
    assert problems(WRONG_TOO) == [
        "f:4: tools.web_search: missing base_url: the address of your searxng",
        "f:6: tools.image.price: expected a price of 0 or more",
        "f:6: tools.image: missing api_key: openai wants one",
    ]
    assert problems("tools: {web_search: {}}") == ["f:1: tools.web_search: missing kind: one of brave, tavily, exa, searxng"]
    assert problems("tools: {web_search: {kind: exa}, image: {base_url: ftp://x}}") == [
        "f:1: tools.web_search: missing api_key: exa wants one",
        "f:1: tools.image.base_url: expected an http:// or https:// address with the version path, such as https://host/v1",
    ]
    assert problems("tools: {pdf: {keys: a}}")[0].startswith("f:1: tools.pdf.keys: unknown key; one of kind, base_url")


def test_what_does_nothing_is_a_warning() -> None:
    text = "tools:\n  pdf: {kind: own, price: 1}\n  web_search: {kind: exa, api_key: a, model: big}"
    assert [str(warning) for warning in load(text, {}, "f").warnings] == [
        "f:2: tools.pdf.kind: not used: the gateway does pdf itself",
        "f:3: tools.web_search.model: not used: web_search has no model",
    ]
