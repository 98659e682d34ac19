"""Stop reasons, both ways (wire facts 4.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hyperinfer.formats.errors import EncodeError

if TYPE_CHECKING:
    from hyperinfer.formats.events import MessageEnd, StopReason

_FROM_WIRE: dict[str, StopReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop_sequence",
    "max_tokens": "length",
    "model_context_window_exceeded": "context_window",
    "tool_use": "tool_calls",
    "pause_turn": "pause",
    "compaction": "pause",
    "refusal": "refusal",
}
_PLAIN: dict[StopReason, str] = {
    "length": "max_tokens",
    "context_window": "model_context_window_exceeded",
    "pause": "pause_turn",
    "refusal": "refusal",
}
_OFFICIAL = frozenset(_FROM_WIRE) - {"compaction"}


def decode_stop(raw: str | None, *, has_call: bool) -> StopReason:
    """The canonical reason. A call without a reason that ends the turn otherwise is a wait for its result."""
    stop = _FROM_WIRE.get(raw or "", "stop")
    return "tool_calls" if has_call and stop == "stop" else stop


def encode_stop(event: MessageEnd, *, has_call: bool, refused: bool, stops: tuple[str, ...]) -> tuple[str, str | None]:
    """(stop_reason, stop_sequence). `stops`: the caller's stop strings; a single one is the one that was hit.

    A call in the reply means `tool_use`, whatever the upstream said, unless the reply was cut or refused. Raises
    `EncodeError` for a reply that has not ended.
    """
    stop = event.stop
    if stop == "unfinished":
        raise EncodeError("the reply has not ended")
    if stop in ("length", "context_window"):
        return _PLAIN[stop], None
    if refused or stop == "refusal":
        return "refusal", None
    if stop == "pause":
        return "pause_turn", None
    if has_call:
        return "tool_use", None
    if stop == "stop_sequence":
        matched = event.stop_sequence or (stops[0] if len(stops) == 1 else None)
        return ("stop_sequence", matched) if matched else ("end_turn", None)
    return "end_turn", None


def own_word(event: MessageEnd) -> str | None:
    """A reason of the upstream's own that this version does not know: it goes on to a client of the same dialect."""
    return event.raw_stop if event.raw_stop and event.raw_stop not in _OFFICIAL else None
