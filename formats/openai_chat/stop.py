"""Stop reasons: Chat's `finish_reason` and the canonical reasons (wire facts 4.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hyperinfer.formats.errors import EncodeError

if TYPE_CHECKING:
    from hyperinfer.formats.events import StopReason

_FROM_WIRE: dict[str, StopReason] = {
    "stop": "stop",
    "length": "length",
    "max_tokens": "length",
    "model_length": "length",
    "model_context_window_exceeded": "context_window",
    "tool_calls": "tool_calls",
    "tool_use": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "refusal",
    "refusal": "refusal",
    "safety": "refusal",
}

_TO_WIRE: dict[StopReason, str] = {
    "stop": "stop",
    "stop_sequence": "stop",
    "length": "length",
    "context_window": "length",
    "tool_calls": "tool_calls",
    "pause": "stop",
    "refusal": "content_filter",
}


_REASONS = frozenset({*_FROM_WIRE, "end_turn", "stop_sequence", "pause_turn", "eos", "eos_token"})


def stop_from_wire(finish_reason: str | None, *, called_tools: bool) -> StopReason:
    """The canonical reason. A word that is not Chat's (`eos`, `end_turn`) is an ordinary end.

    A reply that calls tools waits for them even when the server says `stop` (litellm#34692), and one that says
    `tool_calls` without calling any does not.
    """
    stop = _FROM_WIRE.get((finish_reason or "stop").lower(), "stop")
    if stop in ("stop", "tool_calls"):
        return "tool_calls" if called_tools else "stop"
    return stop


def matched_stop(choice: dict[str, Any]) -> str | None:
    """The stop string that was hit, where a server tells it: vLLM `stop_reason` (a number is a token id), SGLang
    `matched_stop`. The reasons of other APIs, which some servers put there, are no stop strings."""
    for name in ("stop_reason", "matched_stop"):
        value = choice.get(name)
        if isinstance(value, str) and value and value not in _REASONS:
            return value
    return None


def stop_to_wire(stop: StopReason, *, called_tools: bool, called_function: bool = False) -> str:
    """Chat's word. Tool calls that were made are waited for; a reply cut short or refused says so first.

    `called_function`: the call stands in the deprecated `function_call`, which has a word of its own. Raises `EncodeError`
    for a reply that has not ended.
    """
    if stop == "unfinished":
        raise EncodeError("the reply has not ended")
    word = _TO_WIRE[stop]
    if word in ("stop", "tool_calls"):
        if called_function:
            return "function_call"
        return "tool_calls" if called_tools else "stop"
    return word
