"""Tool definitions and choices on the wire, for requests to an upstream and for what a response echoes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from hyperinfer.formats.grammars import flat

if TYPE_CHECKING:
    from hyperinfer.formats.conversation import Plugin, ResponseFormat, Tool, ToolChoice

_POSITION = re.compile(r"^tools\[(\d+)\]")

NO_PARAMETERS: dict[str, Any] = {"type": "object", "properties": {}}


def tool_to_wire(tool: Tool, name: str, *, native_dialect: bool) -> dict[str, Any]:
    """One tool. `native_dialect`: it was declared in this format, so what it leaves out stays out.

    Elsewhere a function without `strict` is not strict, while Responses makes one strict that does not say.
    """
    if tool.kind == "native":
        return tool.raw or {"type": tool.type}
    wire: dict[str, Any] = {"type": tool.kind, "name": name}
    if tool.description is not None:
        wire["description"] = tool.description
    if tool.kind == "custom":
        if tool.grammar is not None:
            wire["format"] = flat(tool.grammar)
    else:
        if tool.parameters is not None or not native_dialect:
            wire["parameters"] = tool.parameters if tool.parameters is not None else NO_PARAMETERS
        if tool.strict is not None or not native_dialect:
            wire["strict"] = bool(tool.strict)
    if native_dialect and tool.extra:
        wire.update({key: value for key, value in tool.extra.items() if key != "namespace"})
    return wire


def tools_to_wire(
    tools: Iterable[Tool], rename: Callable[[str], str], plugins: Sequence[Plugin] = (), *, native_dialect: bool
) -> list[dict[str, Any]]:
    """The `tools` array: tools of one namespace together again, the gateway's tools where they stood."""
    found: list[dict[str, Any]] = []
    group: dict[str, Any] | None = None
    members: list[dict[str, Any]] = []
    for tool in tools:
        wire = tool_to_wire(tool, rename(tool.name), native_dialect=native_dialect)
        if tool.namespace is None:
            group = None
            found.append(wire)
            continue
        if group is None or group["name"] != tool.namespace:
            group = {"type": "namespace", "name": tool.namespace}
            if tool.namespace_description is not None:
                group["description"] = tool.namespace_description
            group.update((tool.extra or {}).get("namespace") or {})
            members = group["tools"] = []
            found.append(group)
        members.append(wire)
    for plugin in plugins:
        wire = {"type": plugin.id, **plugin.options}
        if plugin.events:
            wire["events"] = True
        position = _POSITION.match(plugin.path)
        found.insert(int(position[1]) if position else len(found), wire)
    return found


def choice_to_wire(choice: ToolChoice, rename: Callable[[str], str], *, native_dialect: bool) -> Any:
    """`tool_choice`; None for a choice that only another format knows."""
    if choice.mode == "native":
        if not native_dialect or choice.raw is None:
            return None
        return choice.raw.get("", choice.raw)
    if choice.mode == "named":
        extra = choice.extra if native_dialect else None
        return {"type": choice.kind, "name": rename(choice.name or ""), **(extra or {})}
    if choice.mode == "allowed":
        if native_dialect and choice.raw is not None:
            return choice.raw
        names = [{"type": "function", "name": rename(name)} for name in choice.allowed]
        return {"type": "allowed_tools", "mode": choice.allowed_mode, "tools": names}
    return choice.mode


def format_to_wire(shape: ResponseFormat, *, native_dialect: bool) -> dict[str, Any]:
    """`text.format`."""
    if shape.type == "json_schema" and shape.schema is None and not native_dialect:
        return {"type": "json_object"}
    wire: dict[str, Any] = {"type": shape.type}
    if shape.type == "json_schema":
        if shape.name is not None or shape.schema is not None:
            wire["name"] = shape.name or "response"
        if shape.schema is not None:
            wire["schema"] = shape.schema
        if shape.strict is not None:
            wire["strict"] = shape.strict
        if shape.description is not None:
            wire["description"] = shape.description
    if native_dialect and shape.extra:
        wire.update(shape.extra)
    return wire
