"""Tool definitions and tool choice of Chat (wire facts 2.1, 4.4)."""

from __future__ import annotations

from typing import Any

from hyperinfer.formats.codec import Loss, Target, ToolAlias
from hyperinfer.formats.conversation import Conversation, Tool, ToolChoice
from hyperinfer.formats.openai_chat import wire
from hyperinfer.formats.openai_chat.content import cache_mark
from hyperinfer.formats.restore import CUSTOM_PARAMETERS
from hyperinfer.formats.wire import extras, read

NAME_LIMIT = 64
"""Characters of a tool name (wire facts 1.2)."""


def decode_tool(value: dict[str, Any], record: wire.Tool, path: str) -> Tool:
    """A tool of the request. Flat definitions (the Responses shape, sent by some clients) are taken as functions."""
    cache = cache_mark(value)
    if record.type == "function" and record.function is None and isinstance(value.get("name"), str):
        flat = read(value, wire.FunctionDefinition, path)
        return Tool(
            kind="function",
            name=flat.name,
            path=path,
            description=flat.description,
            parameters=flat.parameters,
            strict=flat.strict,
            cache=cache,
        )
    if record.type == "function" and record.function is not None:
        function = record.function
        extra = extras(value, wire.Tool) or {}
        if inner := extras(value["function"], wire.FunctionDefinition):
            extra["function"] = inner
        return Tool(
            kind="function",
            name=function.name,
            path=path,
            description=function.description,
            parameters=function.parameters,
            strict=function.strict,
            cache=cache,
            extra=extra or None,
        )
    if record.type == "custom" and record.custom is not None:
        custom = record.custom
        return Tool(
            kind="custom",
            name=custom.name,
            path=path,
            type="custom",
            description=custom.description,
            grammar=custom.format,
            cache=cache,
            extra=extras(value, wire.Tool),
        )
    name = value.get("name")
    return Tool(
        kind="native", name=name if isinstance(name, str) else record.type, path=path, type=record.type, raw=value
    )


def decode_choice(value: str | dict[str, Any] | None) -> ToolChoice | None:
    """`tool_choice`. A form that is not known is kept for an upstream that speaks Chat."""
    match value:
        case None:
            return None
        case "auto" | "none" | "required":
            return ToolChoice(mode=value)
        case "any":
            return ToolChoice(mode="required", raw={"value": value})  # Mistral's word
        case {"type": ("function" | "custom") as kind, **rest}:
            inner = rest.get(kind, rest)
            name = inner.get("name") if isinstance(inner, dict) else None
            if isinstance(name, str):
                return ToolChoice(mode="named", name=name, kind=kind)
        case {"type": "allowed_tools", "allowed_tools": {"tools": list(tools), **rest}}:
            names = [_allowed_name(tool) for tool in tools if isinstance(tool, dict)]
            mode = rest.get("mode")
            return ToolChoice(
                mode="allowed",
                allowed=tuple(name for name in names if name),
                allowed_mode="required" if mode == "required" else "auto",
            )
        case {"type": ("auto" | "none" | "required") as mode}:
            return ToolChoice(mode=mode)
        case _:
            pass
    return ToolChoice(mode="native", raw=value if isinstance(value, dict) else {"value": value})


def _allowed_name(tool: dict[str, Any]) -> str | None:
    inner = tool.get(str(tool.get("type")), tool)
    name = inner.get("name") if isinstance(inner, dict) else None
    return name if isinstance(name, str) else None


def wire_name(tool_name: str, namespace: str | None) -> str:
    """The name of a namespaced tool in a dialect without namespaces: `<namespace>__<name>`."""
    return tool_name if namespace is None else f"{namespace}__{tool_name}"[:NAME_LIMIT]


