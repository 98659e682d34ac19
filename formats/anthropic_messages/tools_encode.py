"""Tools and the tool choice of a Messages request (wire facts 1.3, 4.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hyperinfer.formats import grammars, restore
from hyperinfer.formats.namespaces import described
from hyperinfer.formats.native_tools import messages_type, unversioned
from hyperinfer.formats.wire import is_array, is_object

if TYPE_CHECKING:
    from hyperinfer.formats.anthropic_messages.scope import Scope
    from hyperinfer.formats.conversation import Tool, ToolChoice
    from hyperinfer.formats.tool_names import Names

_NO_ARGUMENTS: dict[str, Any] = {"type": "object", "properties": {}}


def encode_tools(scope: Scope, names: Names) -> list[dict[str, Any]]:
    """The tools in the caller's order, without those that an `allowed` choice leaves out."""
    choice = scope.conversation.tool_choice
    allowed = set(choice.allowed) if choice is not None and choice.mode == "allowed" else None
    tools: list[dict[str, Any]] = []
    for tool in described(scope.conversation.tools):
        if allowed is not None and not {tool.name, tool.type, f"{tool.namespace}__{tool.name}"} & allowed:
            continue
        encoded = _tool(scope, names, tool)
        if encoded is None:
            continue
        tools.append(encoded)
    return tools + _plugins(scope, tools)


