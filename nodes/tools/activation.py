"""Which server tools a request switches on, and whether they can be had."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from hyperinfer.formats.codec import Loss
from hyperinfer.formats.native_tools import is_native
from hyperinfer.formats.server_tools import TOOL_NAMES
from hyperinfer.nodes.items import Failed
from hyperinfer.nodes.refusal import refused_losses

if TYPE_CHECKING:
    from hyperinfer.formats.conversation import Plugin
    from hyperinfer.formats.server_tools import ToolName
    from hyperinfer.nodes.items import Planned
    from hyperinfer.nodes.tools.port import Declaration, ServerTool

Toolbox: TypeAlias = "Mapping[ToolName, ServerTool]"
"""The tools that can be had, by their names in the contract."""

PREFIX = "hyperinfer_"
"""Before the name of a function of ours where the caller has one of that name."""


class Active(NamedTuple):
    """A tool for one request. `events`: whether the client wants to see its runs."""

    tool: ServerTool
    declaration: Declaration
    options: Mapping[str, Any]
    path: str
    events: bool


class Activation(NamedTuple):
    """`tools`: by the function's name upstream. `losses`: of what could not be switched on."""

    tools: Mapping[str, Active]
    losses: list[Loss]


def activate(planned: Planned, toolbox: Toolbox) -> Activation | Failed:
    """The tools of a request, or its refusal.

    A tool that the operator did not set up is a 400 that names it, but for `web_search` of Responses clients, which send it
    unasked (Codex does): that is a Loss (RULES: How the contract is read). One that every route runs itself is left to them.
    """
    conversation, ticket = planned.conversation, planned.ticket
    taken = {tool.name for tool in conversation.tools}
    found: dict[str, Active] = {}
    losses: list[Loss] = []
    for plugin in conversation.plugins:
        native = [is_native(route.native_tools, plugin.id) for choice in planned.choices for route in choice.routes]
        if all(native):
            continue
        tool = next((toolbox[name] for name in TOOL_NAMES if name == plugin.id and name in toolbox), None)
        if tool is None:
            if any(native):
                continue
            if plugin.id in TOOL_NAMES and (conversation.dialect != "openai_responses" or plugin.id != "web_search"):
                message = f"The server tool '{plugin.id}' is not configured on this gateway."
                return Failed("invalid_request", message, param=plugin.path or "plugins", ticket=ticket)
            losses.append(Loss(plugin.path or "plugins", f"the server tool '{plugin.id}' is not configured here"))
            continue
        try:
            declaration = tool.declaration(plugin.options)
        except ValueError as error:
            return Failed("invalid_request", f"{plugin.path}: {error}", param=plugin.path, ticket=ticket)
        name: str = tool.name
        while name in taken:
            name = PREFIX + name
        events = conversation.tool_events or plugin.events
        found[name] = Active(tool, declaration, plugin.options, plugin.path, events)
    if found and (conversation.sampling.n or 1) > 1:
        return Failed("invalid_request", "Server tools work for one answer only: `n` must be 1.", param="n", ticket=ticket)
    if losses and ticket.strict:
        return refused_losses(losses, ticket)
    return Activation(found, losses)


def most_of_one_call_each(plugins: tuple[Plugin, ...], toolbox: Toolbox) -> int:
    """Pico-USD for a hold: one run of every tool that is switched on."""
    ids = {plugin.id for plugin in plugins}
    return sum(tool.price for name, tool in toolbox.items() if name in ids)
