"""What became of one field on one hop."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from hyperinfer.formats.wire import is_array
from tests.fields.paths import Path, kind_of, places, value_at, written

_MARK = re.compile(r"zq[a-zA-Z0-9]+")


@dataclass(frozen=True)
class Landing:
    """A place of the other side that the field decides. `value`: what stands there."""

    kind: str
    value: Any


@dataclass(frozen=True)
class Outcome:
    """What became of a field.

    `landed`: where it goes; `carried` says that its value arrives there, and not only one that follows from it. `lost`:
    (path, reason). `lost_with`: the same of what holds it and is lost as a whole. `refused`: the message of a 400, or why a
    reply is none.
    """

    landed: tuple[Landing, ...] = ()
    carried: bool = False
    lost: tuple[tuple[str, str], ...] = ()
    lost_with: tuple[str, str] | None = None
    refused: str | None = None

    @property
    def silent(self) -> bool:
        """Whether nothing at all became of it."""
        return not (self.landed or self.lost or self.lost_with or self.refused)


@dataclass(frozen=True)
class Side:
    """The other side of a hop: a document, its losses, or the message of a refusal."""

    document: Any = None
    losses: tuple[tuple[str, str], ...] = ()
    refused: str | None = None

    def has_beyond(self, other: Side) -> tuple[Landing, ...]:
        """The places of this document that the other one has not."""
        if is_array(self.document) and is_array(other.document):  # frames that both have say nothing
            mine, theirs = _frames(self.document), _frames(other.document)
            ours, others = (list(map(json.loads, (one - two).elements())) for one, two in ((mine, theirs), (theirs, mine)))
        else:
            ours, others = self.document, other.document
        return tuple(Landing(kind, json.loads(text)) for kind, text in _places(ours) - _places(others))


def _frames(frames: list[Any]) -> Counter[str]:
    return Counter(json.dumps(frame) for frame in frames)


def _places(document: Any) -> Counter[tuple[str, str]]:
    """(kind of path, value as JSON) of everything in the document, but for the numbers of frames."""
    return Counter(
        (kind, json.dumps(value, ensure_ascii=False))
        for kind, value in places(document)
        if kind and not kind.endswith(".sequence_number")
    )


def marks_of(value: Any) -> frozenset[str]:
    """The words in a value that no other field has."""
    return frozenset(_MARK.findall(json.dumps(value, ensure_ascii=False)))


def is_distinct(value: Any) -> bool:
    """Whether a value can be found again on the other side."""
    if isinstance(value, bool):
        return False
    if isinstance(value, int | float):
        return abs(value) >= 1000 or (isinstance(value, float) and round(value, 2) != value)
    return bool(marks_of(value))


def compared(document: Any, path: Path, full: Side, less: Side) -> Outcome:
    """What became of the field at `path`, from a hop with it and one without it (or with another value)."""
    value, name = value_at(document, path), written(path)
    if full.refused is not None:
        return Outcome(refused=full.refused)
    landed = full.has_beyond(less)
    arrived = tuple(place for place in landed if _holds(place.value, value))
    carried = bool(arrived) or not is_distinct(value)
    landed = arrived or landed
    lost = tuple((Counter(full.losses) - Counter(less.losses)).keys())
    if not landed and not lost:
        lost = tuple(loss for loss in full.losses if loss[0] == name)
    lost_with = None if landed or lost else _around(name, kind_of(document, path), full.losses)
    return Outcome(landed=landed, carried=carried, lost=lost, lost_with=lost_with)


def _holds(found: Any, value: Any) -> bool:
    if not is_distinct(value):
        return type(found) is type(value) and bool(found == value)
    if isinstance(value, int | float):
        return json.dumps(value) in re.findall(r"-?\d+(?:\.\d+)?", json.dumps(found))
    return bool(marks_of(found) & marks_of(value))


def _around(path: str, kind: str, losses: Iterable[tuple[str, str]]) -> tuple[str, str] | None:
    """The loss of something that the path stands in, or of the field that the loss names in the same message.

    Losses of a reply do not say which block or item it was: there the name is enough, of a field or of the kind of a block.
    """
    names = {_SPELLINGS.get(name, name) for name in _NAME.findall(kind)}
    for loss in losses:
        lost, reason = loss
        if re.match(re.escape(lost).replace(r"\[\]", r"\[\d+\]") + r"[.\[]", path):
            return loss
        place, _, name = lost.rpartition(".")
        if lost.startswith("response."):
            if name.removesuffix("[]") in names or any(f"`{each}`" in reason for each in names):
                return loss
        elif name in _ANYWHERE and name in names and _item(place) == _item(path):
            return loss
    return None


_NAME = re.compile(r"[\w.-]+(?=\])|[\w.-]+(?=\))|\w+")
_SPELLINGS = {
    "reasoning_content": "reasoning",
    "reasoning_details": "reasoning",
    "thinking_blocks": "reasoning",
    "citations": "annotations",
    "citations_delta": "annotations",
    "compaction_delta": "compaction",
}
"""Names of one thing, the one that losses have behind it."""
_ANYWHERE = ("cache_control", "reasoning")
"""Fields that a message has for one of its parts."""


def _item(path: str) -> str:
    """`messages[3]` of whatever stands in it."""
    return path.partition("]")[0]
