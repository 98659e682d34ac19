"""Tool definitions and tool choice of a Chat request (wire facts 2.1, 4.4)."""

from __future__ import annotations

from typing import Any

from hyperinfer.formats.conversation import Tool, ToolChoice
from hyperinfer.formats.openai_chat import wire
from hyperinfer.formats.openai_chat.content import cache_mark
from hyperinfer.formats.wire import extras, is_array, is_object, read

_BARE = {"type", "function"}


def decode_tool(value: dict[str, Any], record: wire.Tool, path: str) -> Tool:
    """A tool of the request. Flat definitions (the Responses shape, sent by some clients) are taken as functions."""
    if record.type == "function" and record.function is not None:
        return _function(record.function, value, value["function"], path)
    if record.type == "function" and isinstance(value.get("name"), str):
        flat = {name: item for name, item in value.items() if name not in ("type", "cache_control")}
        outer = {"cache_control": value.get("cache_control")}
        return _function(read(flat, wire.FunctionDefinition, path), outer, flat, path)
    if record.type == "custom" and record.custom is not None:
        custom = record.custom
        return Tool(
            kind="custom",
            name=custom.name,
            path=path,
            type="custom",
            description=custom.description,
            grammar=custom.format,
            cache=cache_mark(value),
            extra=_extra(value, "custom", value["custom"], wire.CustomDefinition),
        )
    name = value.get("name")
    return Tool(kind="native", name=name if isinstance(name, str) else record.type, path=path, type=record.type, raw=value)


def _function(function: wire.FunctionDefinition, outer: dict[str, Any], inner: dict[str, Any], path: str) -> Tool:
    return Tool(
        kind="function",
        name=function.name,
        path=path,
        description=function.description,
        parameters=function.parameters,
        strict=function.strict,
        cache=cache_mark(outer) if outer.keys() != _BARE else None,
        extra=_extra(outer, "function", inner, wire.FunctionDefinition),
    )


def _extra(
    outer: dict[str, Any], kind: str, inner: dict[str, Any], record: type[wire.FunctionDefinition | wire.CustomDefinition]
) -> dict[str, Any] | None:
    """Unknown fields of a tool, those of its inner object under the name of that object."""
    found = extras(outer, wire.Tool) or {}
    if rest := extras(inner, record):
        found[kind] = rest
    return found or None


def decode_choice(value: str | dict[str, Any] | None) -> ToolChoice | None:
    """`tool_choice`. What is not one of the plain words is kept as it was in `raw["value"]`, for an upstream that speaks
    Chat."""
    raw = {"value": value}
    match value:
        case None:
            return None
        case "auto" | "none" | "required":
            return ToolChoice(mode=value)
        case "any":
            return ToolChoice(mode="required", raw=raw)  # Mistral's word
        case {"type": ("function" | "custom") as kind, **rest} if (name := _name(rest.get(kind, rest))) is not None:
            return ToolChoice(mode="named", name=name, kind=kind, raw=raw)
        case {"type": "allowed_tools", "allowed_tools": {"tools": tools, **rest}} if is_array(tools) and rest.get(
            "mode"
        ) in ("auto", "required", None):
            names = [_name(tool.get(str(tool.get("type")), tool)) for tool in tools if is_object(tool)]
            return ToolChoice(
                mode="allowed",
                allowed=tuple(name for name in names if name),
                allowed_mode="required" if rest.get("mode") == "required" else "auto",
                raw=raw,
            )
        case {"type": ("auto" | "none" | "required") as mode}:
            return ToolChoice(mode=mode, raw=raw)
        case _:
            return ToolChoice(mode="native", raw=raw)


def _name(value: object) -> str | None:
    name = value.get("name") if is_object(value) else None
    return name if isinstance(name, str) else None
