"""The fields that the types of the official SDKs know, as kinds of paths.

The types refer to each other in circles, and one type stands in many places: each is opened once, and looked for in all
places where it was met.
"""

from __future__ import annotations

import inspect
import re
import types
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import typing_extensions as te

_WRAPPERS = (Annotated, te.Annotated, te.Required, te.NotRequired)
_LISTS = ("list", "Iterable", "Sequence", "SequenceNotStr")
_TAGS = ("type", "role", "object")


class Known:
    """What the types at `roots` know. `records`: each type with the kinds of its places; `fields`: of each type."""

    def __init__(self, roots: Iterable[Any]) -> None:
        self.records: dict[Any, list[str]] = defaultdict(list)
        self.fields: dict[Any, list[str]] = {}
        waiting = deque((root, "") for root in roots)
        while waiting:
            found, place = waiting.popleft()
            for record, kind in _records(found, place):
                self.records[record].append(kind)
                if record in self.fields:
                    continue
                hints = _hints(record)
                self.fields[record] = [name for name in hints if name not in _TAGS]
                waiting.extend((hint, f"{kind}.{name}" if kind else name) for name, hint in hints.items())

    def missing(self, probed: Iterable[str]) -> Iterator[str]:
        """The places and fields that no probed kind has."""
        text = "\n".join(f".{kind}." for kind in probed)
        for record, kinds in self.records.items():
            yield from (kind for kind in kinds if kind and not _stands(_ending(kind, 2), text))
            for field in self.fields[record]:
                ways = [f"{_ending(kind, 1)}.{field}" if kind else field for kind in kinds]
                if not any(_stands(way, text) for way in ways):
                    yield f"{kinds[0]}.{field}" if kinds[0] else field


def _ending(kind: str, segments: int) -> str:
    return ".".join(_POINT.split(kind)[-segments:])


_POINT = re.compile(r"\.(?![^\[]*\])")
"""Between the segments of a kind, and not within the name of a frame."""


def _stands(kind: str, text: str) -> bool:
    """Whether a kind is in one of the lines. `[user|assistant]` is either, `[]` any; a `type` that is any word is told."""
    segments = [re.escape(segment) for segment in _POINT.split(kind)]
    pattern = r"(?:\([^)\n]*\))?\.".join(segments).replace(r"\[\]", r"\[[^\]\n]*\]")
    pattern = _EITHER.sub(lambda found: rf"\[(?:{found[1].replace(_BAR, '|')})\]", pattern)
    return re.search(rf"\.{pattern}[.\[(]", text) is not None


_BAR = re.escape("|")
_EITHER = re.compile(r"\\\[([^\[\]]*\\\|[^\[\]]*)\\\]")
"""Several words in the brackets of an escaped kind."""


def _records(hint: Any, place: str) -> Iterator[tuple[Any, str]]:
    """The record types in a hint, with their kinds."""
    for member in _members(hint):
        if _is_record(member):
            tags = _tags(member)
            if place.endswith("[]"):
                yield member, f"{place[:-1]}{'|'.join(tags)}]" if tags else place
            else:
                yield member, f"{place}({tags[0]})" if tags and place and "type" in _hints(member) else place
        elif getattr(get_origin(member), "__name__", "") in _LISTS:
            yield from _records(get_args(member)[0], f"{place}[]")


def _members(hint: Any) -> Iterator[Any]:
    while get_origin(hint) in _WRAPPERS or isinstance(hint, te.TypeAliasType):
        hint = hint.__value__ if isinstance(hint, te.TypeAliasType) else get_args(hint)[0]
    if get_origin(hint) in (Union, types.UnionType):
        for member in get_args(hint):
            yield from _members(member)
    else:
        yield hint


def _is_record(hint: Any) -> bool:
    return te.is_typeddict(hint) or (inspect.isclass(hint) and hasattr(hint, "model_fields"))


def _hints(record: Any) -> dict[str, Any]:
    if hasattr(record, "model_fields"):
        record.model_rebuild()
        return {field.alias or name: field.annotation for name, field in record.model_fields.items()}
    return te.get_type_hints(record)


def _tags(record: Any) -> list[str]:
    """The words of its `type`, or of its `role`."""
    hints = _hints(record)
    for name in ("type", "role"):
        words = [
            word
            for member in _members(hints.get(name))
            if get_origin(member) in (Literal, te.Literal)
            for word in get_args(member)
        ]
        if words:
            return words
    return []
