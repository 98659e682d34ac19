"""Items of a Responses reply that its client must act on, as tool calls for clients of the other formats (fault F049).

`apply_patch_call`, `shell_call` and their like are calls in all but name: the model waits for their outcome. A client that
knows them gets them as they are; to any other they are calls of a function of that name.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

import msgspec

from hyperinfer.formats.events import (
    ArgumentsDelta,
    Event,
    MessageEnd,
    ServerToolDelta,
    ServerToolEnd,
    ServerToolStart,
    ToolCallEnd,
    ToolCallStart,
)
from hyperinfer.formats.wire import is_object

_NAMES = {
    "apply_patch_call": "apply_patch",
    "shell_call": "shell",
    "local_shell_call": "local_shell",
    "computer_call": "computer",
    "tool_search_call": "tool_search",
}
_ARGUMENTS = ("operation", "action", "actions", "arguments", "pending_safety_checks")


class ActingItems:
    """A step over the events of one reply of a Responses upstream. Every other event passes as it is."""

    __slots__ = ("_called", "_holding")
    looks_at: ClassVar[frozenset[type]] = frozenset({ServerToolStart, ServerToolDelta, ServerToolEnd, MessageEnd})
    """What it may change, or learns from. No other event need be pushed."""

    def __init__(self) -> None:
        self._holding = False
        self._called = False

    def push(self, event: Event) -> Iterable[Event]:
        """The events that take the place of `event`."""
        match event:
            case ServerToolStart(type=kind) if kind in _NAMES:
                self._holding = _is_for_client(event.item)
                return () if self._holding else (event,)
            case ServerToolDelta() if self._holding:
                return ()
            case ServerToolEnd(item=item) if self._holding:
                self._holding, self._called = False, True
                return _call(item)
            case MessageEnd(stop="stop" | "stop_sequence") if self._called:
                return (msgspec.structs.replace(event, stop="tool_calls", raw_stop=None),)
            case _:
                return (event,)


def _is_for_client(item: dict[str, Any]) -> bool:
    """Whether nobody else acts on it: not a container of the vendor, not the vendor's own search."""
    environment = item.get("environment")
    if is_object(environment) and environment.get("type") != "local":
        return False
    return item.get("type") != "tool_search_call" or item.get("execution") == "client"


def _call(item: dict[str, Any]) -> Iterable[Event]:
    name = _NAMES[str(item.get("type"))]
    arguments: Any = {field: item[field] for field in _ARGUMENTS if item.get(field) not in (None, [])}
    if arguments.keys() == {"arguments"}:
        arguments = arguments["arguments"]  # those of a function already
    call_id = item.get("call_id") or item.get("id") or f"call_{name}"
    yield ToolCallStart(str(call_id), name)
    yield ArgumentsDelta(msgspec.json.encode(arguments).decode())
    yield ToolCallEnd()
