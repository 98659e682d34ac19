"""One set of upstream names for the tools of a request, in whatever dialect it goes out."""

from __future__ import annotations

import itertools
import re

import pytest

from hyperinfer.formats.codec import ToolAlias
from hyperinfer.formats.conversation import Tool
from hyperinfer.formats.tool_names import SameNames, ToolNames

LEGAL = re.compile(r"[a-zA-Z0-9_-]{1,64}")


def tool(name: str, namespace: str | None = None) -> Tool:
    return Tool(kind="function", name=name, path="tools[0]", namespace=namespace)


@pytest.mark.parametrize("order", list(itertools.permutations(["my_tool", "my.tool", "my tool"])))
def test_a_made_up_name_never_takes_the_place_of_a_declared_one(order: tuple[str, ...]) -> None:
    names = ToolNames(map(tool, order))
    given = [names.of(name) for name in order]
    assert names.of("my_tool") == "my_tool"
    assert len(set(given)) == 3
    assert all(map(LEGAL.fullmatch, given))
    assert names.aliases == {names.of(name): ToolAlias(name, "function") for name in ("my.tool", "my tool")}


def test_a_namespace_stands_before_the_name() -> None:
    names = ToolNames([tool("run", "mcp"), tool("mcp__run"), tool("run")])
    assert (names.of("run"), names.of("mcp__run")) == ("run", "mcp__run")
    assert re.fullmatch("mcp__run_[0-9a-f]{8}", names.of("run", "mcp"))


def test_how_long_a_plain_name_may_be_is_the_dialects_to_say() -> None:
    long = "x" * 100
    assert len(ToolNames([tool(long)]).of(long)) == 64
    assert ToolNames([tool(long)], longest=128).of(long) == long
    assert len(ToolNames([tool(long, "n")], longest=128).of(long, "n")) == 64


def test_a_hosted_tool_has_its_name_to_itself_and_no_alias() -> None:
    hosted = Tool(kind="native", name="web_search", path="tools[1]", type="web_search", raw={})
    names = ToolNames([tool("web.search"), hosted])
    assert names.of("web_search") == "web_search"
    assert list(names.aliases) == [names.of("web.search")] != ["web_search"]


def test_between_equal_formats_every_name_stays() -> None:
    names = SameNames()
    assert (names.of("a.b"), names.of("c", "n"), names.aliases) == ("a.b", "c", {})
