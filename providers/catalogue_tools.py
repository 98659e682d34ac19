"""The section `tools` of `providers.yaml`: who does what the gateway's own tools do, and what a call costs."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from hyperinfer.formats.server_tools import TOOL_NAMES
from hyperinfer.providers import catalogue_values as values
from hyperinfer.providers.catalogue_records import Tool
from hyperinfer.providers.catalogue_yaml import Value

TOOL_KEYS: Final = ("kind", "base_url", "api_key", "model", "price")

KINDS: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType(
    {
        "web_search": {
            "brave": "https://api.search.brave.com/res/v1",
            "tavily": "https://api.tavily.com",
            "exa": "https://api.exa.ai",
            "searxng": "",
        },
        "image": {"openai": "https://api.openai.com/v1"},
    }
)
"""Who can do a tool, and where; empty for software that everyone runs at an address of their own. The others are done by the
gateway itself."""

OPENAI_IMAGE_MODEL: Final = "gpt-image-2"
"""Asked of OpenAI itself where `model` is left out."""


def read_tools(section: Value, environ: Mapping[str, str]) -> dict[str, Tool]:
    """Every tool that is there, by its name. What is wrong is in the section's report."""
    return {name: _read_tool(name, entry, environ) for name, entry in section.fields(TOOL_NAMES).items()}


def _read_tool(name: str, entry: Value, environ: Mapping[str, str]) -> Tool:
    given = entry.fields(TOOL_KEYS)
    price = (values.price(given["price"], 1) if "price" in given else 0) or 0
    if name not in KINDS:
        for unused in [key for key in given if key != "price"]:
            given[unused].warn(f"not used: the gateway does {name} itself")
        return Tool(name=name, price=price)
    kind = _kind(name, entry, given)
    home = KINDS[name].get(kind, "")
    url, missing = values.base_url(given["base_url"], environ) if "base_url" in given else (home, ())
    key, missing_key = values.secret(given["api_key"], environ) if "api_key" in given else (None, ())
    if kind and "base_url" not in given:
        if not home:
            entry.error(f"missing base_url: the address of your {kind}")
        elif "api_key" not in given:
            entry.error(f"missing api_key: {kind} wants one")
    if name != "image" and "model" in given:
        given["model"].warn(f"not used: {name} has no model")
    model = (given["model"].text() or "") if name == "image" and "model" in given else ""
    return Tool(
        name=name,
        kind=kind,
        base_url=url,
        keys=(key,) if key else (),
        model=model or (OPENAI_IMAGE_MODEL if name == "image" and url == home else ""),
        price=price,
        missing=tuple(dict.fromkeys((*missing, *missing_key))),
    )


def _kind(name: str, entry: Value, given: Mapping[str, Value]) -> str:
    """Who does it; the only one there is where it is left out. Empty after a complaint."""
    kinds = tuple(KINDS[name])
    if "kind" in given:
        return given["kind"].choice("kind", kinds) or ""
    if len(kinds) == 1:
        return kinds[0]
    entry.error(f"missing kind: one of {', '.join(kinds)}")
    return ""
