"""Declarations of tools for a history with calls when a request declares none: Messages refuses it without (wire facts 1.3).

The last round of the gateway's own tools is such a request, and a client's that leaves the tools of earlier turns out. Chat
and Responses take it as it is. The model is kept from calling them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from hyperinfer.formats.wire import is_array, is_object

_ANY: dict[str, Any] = {"type": "object", "properties": {}, "additionalProperties": True}
_UNNAMED = "tool"
"""For a result whose call is not there."""


def stand_ins(messages: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """A declaration of each tool that was called, of any arguments. None for a history without calls."""
    names: dict[str, None] = {}
    answered = False
    for block in _blocks(messages):
        if block.get("type") == "tool_use" and isinstance(name := block.get("name"), str):
            names[name] = None
        answered = answered or block.get("type") == "tool_result"
    if answered and not names:
        names[_UNNAMED] = None
    return [{"name": name, "description": "Not available any more.", "input_schema": _ANY} for name in names]


def _blocks(messages: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for message in messages:
        content = message.get("content")
        yield from (block for block in content if is_object(block)) if is_array(content) else ()