def _plugins(scope: Scope, declared: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The gateway's own tools that the provider runs in its place."""
    found: list[dict[str, Any]] = []
    for plugin in scope.conversation.plugins:
        kind = messages_type(scope.target.native_tools, plugin.id)
        if kind is None:
            scope.lose(plugin.path or "plugins", f"the provider has no tool {plugin.id}")
        elif all(tool.get("type") != kind for tool in declared):
            options = _search_options(scope, plugin.path, plugin.options) if plugin.id == "web_search" else {}
            found.append({"type": kind, "name": plugin.id, **options})
    return found


def _tool(scope: Scope, names: Names, tool: Tool) -> dict[str, Any] | None:
    if tool.kind == "native":
        return _native(scope, names, tool)
    encoded: dict[str, Any] = {"type": "custom"} if scope.same and tool.type == "custom" else {}
    encoded["name"] = names.of(tool.name, tool.namespace)
    description = tool.description
    if tool.kind == "custom":
        description = _with_grammar(scope, tool)
    if description is not None:
        encoded["description"] = description
    encoded["input_schema"] = restore.CUSTOM_PARAMETERS if tool.kind == "custom" else _parameters(tool)
    if tool.strict is not None and (tool.strict or scope.same):
        if scope.target.quirks.strict_tools == "send":
            encoded["strict"] = tool.strict
        elif tool.strict:
            scope.lose(f"{tool.path}.strict", "the provider does not enforce schemas of tools")
    return _finished(scope, tool, encoded)


def _finished(scope: Scope, tool: Tool, encoded: dict[str, Any]) -> dict[str, Any]:
    if tool.cache is not None and (mark := scope.cache(tool.cache, tool.path)) is not None:
        encoded["cache_control"] = mark
    if tool.extra is not None:
        encoded.update(scope.extra(tool.extra, tool.path))
    return encoded


def _parameters(tool: Tool) -> dict[str, Any]:
    if not tool.parameters:
        return _NO_ARGUMENTS
    return tool.parameters if "type" in tool.parameters else {"type": "object", **tool.parameters}


def _with_grammar(scope: Scope, tool: Tool) -> str | None:
    """A custom tool's description. Its grammar cannot be enforced, so the model is told of it."""
    if grammars.restricts(tool):
        scope.lose(f"{tool.path}.format", "the grammar is told to the model, not enforced")
    return grammars.told(tool)


def _native(scope: Scope, names: Names, tool: Tool) -> dict[str, Any] | None:
    if scope.same:
        raw = dict(tool.raw or {"type": tool.type, "name": tool.name})
        raw.pop("cache_control", None)
        return _finished(scope, tool, raw)
    if tool.parameters is not None:  # the caller runs it itself
        encoded: dict[str, Any] = {"name": names.of(tool.name, tool.namespace), "input_schema": _parameters(tool)}
        if tool.description is not None:
            encoded["description"] = tool.description
        return _finished(scope, tool, encoded)
    hosted = _hosted(scope, tool)
    if hosted is None:
        scope.lose(tool.path, f"the provider has no tool of type {tool.type}")
    return hosted


def _hosted(scope: Scope, tool: Tool) -> dict[str, Any] | None:
    """A web search of OpenAI's dialects as Anthropic's, where the route runs one."""
    if unversioned(tool.type) != "web_search":
        return None
    kind = messages_type(scope.target.native_tools, tool.type)
    if kind is None:
        return None
    return {"type": kind, "name": "web_search", **_search_options(scope, tool.path, tool.raw or {})}


def _search_options(scope: Scope, path: str, asked: dict[str, Any]) -> dict[str, Any]:
    """What a web search of OpenAI's dialects is told, as far as Anthropic's can be told the same."""
    found: dict[str, Any] = {}
    filters = asked.get("filters")
    domains = filters.get("allowed_domains") if is_object(filters) else None
    if is_array(domains) and domains:
        found["allowed_domains"] = domains
    if is_object(location := asked.get("user_location")):
        found["user_location"] = location
    for name in asked.keys() - {"type", "filters", "user_location", "search_context_size"}:
        if asked[name] is not None:
            scope.lose(f"{path}.{name}", "the provider's web search has no such option")
    if asked.get("search_context_size") not in (None, "medium"):
        scope.lose(f"{path}.search_context_size", "the provider's web search has no such option")
    return found


def encode_choice(scope: Scope, names: Names, *, has_tools: bool) -> dict[str, Any] | None:
    """`tool_choice`, with `disable_parallel_tool_use` where calls must not be parallel."""
    choice = scope.conversation.tool_choice
    parallel = scope.conversation.parallel_tool_calls
    if not has_tools and not scope.same:
        if choice is not None and choice.mode not in ("none", "auto"):
            scope.lose("tool_choice", "there is no tool to choose")
        return None
    encoded = _choice(scope, names, choice) if choice is not None else None
    if parallel is not None and scope.target.quirks.parallel_tool_calls == "omit":
        if not parallel:
            scope.lose("parallel_tool_calls", "the provider cannot be kept from parallel calls")
        parallel = None
    if scope.same and parallel is not None:
        encoded = encoded or {"type": "auto"}
        encoded["disable_parallel_tool_use"] = not parallel
    elif parallel is False and (encoded is None or encoded["type"] in ("auto", "any", "tool")):
        encoded = {**(encoded or {"type": "auto"}), "disable_parallel_tool_use": True}
    return encoded


def _choice(scope: Scope, names: Names, choice: ToolChoice) -> dict[str, Any]:
    extra = scope.extra(choice.extra, "tool_choice")
    mode = choice.allowed_mode if choice.mode == "allowed" else choice.mode
    if mode == "native":
        if scope.same and choice.raw is not None:
            return dict(choice.raw)
        scope.lose("tool_choice", "Messages has no such choice")
        return {"type": "auto"}
    forcing = scope.target.quirks.tool_choice
    if (forcing == "auto" and mode in ("named", "required")) or (forcing == "no_named" and mode == "named"):
        scope.lose("tool_choice", "the provider cannot force this choice")
        return {"type": "auto" if forcing == "auto" else "any"}
    if mode == "named":
        return {"type": "tool", "name": _chosen(scope, names, choice.name or ""), **extra}
    return {"type": {"auto": "auto", "none": "none"}.get(mode, "any"), **extra}


def _chosen(scope: Scope, names: Names, name: str) -> str:
    """The upstream name of a tool that was chosen by the name its caller knows."""
    for tool in scope.conversation.tools:
        if name in (tool.name, f"{tool.namespace}__{tool.name}"):
            return names.of(tool.name, tool.namespace)
    return names.of(name)
