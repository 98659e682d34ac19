"""Tools that a conversation declares in an item of its input."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from hyperinfer.formats.conversation import Tool
from hyperinfer.formats.errors import RequestError
from hyperinfer.formats.openai_responses.tools import decode_tools
from hyperinfer.formats.wire import is_array

_DECLARING = ("additional_tools", "tool_search_output")


def declared_tools(item: dict[str, Any], path: str) -> tuple[Tool, ...]:
    """The tools of an item that may declare some. `path`: of the item. Raises `RequestError` for a tool that is none."""
    found = item.get("tools")
    if item.get("type") not in _DECLARING or not is_array(found):
        return ()
    return tuple(_declared(found, path))


def _declared(found: list[Any], item: str) -> Iterator[Tool]:
    try:
        tools, hosted = decode_tools(found)
    except RequestError as error:
        raise RequestError(f"{item}.{error.message}", param=f"{item}.{error.param}") from None
    for tool in tools:
        yield msgspec.structs.replace(tool, path=f"{item}.{tool.path}")
    for plugin in hosted:  # declared here, it is the model's provider that should run it
        yield Tool(kind="native", name=plugin.id, path=f"{item}.{plugin.path}", type=plugin.id)
