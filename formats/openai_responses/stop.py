"""Stop reasons: the `status` of a response and the canonical reasons (wire facts 4.1).

A refusal. OpenAI's models refuse with a `refusal` part in a response that is `completed`, as in Chat: the events have a
refusal block, and the reply ends by `stop`. A filter cuts a response short as `incomplete` with reason `content_filter`:
that is the canonical `refusal`, and what a reply that ends by `refusal` becomes; its explanation, where there is one, is a
`refusal` part.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from hyperinfer.formats.errors import EncodeError
from hyperinfer.formats.wire import is_object

if TYPE_CHECKING:
    from hyperinfer.formats.events import StopReason

_INCOMPLETE: dict[str, StopReason] = {"max_output_tokens": "length", "content_filter": "refusal"}
_NO_END = ("queued", "in_progress")
CUT: frozenset[StopReason] = frozenset({"length", "context_window", "refusal"})
"""Ends of a reply that was cut off, whose last item is incomplete."""


class WireStop(NamedTuple):
    """`status` and, for an incomplete response, the reason in `incomplete_details`."""

    status: str
    reason: str | None = None


_TO_WIRE: dict[StopReason, WireStop] = {
    "stop": WireStop("completed"),
    "stop_sequence": WireStop("completed"),
    "tool_calls": WireStop("completed"),
    "pause": WireStop("completed"),
    "length": WireStop("incomplete", "max_output_tokens"),
    "context_window": WireStop("incomplete", "max_output_tokens"),
    "refusal": WireStop("incomplete", "content_filter"),
}


def has_not_ended(response: dict[str, Any]) -> bool:
    """Whether the upstream still works on it."""
    return response.get("status") in _NO_END


def stop_from_wire(response: dict[str, Any], *, called_tools: bool) -> StopReason:
    """The canonical reason. An unknown reason for being incomplete counts as cut short, an unknown status as an end."""
    if has_not_ended(response):
        return "unfinished"
    if response.get("status") == "incomplete":
        details = response.get("incomplete_details")
        reason = details.get("reason") if is_object(details) else None
        return _INCOMPLETE.get(reason, "length") if isinstance(reason, str) else "length"
    return "tool_calls" if called_tools else "stop"


def stop_to_wire(stop: StopReason) -> WireStop:
    """What a response says that ended so, when its upstream spoke another protocol. Raises `EncodeError` for no end."""
    if stop == "unfinished":
        raise EncodeError("the reply has not ended")
    return _TO_WIRE[stop]
