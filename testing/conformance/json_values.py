"""Readings of JSON that somebody else wrote: what is not of the type that is looked for reads as empty, and never raises."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hyperinfer.testing.conformance.said import Object


def record(value: Any) -> Object:
    """An object, else an empty one."""
    return value if isinstance(value, dict) else {}  # pyright: ignore[reportUnknownVariableType]


def records(value: Any) -> list[Object]:
    """The objects of an array."""
    items: list[Any] = value if isinstance(value, list) else []  # pyright: ignore[reportUnknownVariableType]
    return [item for item in items if isinstance(item, dict)]


def string(value: Any) -> str:
    """A string, else an empty one."""
    return value if isinstance(value, str) else ""


def count(value: Any) -> int | None:
    """An integer that is not negative."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def parsed(text: str | bytes) -> Any:
    """The value that JSON text stands for; None where it is none."""
    try:
        return json.loads(text)
    except ValueError:
        return None


def same_json(one: str, other: str) -> bool:
    """Both are JSON, and of equal value."""
    value = parsed(one)
    return value is not None and value == parsed(other)


def texts(content: Any) -> str:
    """The text of a content that is a string or a list of parts."""
    return content if isinstance(content, str) else "".join(string(part.get("text")) for part in records(content))


def short(value: Any, length: int = 160) -> str:
    """As JSON (text as it is), cut."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= length else f"{text[:length]}…"
