"""What a Chat message has beside its role and its content, and where a part stood in the caller's request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from hyperinfer.formats.conversation import NativePart, Part, ReasoningPart, ToolCallPart, Turn
from hyperinfer.formats.losses import losses_of_extra
from hyperinfer.formats.openai_chat.content import cache_mark

if TYPE_CHECKING:
    from hyperinfer.formats.openai_chat.scope import Scope

MARK = "cache_control"
_ITEMS = (NativePart, ReasoningPart, ToolCallPart)
"""Parts that are whole items in Responses."""


def turn_fields(turn: Turn, scope: Scope) -> dict[str, Any]:
    """The caller's own fields towards a Chat upstream; from the other dialects they are losses."""
    if not scope.same:
        scope.losses.extend(losses_of_extra(turn.extra, turn.path, "Chat messages have no such field"))
        if turn.phase is not None:
            scope.lose(f"{turn.path}.phase", "Chat messages have no phase")
        return {}
    quiet = dict(turn.quiet or {})
    fields = {**(turn.extra or {}), **quiet}
    fields.pop(MARK, None)
    if mark := cache_mark({MARK: quiet.get(MARK)}):
        fields.update(scope.cache(mark, turn.path))
    if turn.name is not None:
        fields["name"] = turn.name
    return fields


def content_parts(turn: Turn) -> tuple[Part, ...]:
    """The parts, without the mark that stood on the message: it goes back there."""
    if MARK not in (turn.quiet or {}):
        return turn.parts
    return tuple(msgspec.structs.replace(part, cache=None) if getattr(part, "cache", None) else part for part in turn.parts)


def part_path(turn: Turn, index: int) -> str:
    """Where a part of a turn stood in the request, as well as it can be told."""
    if turn.path == "system":
        return turn.path if turn.plain else f"system[{index}]"
    if turn.plain or turn.role == "tool":
        return f"{turn.path}.content" if turn.path.startswith("messages") else turn.path
    if turn.path.startswith("input") and len(turn.parts) == 1 and isinstance(turn.parts[0], _ITEMS):
        return turn.path
    return f"{turn.path}.content[{index}]"
