"""Stop reasons: the `status` of a response and the canonical reasons (wire facts 4.1).

A refusal. OpenAI's models refuse with a `refusal` part in a response that is `completed`; a filter cuts a response short
as `incomplete` with reason `content_filter`. Coming from Responses, both are the canonical `refusal`, and the upstream's
own word is kept. Going to Responses, a refusal that came by another protocol is `incomplete` with `content_filter`; the
explanation, where there is one, is a `refusal` part.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from hyperinfer.formats.wire import is_object

if TYPE_CHECKING:
    from hyperinfer.formats.events import StopReason

_INCOMPLETE: dict[str, StopReason] = {"max_output_tokens": "length", "content_filter": "refusal"}


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


def stop_from_wire(response: dict[str, Any], *, called_tools: bool, refused: bool) -> StopReason:
    """The canonical reason of a response that has ended. An unknown reason for being incomplete counts as cut short."""
    if response.get("status") == "incomplete":
        details = response.get("incomplete_details")
        reason = details.get("reason") if is_object(details) else None
        return _INCOMPLETE.get(reason, "length") if isinstance(reason, str) else "length"
    if called_tools:
        return "tool_calls"
    return "refusal" if refused else "stop"


def stop_to_wire(stop: StopReason) -> WireStop:
    """What a response says that ended so, when its upstream spoke another protocol."""
    return _TO_WIRE[stop]
