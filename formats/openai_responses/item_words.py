"""What an item of a hosted tool says in words, for upstreams that do not know such items."""

from __future__ import annotations

from typing import Any

from hyperinfer.formats.wire import is_array, is_object

_SPOKEN = ("name", "arguments", "code", "revised_prompt", "action", "operation", "queries", "output", "outputs", "results")
_SPOKEN_OR_QUIET = frozenset({*_SPOKEN, "summary", "type", "id", "call_id", "status"})
_NOTHING: tuple[Any, ...] = (None, [], {}, {"type": "direct"})
"""What a field says nothing with; the last one is the caller of a call that the model made itself."""


def unsaid_of(item: dict[str, Any]) -> tuple[str, ...]:
    """The fields of an item that `words_of` leaves out, without those that mean nothing to a model."""
    return tuple(name for name, value in item.items() if name not in _SPOKEN_OR_QUIET and value not in _NOTHING)


def words_of(item: dict[str, Any]) -> str | None:
    """The meaning of an item of the history; None where words cannot say it (an encrypted compaction)."""
    kind = str(item.get("type"))
    words = [*_asked(item), *_answered(item)]
    said = "\n".join(word for word in words if word)
    return f"[{kind}]\n{said}" if said else None


def _asked(item: dict[str, Any]) -> list[str]:
    """What the tool was given."""
    action, operation = item.get("action"), item.get("operation")
    words = [_text(item.get(name)) for name in ("name", "arguments", "code", "revised_prompt")]
    if is_object(action):
        words += [_text(action.get(name)) for name in ("query", "url", "pattern", "command", "commands")]
    if is_object(operation):
        words += [_text(operation.get(name)) for name in ("type", "path", "diff")]
    return [*words, _text(item.get("queries"))]


def _answered(item: dict[str, Any]) -> list[str]:
    """What the tool gave back."""
    return [_text(item.get(name)) for name in ("output", "outputs", "results", "summary")]


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if is_array(value):
        return "\n".join(text for text in map(_text, value) if text)
    if is_object(value):
        return "\n".join(
            text for name in ("text", "stdout", "stderr", "logs", "filename", "url") if (text := _text(value.get(name)))
        )
    return ""
