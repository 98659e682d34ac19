"""Places in a JSON document: each with its own path, and with the kind of path that a documentation names.

`messages[0].content[1].text` is a path; its kind is `messages[user].content[text].text`: a list's element goes by its `type`
or `role`, an object that has a `type` shows it in parentheses.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any, TypeAlias

from hyperinfer.formats.wire import is_array, is_object

Path: TypeAlias = tuple[str | int, ...]

OWN_JSON = frozenset(
    {
        "parameters",
        "input_schema",
        "schema",
        "output_schema",
        "logit_bias",
        "client_metadata",
        "attributes",
        "headers",
        "env",
    }
)
"""Fields that hold JSON of the caller's own: one value each."""


def leaves(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every value that is no object or array of the format's, with its path."""
    if is_object(value) and value and not is_own(path[-1] if path else "", value):
        for name, inner in value.items():
            yield from leaves(inner, (*path, name))
    elif is_array(value) and value:
        for index, inner in enumerate(value):
            yield from leaves(inner, (*path, index))
    else:
        yield path, value


def is_own(name: str | int, value: Any) -> bool:
    """Whether an object is JSON of the caller's or the model's own, and no object of the format."""
    if not is_object(value):
        return False
    mine = all(key.startswith("zq") for key in value)
    return name in OWN_JSON or (name in ("input", "metadata", "arguments", "annotations") and mine)


def value_at(document: Any, path: Path) -> Any:
    """What stands there."""
    for step in path:
        document = document[step]
    return document


def without(document: Any, path: Path) -> Any:
    """The document without what stands there."""
    changed = copy.deepcopy(document)
    del value_at(changed, path[:-1])[path[-1]]
    return changed


def replaced(document: Any, path: Path, value: Any) -> Any:
    """The document with another value there."""
    changed = copy.deepcopy(document)
    value_at(changed, path[:-1])[path[-1]] = value
    return changed


def renamed(document: Any, old: str, new: str) -> Any:
    """The document with a text exchanged wherever it stands alone: an id and what refers to it."""
    return json.loads(json.dumps(document).replace(json.dumps(old), json.dumps(new)))


def written(path: Path) -> str:
    """As errors and losses name it: `messages[0].content`."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def kind_of(document: Any, path: Path) -> str:
    """The kind of a path: `messages[user].content[text].text`."""
    kind = ""
    for step in path:
        document = document[step]
        kind = _deeper(kind, step, document)
    return kind


def places(value: Any, kind: str = "") -> Iterator[tuple[str, Any]]:
    """Every value that `leaves` finds, with the kind of its path."""
    if is_object(value) and value:
        for name, inner in value.items():
            deeper = _deeper(kind, name, inner)
            if is_own(name, inner):
                yield deeper, inner
            else:
                yield from places(inner, deeper)
    elif is_array(value) and value:
        for index, inner in enumerate(value):
            yield from places(inner, _deeper(kind, index, inner))
    else:
        yield kind, value


def _deeper(kind: str, step: str | int, value: Any) -> str:
    if isinstance(step, int):
        return f"{kind}[{_tag(value, 'type', 'role')}]"
    tag = _tag(value, "type") if is_object(value) and not is_own(step, value) else ""
    return (f"{kind}.{step}" if kind else step) + (f"({tag})" if tag else "")


def _tag(value: Any, *names: str) -> str:
    if is_object(value):
        for name in names:
            if isinstance(found := value.get(name), str):
                return found
    return ""
