"""What a JSON value lost on its way, field by field."""

from __future__ import annotations

from collections.abc import Container
from typing import Any

from hyperinfer.formats.wire import is_array, is_object

_NOTHING: tuple[Any, ...] = (None, [], {}, "")


def missing(before: Any, after: Any, *, ignore: Container[str] = (), path: str = "") -> list[str]:
    """A line for each field of `before` that `after` lacks or has otherwise. Nulls and empty values say nothing.

    `ignore`: paths, with `[]` for any index, that may differ.
    """
    if _general(path) in ignore or before in _NOTHING:
        return []
    if is_object(before) and is_object(after):
        found: list[str] = []
        for name, value in before.items():
            found += missing(value, after.get(name), ignore=ignore, path=f"{path}.{name}" if path else str(name))
        return found
    if is_array(before) and is_array(after) and len(before) == len(after):
        return [
            line
            for index, (one, other) in enumerate(zip(before, after, strict=True))
            for line in missing(one, other, ignore=ignore, path=f"{path}[{index}]")
        ]
    same = before == after and isinstance(before, bool) == isinstance(after, bool)
    return [] if same else [f"{path}: {before!r} became {after!r}"]


def _general(path: str) -> str:
    head, _, tail = path.partition("[")
    return f"{head}[]{_general(tail.partition(']')[2])}" if tail else path
