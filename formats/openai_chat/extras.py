"""Wire fields that are not modelled, on their way with the events of a hop between equal formats."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

import msgspec

from hyperinfer.formats import events as ev
from hyperinfer.formats.wire import is_object

if TYPE_CHECKING:
    from hyperinfer.formats.events import Event, Extra

LEVELS = frozenset({"chunk", "choice", "delta", "once"})
"""Keys of an event's `extra` that are objects of the chunk; other keys are the event's own."""

_WITHOUT_EXTRA = (
    ev.Citation,
    ev.ServerToolStart,
    ev.ServerToolDelta,
    ev.ServerToolEnd,
    ev.ToolRunStart,
    ev.ToolRunEnd,
    ev.ImageOutput,
    ev.UsageUpdate,
    ev.UpstreamError,
    ev.Unknown,
)


def merged(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    """Both, the objects of one level joined. A null says nothing against a value; `chunk` is always whole."""
    out = dict(first)
    for key, value in second.items():
        old = out.get(key)
        if key != "chunk" and is_object(old) and is_object(value):
            value = {**old, **{name: item for name, item in value.items() if item is not None or name not in old}}
        out[key] = value
    return out


def put_extra(out: deque[Event], start: int, choice: int, extra: dict[str, Any]) -> bool:
    """Gives `extra` to the first event of `choice` from `start` on that can carry it; False where there is none."""
    for place in range(start, len(out)):
        event = out[place]
        if not isinstance(event, _WITHOUT_EXTRA) and event.choice == choice:
            out[place] = msgspec.structs.replace(event, extra=merged(extra, event.extra or {}))
            return True
    return False


def split_extra(extra: Extra) -> tuple[dict[str, Any], dict[str, Any]]:
    """(the event's own fields, those of the chunk's levels)."""
    own = {key: value for key, value in (extra or {}).items() if key not in LEVELS}
    return own, {key: value for key, value in (extra or {}).items() if key in LEVELS}
