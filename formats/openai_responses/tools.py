"""Tool definitions and the choice among them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from hyperinfer.formats.conversation import Plugin, Tool, ToolChoice
from hyperinfer.formats.errors import RequestError
from hyperinfer.formats.openai_responses import wire as w
from hyperinfer.formats.wire import extras, is_array, is_object, json_type, read

PLUGINS = ("web_search", "web_fetch", "pdf", "datetime", "image")
"""Tools of the gateway, which a request switches on by their type (contract)."""

HOSTED = frozenset(
    {
        "web_search",
        "file_search",
        "code_interpreter",
        "image_generation",
        "computer_use",
        "computer",
        "mcp",
        "tool_search",
        "local_shell",
        "shell",
        "apply_patch",
        "programmatic_tool_calling",
    }
)
"""Tools that only work where the upstream knows them: sent only where the route lists them."""


def decode_tools(tools: list[Any]) -> tuple[tuple[Tool, ...], tuple[Plugin, ...]]:
    """(the caller's and hosted tools, the gateway's tools) of a request."""
    found: list[Tool] = []
    plugins: list[Plugin] = []
    for index, value in enumerate(tools):
        path = f"tools[{index}]"
        if not is_object(value):
            raise RequestError(f"{path}: expected an object, not {json_type(value)}", param=path)
        kind = value.get("type")
        if kind is not None and not isinstance(kind, str):
            raise RequestError(f"{path}.type: expected a string, not {json_type(kind)}", param=f"{path}.type")
        if kind in PLUGINS:
            plugins.append(_plugin(value, path))
        elif kind == "namespace":
            found.extend(_namespace(value, path))
        else:
            found.append(_tool(value, path))
    return tuple(found), tuple(plugins)


def _plugin(value: dict[str, Any], path: str) -> Plugin:
    tool = read(value, w.ServerTool, path)
    options = {k: v for k, v in (extras(value, w.ServerTool) or {}).items() if v is not None}
    return Plugin(id=tool.type, events=bool(tool.events), options=options, path=path)


def _namespace(value: dict[str, Any], path: str) -> Iterable[Tool]:
    group = read(value, w.NamespaceTool, path)
    if not group.tools:
        yield Tool(kind="native", name=group.name, path=path, type="namespace", raw=value)
    outer = _extra(value, w.NamespaceTool)
    for index, inner in enumerate(group.tools):
        where = f"{path}.tools[{index}]"
        if not is_object(inner):
            raise RequestError(f"{where}: expected an object, not {json_type(inner)}", param=where)
        extra: dict[str, Any] | None = {"namespace": outer} if outer and index == 0 else None
        yield _tool(inner, where, group, extra)


def _tool(
    value: dict[str, Any], path: str, group: w.NamespaceTool | None = None, outer: dict[str, Any] | None = None
) -> Tool:
    kind = value.get("type")
    namespace = group.name if group else None
    description = group.description if group else None
    if kind == "function" or (kind is None and isinstance(value.get("name"), str)):
        inner = value.get("function")
        if is_object(inner) and "name" not in value:  # written as Chat has it
            value = {"type": "function", **inner}
        function = read({"type": "function", **value}, w.FunctionTool, path)
        return Tool(
            kind="function",
            name=function.name,
            path=path,
            description=function.description,
            parameters=function.parameters,
            strict=function.strict,
            namespace=namespace,
            namespace_description=description,
            extra=_merged(_extra(value, w.FunctionTool), outer),
        )
    if kind == "custom":
        custom = read(value, w.CustomTool, path)
        return Tool(
            kind="custom",
            name=custom.name,
            path=path,
            type="custom",
            description=custom.description,
            grammar=custom.format,
            namespace=namespace,
            namespace_description=description,
            extra=_merged(_extra(value, w.CustomTool), outer),
        )
    name = value.get("name")
    return Tool(
        kind="native",
        name=name if isinstance(name, str) else kind or "",
        path=path,
        type=kind or "",
        namespace=namespace,
        namespace_description=description,
        raw=value,
        extra=outer,
    )


def _merged(first: dict[str, Any] | None, second: dict[str, Any] | None) -> dict[str, Any] | None:
    return {**(first or {}), **(second or {})} or None


def _extra(value: dict[str, Any], kind: Any) -> dict[str, Any] | None:
    return {k: v for k, v in (extras(value, kind) or {}).items() if v is not None} or None


def decode_choice(value: str | dict[str, Any]) -> ToolChoice:
    """`tool_choice` in any of its forms. Forms that only this format knows are kept verbatim."""
    match value:
        case "auto" | "none" | "required":
            return ToolChoice(mode=value)
        case str():
            return ToolChoice(mode="native", raw={"": value})
        case {"type": "function" | "custom" as kind, "name": str(name)}:
            extra = {k: v for k, v in value.items() if k not in ("type", "name") and v is not None}
            return ToolChoice(mode="named", kind=kind, name=name, extra=extra or None)
        case {"type": "function", "function": {"name": str(name)}}:  # written as Chat has it
            return ToolChoice(mode="named", name=name)
        case {"type": "function" | "custom"}:
            raise RequestError("tool_choice.name: this field is required", param="tool_choice.name")
        case {"type": "allowed_tools"}:
            return _allowed(value)
        case _:
            return ToolChoice(mode="native", raw=value)


def _allowed(value: dict[str, Any]) -> ToolChoice:
    tools = value.get("tools")
    if not is_array(tools):
        raise RequestError("tool_choice.tools: expected an array", param="tool_choice.tools")
    names = tuple(
        str(tool.get("name") or tool.get("type"))
        for tool in tools
        if is_object(tool) and (tool.get("name") or tool.get("type"))
    )
    mode = value.get("mode")
    if mode not in ("auto", "required", None):
        return ToolChoice(mode="native", raw=value)
    return ToolChoice(mode="allowed", allowed=names, allowed_mode="required" if mode == "required" else "auto", raw=value)
