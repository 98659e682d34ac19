"""docs/providers.md: every key that the loader knows is on the page, with its default, and the example there loads."""

from __future__ import annotations

import re
from dataclasses import fields
from typing import Any

import pytest
import yaml

from hyperinfer.formats.server_tools import TOOL_NAMES
from hyperinfer.providers.catalogue import Breaker, CatalogueErrors, Limits, Timeouts, load
from hyperinfer.providers.catalogue_egress import EGRESS_KEYS
from hyperinfer.providers.catalogue_models import (
    ASSUMED_CONTEXT,
    ASSUMED_OUTPUT,
    BENCHMARK_KEYS,
    CREATOR_KEYS,
    MODEL_KEYS,
    ROUTE_KEYS,
)
from hyperinfer.providers.catalogue_pipeline import PIPELINE_KEYS
from hyperinfer.providers.catalogue_providers import BREAKER_KEYS, PROVIDER_KEYS, TIMEOUT_KEYS
from hyperinfer.providers.catalogue_sections import LIMIT_KEYS, SECTIONS
from hyperinfer.providers.catalogue_tools import KINDS, OPENAI_IMAGE_MODEL, TOOL_KEYS
from hyperinfer.providers.catalogue_values import PRICING_KEYS
from tests.project.blocks import blocks
from tests.project.tree import ROOT

PAGE = (ROOT / "docs" / "providers.md").read_text("utf-8")
(EXAMPLE,) = (block.text for block in blocks("docs/providers.md", "yaml"))
(TOOLS_EXAMPLE,) = (block.text for block in blocks("docs/providers.md", "yaml tools"))
ENVIRON = {"BASEMENT_KEY": "k"}
KEYS = {
    "The file": SECTIONS,
    "providers": PROVIDER_KEYS,
    "timeouts": TIMEOUT_KEYS,
    "breaker": BREAKER_KEYS,
    "creators": CREATOR_KEYS,
    "models": MODEL_KEYS,
    "pricing": PRICING_KEYS,
    "routes": ROUTE_KEYS,
    "benchmarks": BENCHMARK_KEYS,
    "tools": TOOL_KEYS,
    "egress": EGRESS_KEYS,
    "limits": LIMIT_KEYS,
    "pipeline": PIPELINE_KEYS,
}


def table(heading: str) -> dict[str, list[str]]:
    """The rows under a heading: the key, and the cells beside it (type, default, meaning)."""
    section = re.split(rf"^###? {heading}$", PAGE, flags=re.MULTILINE)[1]
    section = re.split(r"^##", section, flags=re.MULTILINE)[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if line[:1] == "|"]
    return {cells[0].strip("`"): cells[1:] for cells in rows[2:]}


@pytest.mark.parametrize("heading", KEYS)
def test_every_key_is_on_the_page_and_no_other(heading: str) -> None:
    rows = table(heading)
    assert sorted(rows) == sorted(KEYS[heading])
    assert all(len(cells) == 3 and all(cells) for cells in rows.values())


@pytest.mark.parametrize(("heading", "defaults"), [("timeouts", Timeouts()), ("breaker", Breaker()), ("limits", Limits())])
def test_the_defaults_are_those_of_the_loader(heading: str, defaults: Timeouts | Breaker | Limits) -> None:
    rows = table(heading)
    for each in fields(defaults):
        value = getattr(defaults, each.name)
        assert rows[each.name][1] == ("none" if value is None else f"{value:g}")


def test_what_is_assumed_and_named() -> None:
    models = table("models")
    assert models["context_length"][1].startswith(f"{ASSUMED_CONTEXT},")
    assert models["max_output_tokens"][1].startswith(f"{ASSUMED_OUTPUT},")
    tools = PAGE.split("\n## tools\n")[1].split("\n\n")[0]
    assert re.findall(r"`(\w+)`", tools) == list(TOOL_NAMES)


def test_who_can_do_a_tool_and_where() -> None:
    rows = table("Who does what")
    named = {
        (name, kind): (f"`{home}`" if home else "required") for name, kinds in KINDS.items() for kind, home in kinds.items()
    }
    assert {tuple(re.findall(r"\w+", key)): cells[0] for key, cells in rows.items()} == named
    assert f"`{OPENAI_IMAGE_MODEL}`" in table("tools")["model"][1]


def _of_example(document: Any, heading: str) -> Any:
    """The mapping of the example that the heading is about."""
    provider, model = document["providers"]["basement"], document["models"][0]
    return {
        "providers": provider,
        "timeouts": provider["timeouts"],
        "creators": document["creators"]["acme"],
        "models": model,
        "pricing": model["pricing"],
        "routes": model["routes"][0],
    }[heading]


@pytest.mark.parametrize("heading", ["providers", "timeouts", "creators", "models", "pricing", "routes"])
def test_the_required_keys_are_required_and_no_others(heading: str) -> None:
    for key, (_, default, _) in table(heading).items():
        document = yaml.safe_load(EXAMPLE)
        missing = _of_example(document, heading).pop(key, None) is None
        text = yaml.safe_dump(document)  # pyright: ignore[reportUnknownMemberType]  # its stubs leave a width open
        if default.startswith("required"):
            assert not missing, "the example has all that is required"
            with pytest.raises(CatalogueErrors, match=f"missing {key}"):
                load(text, ENVIRON)
        else:
            warned = "a warning" in default or "with a warning" in default
            assert bool(load(text, ENVIRON).warnings) == (warned and not missing)


def test_the_example_is_a_server_with_prices() -> None:
    catalogue = load(EXAMPLE, ENVIRON)
    assert catalogue.warnings == ()
    model = catalogue.models["acme/helper"]
    assert model.available
    assert (model.creator.name, model.routes[0].model) == ("ACME", "Qwen/Qwen3-32B")
    prices = model.routes[0].pricing
    assert (prices.prompt, prices.completion, prices.cached_prompt) == (200_000, 800_000, 20_000), "pico-USD a token"
    assert (prices.cache_write, prices.cache_write_1h) == (prices.prompt, prices.prompt * 16 // 10)
    assert not load(EXAMPLE, {}).models["acme/helper"].available, "off without its key"
    assert load(EXAMPLE.replace("    api_key:", "    # api_key:"), {}).models["acme/helper"].available


def test_the_example_of_tools() -> None:
    keys = {"BRAVE_SEARCH_API_KEY": "b", "OPENAI_API_KEY": "o"}
    tools = load(TOOLS_EXAMPLE, keys).tools
    assert [(each.name, each.available, each.price) for each in tools.values()] == [
        ("web_search", True, 5_000_000_000),
        ("image", True, 50_000_000_000),
    ]
    assert not any(each.available for each in load(TOOLS_EXAMPLE, {}).tools.values()), "off without their keys"
