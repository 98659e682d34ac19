"""Puts tool calls back into the form in which the caller declared the tool.

A custom tool goes to an upstream without custom tools as a function with one string field `input`; a namespaced tool as
`<namespace>__<name>`. The events of the reply then name the upstream's form: this restores the caller's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

from hyperinfer.formats.events import ArgumentsDelta, Event, ToolCallEnd, ToolCallStart
from hyperinfer.formats.wire import is_object

if TYPE_CHECKING:
    from hyperinfer.formats.codec import ToolAlias


class ToolRestorer:
    """A step over events. With no aliases it gives every event back as it is.

    The arguments of a call that must be unwrapped are held until the call is complete: JSON cannot be unwrapped before.
    """

    looks_at: ClassVar[frozenset[type]] = frozenset({ToolCallStart, ArgumentsDelta, ToolCallEnd})
    """What it may change, or learns from. No other event need be pushed."""

    def __init__(self, aliases: Mapping[str, ToolAlias]) -> None:
        self._aliases = aliases
        self._held: dict[int, list[str]] = {}  # choice to pieces of the wrapped arguments

    def push(self, event: Event) -> Iterable[Event]:
        """The events that take the place of `event`."""
        if not self._aliases:
            return (event,)
        match event:
            case ToolCallStart(name=name) if (alias := self._aliases.get(name)) is not None:
                unwrap = alias.kind == "custom" and event.kind == "function"
                if unwrap:
                    self._held[event.choice] = []
                return (
                    msgspec.structs.replace(
                        event, name=alias.name, namespace=alias.namespace, kind="custom" if unwrap else event.kind
                    ),
                )
            case ArgumentsDelta(choice=choice) if choice in self._held:
                self._held[choice].append(event.text)
                return ()
            case ToolCallEnd(choice=choice) if choice in self._held:
                text = unwrap_input("".join(self._held.pop(choice)))
                return (ArgumentsDelta(text, choice=choice), event) if text else (event,)
            case _:
                return (event,)


def wrap_input(text: str) -> str:
    """Raw input of a custom tool as the arguments of the function that stands for it."""
    return msgspec.json.encode({"input": text}).decode()


def unwrap_input(arguments: str) -> str:
    """The raw input in the arguments of such a function. Arguments of another shape are the model's: given as they are."""
    try:
        value: object = msgspec.json.decode(arguments or "{}")
    except (msgspec.DecodeError, RecursionError):
        return arguments
    if not is_object(value):
        return arguments
    text = value.get("input", "" if not value else None)
    return text if isinstance(text, str) else arguments


CUSTOM_PARAMETERS: dict[str, Any] = {
    "type": "object",
    "properties": {"input": {"type": "string", "description": "The tool's raw input."}},
    "required": ["input"],
    "additionalProperties": False,
}
"""The schema of the function that stands for a custom tool."""
