"""What a server tool is to the loop that runs it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

if TYPE_CHECKING:
    from hyperinfer.formats.server_tools import ToolName, ToolOutcome


class Declaration(msgspec.Struct, frozen=True, kw_only=True):
    """How a tool is told to a model: as a function. `parameters`: a JSON schema object."""

    description: str
    parameters: dict[str, Any]


class ServerTool(Protocol):
    """One tool of the gateway. Implementations are made once and hold no state of a request."""

    @property
    def name(self) -> ToolName: ...

    @property
    def price(self) -> int:
        """Pico-USD a call that went well."""
        ...

    @property
    def seconds(self) -> float:
        """The longest that a run may take. The loop cuts it off then, and tells the model so."""
        ...

    def declaration(self, options: Mapping[str, Any]) -> Declaration:
        """For a request that activates the tool with these options (the plugin's own fields beside `id` and `events`).
        Options that make no sense raise `ValueError`, whose text tells the caller why."""
        ...

    async def run(self, arguments: Mapping[str, Any], options: Mapping[str, Any]) -> ToolOutcome:
        """One call. `arguments` are what the model wrote: an object, of whatever content. What goes wrong is an outcome with
        `error`, never an exception. May be cancelled at any time."""
        ...