def encode_tools(
    conversation: Conversation, target: Target, losses: list[Loss]
) -> tuple[list[dict[str, Any]], dict[str, ToolAlias]]:
    """The tools for a Chat upstream, in the caller's order, and how to put calls back."""
    same = conversation.dialect == "openai_chat"
    allowed = (
        conversation.tool_choice.allowed
        if conversation.tool_choice and conversation.tool_choice.mode == "allowed"
        else None
    )
    out: list[dict[str, Any]] = []
    aliases: dict[str, ToolAlias] = {}
    for tool in conversation.tools:
        if tool.kind == "native":
            if same or tool.type in target.native_tools:
                out.append(dict(tool.raw or {}))
            else:
                losses.append(Loss(tool.path, f"tool type '{tool.type}' does not exist on this model's API"))
            continue
        if allowed is not None and not same and tool.name not in allowed:
            continue
        out.append(_encode_tool(tool, target, same, aliases, losses))
    return out, aliases


def _encode_tool(
    tool: Tool, target: Target, same: bool, aliases: dict[str, ToolAlias], losses: list[Loss]
) -> dict[str, Any]:
    name = wire_name(tool.name, tool.namespace)
    extra = dict(tool.extra or {})
    inner = extra.pop("function", {}) if same else {}
    if not same:
        losses.extend(Loss(f"{tool.path}.{field}", "Chat tools have no such field") for field in tool.extra or {})
        extra = {}
    if tool.cache is not None:
        if target.quirks.cache_control == "none" and not same:
            pass  # a hint, not a promise: the answer is the same without it
        elif tool.cache.style == "cache_control" and target.quirks.cache_control != "none":
            extra["cache_control"] = (
                tool.cache.raw if target.quirks.cache_control == "full" else {"type": "ephemeral"}
            )
        elif same:
            extra[tool.cache.style] = tool.cache.raw
    if tool.kind == "custom" and same:
        custom = {"name": name, "description": tool.description, "format": tool.grammar}
        return {"type": "custom", "custom": {k: v for k, v in custom.items() if v is not None}, **extra}
    function: dict[str, Any] = {"name": name}
    if tool.description is not None:
        function["description"] = tool.description
    if tool.kind == "custom":
        aliases[name] = ToolAlias(tool.name, "custom", tool.namespace)
        function["parameters"] = CUSTOM_PARAMETERS
        if tool.grammar is not None:
            losses.append(Loss(f"{tool.path}.format", "a grammar cannot be enforced on this model's API"))
    else:
        if tool.namespace is not None:
            aliases[name] = ToolAlias(tool.name, "function", tool.namespace)
        if tool.parameters is not None:
            function["parameters"] = tool.parameters
        elif not same:
            function["parameters"] = {"type": "object", "properties": {}}
        if tool.strict is not None and target.quirks.strict_tools == "send":
            function["strict"] = tool.strict
    return {"type": "function", "function": {**inner, **function}, **extra}


def encode_choice(choice: ToolChoice, same: bool, target: Target, losses: list[Loss]) -> Any:
    """`tool_choice` for a Chat upstream; None to leave it out."""
    ability = target.quirks.tool_choice
    match choice.mode:
        case "native":
            if same:
                raw = choice.raw or {}
                return raw.get("value", raw)
            losses.append(Loss("tool_choice", "this choice does not exist on this model's API"))
            return None
        case "named":
            if ability == "full":
                name = choice.name or ""
                kind = choice.kind if same else "function"
                return {"type": kind, kind: {"name": name}}
            losses.append(Loss("tool_choice", "a tool cannot be forced by name on this model"))
            return "required" if ability == "no_named" else "auto"
        case "allowed":
            if same and ability == "full":
                tools = [{"type": "function", "function": {"name": name}} for name in choice.allowed]
                return {"type": "allowed_tools", "allowed_tools": {"mode": choice.allowed_mode, "tools": tools}}
            return choice.allowed_mode if ability != "auto" else "auto"
        case "required" if ability == "auto":
            losses.append(Loss("tool_choice", "a tool call cannot be forced on this model"))
            return "auto"
        case mode:
            return choice.raw["value"] if choice.raw and same else mode
