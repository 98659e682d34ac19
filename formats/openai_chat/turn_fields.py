"""What a Chat message has beside its role and its content."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from hyperinfer.formats.losses import losses_of_extra
from hyperinfer.formats.openai_chat.content import cache_mark

if TYPE_CHECKING:
    from hyperinfer.formats.conversation import Part, Turn
    from hyperinfer.formats.openai_chat.scope import Scope

MARK = "cache_control"


def turn_fields(turn: Turn, scope: Scope) -> dict[str, Any]:
    """The caller's own fields towards a Chat upstream; from the other dialects they are losses."""
    if not scope.same:
        if turn.extra is not None:
            scope.losses.extend(losses_of_extra(turn.extra, turn.path, "Chat messages have no such field"))
        if turn.phase is not None:
            scope.lose(f"{turn.path}.phase", "Chat messages have no phase")
        return {}
    if turn.quiet is None and turn.extra is None:
        return {} if turn.name is None else {"name": turn.name}
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
    if turn.quiet is None or MARK not in turn.quiet:
        return turn.parts
    return tuple(msgspec.structs.replace(part, cache=None) if getattr(part, "cache", None) else part for part in turn.parts)
