"""What the model is asked, round by round: the caller's conversation with the server tools as functions of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from hyperinfer.formats.conversation import Tool, ToolChoice
from hyperinfer.formats.native_tools import is_native, unversioned
from hyperinfer.formats.wire import is_array, is_object

if TYPE_CHECKING:
    from hyperinfer.formats.conversation import Conversation, Turn
    from hyperinfer.nodes.tools.activation import Active
    from hyperinfer.providers.catalogue import Route


class Asking:
    """The conversation of one request as it grows. Routes are asked differently: one may run a tool itself.

    `history`: the caller's turns for a route, which may differ in what it can read.
    """

    def __init__(
        self, conversation: Conversation, tools: Mapping[str, Active], history: Callable[[Route], tuple[Turn, ...]]
    ) -> None:
        self._caller, self._tools, self._history = conversation, tools, history
        self._added: tuple[Turn, ...] = ()
        self._concluded = False
        self._made: dict[str, tuple[Route, Conversation]] = {}

    def of(self, route: Route) -> Conversation:
        """What a route is asked in this round."""
        made = self._made.get(f"{route.provider.name} {route.model}")
        if made is not None and made[0] is route:
            return made[1]
        conversation = self._ask(route)
        self._made[f"{route.provider.name} {route.model}"] = (route, conversation)
        return conversation

    def extend(self, turns: tuple[Turn, ...]) -> None:
        """Another round: what the model said, and what its tools found."""
        self._added += turns
        self._made.clear()

    def conclude(self) -> None:
        """The next round is the last: the model has no tools any more and must answer with what it knows."""
        self._concluded = True
        self._made.clear()

    def _ask(self, route: Route) -> Conversation:
        caller = self._caller
        native = tuple(plugin for plugin in caller.plugins if is_native(route.native_tools, plugin.id))
        ours = {name: a for name, a in self._tools.items() if not is_native(route.native_tools, a.tool.name)}
        tools = (*caller.tools, *(_declared(name, active) for name, active in ours.items()))
        return msgspec.structs.replace(
            caller,
            turns=self._history(route) + self._added,
            plugins=() if self._concluded else native,
            tools=() if self._concluded else tools,
            tool_choice=self._choice(ours),
            parallel_tool_calls=None if self._concluded else caller.parallel_tool_calls,
        )

    def _choice(self, ours: Mapping[str, Active]) -> ToolChoice | None:
        """A call that was demanded has been made by the second round: demanded again, it would never end."""
        choice = self._caller.tool_choice
        if choice is None or self._concluded:
            return None
        if self._added and choice.mode in ("required", "named", "native"):
            return ToolChoice(mode="auto")
        if choice.mode == "allowed":
            choice = _by_our_names(choice, ours)
            return _not_demanded(choice) if self._added else choice
        if choice.mode == "native":
            wanted = (choice.raw or {}).get("type")
            for name, active in ours.items():
                if isinstance(wanted, str) and unversioned(wanted) == active.tool.name:
                    return ToolChoice(mode="named", name=name)
        return choice


def _by_our_names(choice: ToolChoice, ours: Mapping[str, Active]) -> ToolChoice:
    """Responses clients allow our tools by their type, of which the provider knows nothing: to it they are functions."""
    listed: object = (choice.raw or {}).get("tools")
    if not is_array(listed):
        return choice
    told: list[Any] = [each if (name := _named(each, ours)) is None else _function(name) for each in listed]
    if told == listed:
        return choice
    names = tuple(_named(each, ours) or str(each.get("name") or each.get("type")) for each in listed if is_object(each))
    return msgspec.structs.replace(choice, allowed=names, raw={**(choice.raw or {}), "tools": told})


def _function(name: str) -> dict[str, str]:
    return {"type": "function", "name": name}


def _named(listed: object, ours: Mapping[str, Active]) -> str | None:
    """The function of ours that an entry of `allowed_tools` means."""
    kind = listed.get("type") if is_object(listed) else None
    if not isinstance(kind, str):
        return None
    return next((name for name, active in ours.items() if unversioned(kind) == active.tool.name), None)


def _not_demanded(choice: ToolChoice) -> ToolChoice:
    """The same tools, of which none must be called. `raw`: as Chat has it, below `value`, or as Responses has it."""
    raw = choice.raw or {}
    if is_object(value := raw.get("value")) and is_object(inner := value.get("allowed_tools")):
        raw = {"value": {**value, "allowed_tools": {**inner, "mode": "auto"}}}
    elif raw:
        raw = {**raw, "mode": "auto"}
    return msgspec.structs.replace(choice, allowed_mode="auto", raw=raw or None)


def _declared(name: str, active: Active) -> Tool:
    declaration = active.declaration
    return Tool(
        kind="function",
        name=name,
        path=active.path,
        description=declaration.description,
        parameters=declaration.parameters,
    )
