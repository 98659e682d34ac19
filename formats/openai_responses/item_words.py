"""What an item of a hosted tool says in words, for upstreams that do not know such items."""

from __future__ import annotations

from typing import Any

from hyperinfer.formats.wire import is_array, is_object

_GIVEN = ("name", "arguments", "code", "revised_prompt", "queries")
_ACTION = ("query", "queries", "url", "pattern", "command", "commands")
_OPERATION = ("type", "path", "diff")
_RETURNED = ("output", "outputs", "results", "summary")
_TEXTS = ("text", "stdout", "stderr", "logs", "filename", "url")
_QUIET = frozenset({"type", "id", "call_id", "status"})
"""Fields that mean nothing to a model."""
_NOTHING: tuple[Any, ...] = (None, [], {}, {"type": "direct"})
"""What a field says nothing with; the last one is the caller of a call that the model made itself."""


def unsaid_of(item: dict[str, Any]) -> tuple[str, ...]:
    """The fields of an item that `words_of` leaves out, without those that mean nothing to a model."""
    unsaid: dict[str, None] = {}
    for name, value in item.items():
        if name in _QUIET or name in _GIVEN or value in _NOTHING:
            continue
        if name in _RETURNED:
            inner = [each for each in value if is_object(each)] if is_array(value) else []
            unsaid.update((f"{name}[].{field}", None) for each in inner for field in _others(each, _TEXTS))
        elif name in ("action", "operation") and is_object(value):
            spoken = _ACTION if name == "action" else _OPERATION
            unsaid.update((f"{name}.{field}", None) for field in _others(value, spoken))
        else:
            unsaid[name] = None
    return tuple(unsaid)


def _others(value: dict[str, Any], spoken: tuple[str, ...]) -> list[str]:
    return [name for name, inner in value.items() if name != "type" and name not in spoken and inner not in _NOTHING]


def words_of(item: dict[str, Any]) -> str | None:
    """The meaning of an item of the history; None where words cannot say it (an encrypted compaction)."""
    kind = str(item.get("type"))
    words = [*_asked(item), *_answered(item)]
    said = "\n".join(word for word in words if word)
    return f"[{kind}]\n{said}" if said else None


def _asked(item: dict[str, Any]) -> list[str]:
    """What the tool was given."""
    action, operation = item.get("action"), item.get("operation")
    words = [_text(item.get(name)) for name in _GIVEN if name != "queries"]
    if is_object(action):
        queries = action.get("queries")
        repeated = is_array(queries) and action.get("query") in queries
        words += [_text(action.get(name)) for name in _ACTION if name != "query" or not repeated]
    if is_object(operation):
        words += [_text(operation.get(name)) for name in _OPERATION]
    return [*words, _text(item.get("queries"))]


def _answered(item: dict[str, Any]) -> list[str]:
    """What the tool gave back."""
    return [_text(item.get(name)) for name in _RETURNED]


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if is_array(value):
        return "\n".join(text for text in map(_text, value) if text)
    if is_object(value):
        return "\n".join(text for name in _TEXTS if (text := _text(value.get(name))))
    return ""
