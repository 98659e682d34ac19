"""Hosted tools of Messages as the output items that Responses has for the same thing (faults F166, wire facts 3)."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from hyperinfer.formats.wire import is_array, is_object

Wire = dict[str, Any]


class ForeignItem(NamedTuple):
    """An item without its id. `prefix`: of the id."""

    prefix: str
    fields: Wire


def foreign_item(block: Wire) -> ForeignItem | None:
    """The item for a content block of Messages; None where Responses has nothing like it."""
    kind, name = block.get("type"), str(block.get("name") or "")
    if kind == "server_tool_use" and name == "web_search":
        return ForeignItem("ws", _web_search(block.get("input")))
    if kind == "server_tool_use" and name.startswith("tool_search_tool"):
        arguments = block.get("input")
        return ForeignItem("tsc", {**_tool_search("tool_search_call", block.get("id")), "arguments": arguments or {}})
    if kind == "tool_search_tool_result" and not _has_failed(block):
        return ForeignItem("tso", _tools_found(block))
    if kind == "mcp_tool_use":
        return ForeignItem("mcp", _mcp_call(block))
    return None


def _web_search(given: Any) -> Wire:
    query = given.get("query") if is_object(given) else None
    action = {"type": "search", "query": query if isinstance(query, str) else ""}
    return {"type": "web_search_call", "status": "completed", "action": action}


def _tool_search(kind: str, call_id: Any) -> Wire:
    return {"type": kind, "call_id": call_id, "execution": "server", "status": "completed"}


def _has_failed(block: Wire) -> bool:
    """A search that failed found nothing, and Responses has no word for why."""
    content = block.get("content")
    return is_object(content) and content.get("error_code") is not None


def _tools_found(block: Wire) -> Wire:
    content = block.get("content")
    found = content.get("tool_references") if is_object(content) else None
    names = [entry.get("tool_name") for entry in found if is_object(entry)] if is_array(found) else []
    tools = [{"type": "function", "name": name, "parameters": None, "strict": None} for name in names]
    return {**_tool_search("tool_search_output", block.get("tool_use_id")), "tools": tools}


def _mcp_call(block: Wire) -> Wire:
    return {
        "type": "mcp_call",
        "status": "completed",
        "name": block.get("name"),
        "server_label": block.get("server_name"),
        "arguments": msgspec.json.encode(block.get("input") or {}).decode(),
        "output": None,
        "error": None,
    }
