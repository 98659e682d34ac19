"""Tool definitions and the tool choice of a request, decoded (wire facts 1.3)."""

from __future__ import annotations

from typing import Any

from hyperinfer.formats.anthropic_messages import wire
from hyperinfer.formats.anthropic_messages.client_tools import client_tool
from hyperinfer.formats.anthropic_messages.content import cache_mark, unknown_fields
from hyperinfer.formats.conversation import Tool, ToolChoice
from hyperinfer.formats.errors import RequestError


def decode_tools(tools: list[wire.ToolDefinition], raw: list[dict[str, Any]]) -> tuple[Tool, ...]:
    """The tools in the caller's order."""
    return tuple([_tool(tool, raw[index], f"tools[{index}]") for index, tool in enumerate(tools)])


def _tool(tool: wire.ToolDefinition, raw: dict[str, Any], path: str) -> Tool:
    if tool.type not in (None, "custom"):
        return _native(tool, raw, path)
    if tool.name is None:
        raise RequestError(f"{path}.name: this field is required", param=f"{path}.name")
    if tool.input_schema is None:
        raise RequestError(f"{path}.input_schema: this field is required", param=f"{path}.input_schema")
    return Tool(
        kind="function",
        name=tool.name,
        path=path,
        type=tool.type or "function",
        description=tool.description,
        parameters=tool.input_schema,
        strict=tool.strict,
        cache=cache_mark(tool.cache_control),
        extra=unknown_fields(raw, wire.ToolDefinition),
    )


def _native(tool: wire.ToolDefinition, raw: dict[str, Any], path: str) -> Tool:
    """A typed tool. `parameters` are given for those that the caller runs itself, so that others can declare a function."""
    kind = str(tool.type)
    meaning = client_tool(kind)
    return Tool(
        kind="native",
        name=tool.name or kind,
        path=path,
        type=kind,
        description=tool.description or (meaning.description if meaning else None),
        parameters=tool.input_schema or (meaning.parameters if meaning else None),
        strict=tool.strict,
        cache=cache_mark(tool.cache_control),
        raw={name: value for name, value in raw.items() if value is not None},
    )


def decode_choice(choice: wire.ToolChoiceField, raw: dict[str, Any]) -> tuple[ToolChoice, bool | None]:
    """(choice, whether calls may be parallel)."""
    parallel = None if choice.disable_parallel_tool_use is None else not choice.disable_parallel_tool_use
    extra = unknown_fields(raw, wire.ToolChoiceField)
    match choice.type:
        case "auto":
            return ToolChoice(mode="auto", extra=extra), parallel
        case "any":
            return ToolChoice(mode="required", extra=extra), parallel
        case "none":
            return ToolChoice(mode="none", extra=extra), parallel
        case "tool":
            if choice.name is None:  # valid by the contract
                return ToolChoice(mode="native", raw=raw), parallel
            return ToolChoice(mode="named", name=choice.name, extra=extra), parallel
        case _:
            return ToolChoice(mode="native", raw=raw), parallel
