"""Tool definitions and tool choice for a Chat upstream (wire facts 4.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hyperinfer.formats import grammars
from hyperinfer.formats.losses import losses_of_extra
from hyperinfer.formats.namespaces import described
from hyperinfer.formats.native_tools import options_of_typed
from hyperinfer.formats.restore import CUSTOM_PARAMETERS

if TYPE_CHECKING:
    from hyperinfer.formats.conversation import Tool, ToolChoice
    from hyperinfer.formats.openai_chat.scope import Scope

_NO_PARAMETERS: dict[str, Any] = {"type": "object", "properties": {}}


def encode_tools(scope: Scope) -> list[dict[str, Any]]:
    """The tools, in the caller's order."""
    if not scope.conversation.tools:
        return []
    choice = scope.conversation.tool_choice
    narrowed = choice.allowed if choice is not None and choice.mode == "allowed" and not _takes_allowed(scope) else None
    out: list[dict[str, Any]] = []
    for tool in described(scope.conversation.tools):
        if tool.kind == "native":
            if scope.same or tool.type in scope.target.native_tools:
                out.append(dict(tool.raw or {}))
            elif tool.parameters is not None:  # the caller runs it itself
                out.append(_as_function(tool, scope))
            else:
                scope.lose(tool.path, f"tool type '{tool.type}' does not exist on this model's API")
        elif narrowed is None or tool.name in narrowed:
            out.append(_encode_tool(tool, scope))
    return out


def _takes_allowed(scope: Scope) -> bool:
    return scope.same and scope.quirks.tool_choice == "full"


def _encode_tool(tool: Tool, scope: Scope) -> dict[str, Any]:
    extra: dict[str, Any] = {}
    inner: dict[str, Any] = {}
    if tool.extra is not None and scope.same:
        extra.update(tool.extra)
        inner = extra.pop(tool.kind, inner)
    elif tool.extra is not None:
        scope.losses.extend(losses_of_extra(tool.extra, tool.path, "Chat tools have no such field"))
    if tool.cache is not None:
        extra.update(scope.cache(tool.cache, tool.path))
    name = scope.names.of(tool.name, tool.namespace)
    if tool.kind == "custom" and scope.same:
        grammar = None if tool.grammar is None else grammars.nested(tool.grammar)
        custom = _given(name=name, description=tool.description, format=grammar)
        return {"type": "custom", "custom": {**inner, **custom}, **extra}
    parameters, strict = _parameters(tool, scope), _strict(tool, scope)
    description = grammars.told(tool) if tool.kind == "custom" else tool.description
    function = _given(name=name, description=description, parameters=parameters, strict=strict)
    return {"type": "function", "function": {**inner, **function}, **extra}


def _strict(tool: Tool, scope: Scope) -> bool | None:
    if tool.strict is None or scope.quirks.strict_tools == "send":
        return tool.strict
    if tool.strict:
        scope.lose(f"{tool.path}.strict", "this model's API refuses the field")
    return None


def _as_function(tool: Tool, scope: Scope) -> dict[str, Any]:
    """A typed tool of the caller's dialect as what it means (fault F062)."""
    scope.losses.extend(losses_of_extra(options_of_typed(tool), tool.path, "Chat tools have no such field"))
    extra = {} if tool.cache is None else scope.cache(tool.cache, tool.path)
    fields = {"description": tool.description, "parameters": tool.parameters, "strict": _strict(tool, scope)}
    function = _given(name=scope.names.of(tool.name), **fields)
    return {"type": "function", "function": function, **extra}


def _parameters(tool: Tool, scope: Scope) -> dict[str, Any] | None:
    if tool.kind == "custom":
        if grammars.restricts(tool):
            scope.lose(f"{tool.path}.format", "the grammar is told to the model, not enforced")
        return CUSTOM_PARAMETERS
    return tool.parameters if tool.parameters is not None or scope.same else _NO_PARAMETERS


def _given(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def encode_choice(choice: ToolChoice, scope: Scope, *, has_tools: bool) -> Any:
    """`tool_choice`; None to leave it out."""
    ability = scope.quirks.tool_choice
    if not has_tools and not scope.same:
        if choice.mode not in ("auto", "none"):
            scope.lose("tool_choice", "no tool is left to choose from")
        return None
    forced = choice.mode in ("required", "named") or (choice.mode == "allowed" and choice.allowed_mode == "required")
    if forced and ability == "auto":
        scope.lose("tool_choice", "a tool call cannot be forced on this model")
        return "auto"
    if choice.mode == "named" and ability == "no_named":
        scope.lose("tool_choice", "a tool cannot be forced by name on this model")
        return "required"
    if choice.raw is not None and scope.same and (choice.mode != "allowed" or _takes_allowed(scope)):
        return choice.raw["value"]
    match choice.mode:
        case "native":
            scope.lose("tool_choice", "this choice does not exist on this model's API")
            return None
        case "named":
            return {"type": "function", "function": {"name": scope.names.of(choice.name or "")}}
        case "allowed":  # the list of tools is narrowed instead
            return choice.allowed_mode
        case mode:
            return mode
