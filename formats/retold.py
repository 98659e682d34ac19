"""What a Responses upstream says again of its request, where the client asked for something else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from hyperinfer.formats.wire import is_object

if TYPE_CHECKING:
    from hyperinfer.formats.events import MessageEnd, MessageStart

_FIELDS: Final = ("tools", "tool_choice", "parallel_tool_calls", "text", "instructions")
"""Fields of its envelope that do."""


def as_asked(event: MessageStart) -> MessageStart:
    """The start of a reply whose envelope tells the client its own request."""
    theirs = event.extra.get("response") if event.extra else None
    if event.dialect != "openai_responses" or not is_object(theirs):
        return event
    names = tuple(name for name in _FIELDS if name in theirs)
    rest = {name: value for name, value in theirs.items() if name not in names}
    return msgspec.structs.replace(event, extra={**(event.extra or {}), "response": rest, "retold": names})


def as_asked_at_end(event: MessageEnd) -> MessageEnd:
    """The same for its end."""
    theirs = event.extra.get("response") if event.extra else None
    if not is_object(theirs):
        return event
    rest = {name: value for name, value in theirs.items() if name not in _FIELDS}
    return msgspec.structs.replace(event, extra={**(event.extra or {}), "response": rest})
