"""A document with one field changed, and what became of that field on the other side."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeAlias

from hyperinfer.formats.wire import is_array
from tests.fields.outcome import Outcome, Side, compared, is_distinct
from tests.fields.paths import Path, leaves, renamed, replaced, value_at, without, written

if TYPE_CHECKING:
    from hyperinfer.formats import Dialect


Sides: TypeAlias = "Mapping[Dialect, Side]"
View: TypeAlias = "Callable[[Any], Sides]"


def fields_of(document: Any) -> list[Path]:
    """The fields of an example that say something, without the words that only tell what kind of object it is."""
    found = [path for path, value in leaves(document) if path[-1] not in _TAGS and value not in _NOTHING]
    return [path for path in found if not _is_repeated(document, path)]


def _is_repeated(document: Any, path: Path) -> bool:
    """Whether a frame only repeats it: the events of Responses have told the response that stands in some of them."""
    return is_array(document) and path[1] == "response" and path[2] not in ("usage", "incomplete_details")


_TAGS = ("type", "role", "object")
_NOTHING: tuple[Any, ...] = (None, "", [], {})


def variants(document: Any, path: Path) -> Iterator[tuple[Any, bool]]:
    """The document with another value in a field or without it, the gentlest change first.

    An id is changed wherever it stands; a value that will be found again is replaced; any other is left out, since another
    word in its place may be none that the format knows. True: it is the field that is changed, and not what holds it.
    """
    value = value_at(document, path)
    if isinstance(value, str) and str(path[-1]).endswith("id"):
        yield renamed(document, value, str(other(value))), True
    if is_distinct(value):
        yield replaced(document, path, other(value)), True
    yield without(document, path), True
    if not is_distinct(value):
        yield replaced(document, path, other(value)), True
    if len(path) > 1 and not isinstance(path[-2], int):  # the object that it is part of, and may only be told by
        yield without(document, path[:-1]), False


def other(value: Any) -> Any:
    """Another value of the same type."""
    match value:
        case bool():
            return not value
        case int() | float():
            return value + 1
        case str():
            return value[:-1] + ("y" if value.endswith("x") else "x")
        case dict():
            return {}
        case _:
            return []


def became(document: Any, path: Path, full: Sides, view: View) -> dict[Dialect, Outcome]:
    """What becomes of one field. `view`: what the others see of a document, by their dialect; `full`: of this one."""
    found: dict[Dialect, list[Outcome]] = {dialect: [] for dialect in full}
    for variant, alone in variants(document, path):
        less = view(variant)
        for dialect, side in full.items():
            if less[dialect].refused is None:
                outcome = compared(document, path, side, less[dialect])
                found[dialect].append(outcome if alone else replace(outcome, carried=False, lost=()))
        if all(any(_is_clear(outcome) for outcome in outcomes) for outcomes in found.values()):
            break
    return {dialect: _best(outcomes, full[dialect], path) for dialect, outcomes in found.items()}


def _is_clear(outcome: Outcome) -> bool:
    return bool((outcome.landed and outcome.carried) or outcome.lost or outcome.lost_with or outcome.refused)


def _best(outcomes: list[Outcome], side: Side, path: Path) -> Outcome:
    """The first that says where the value is, else the first that says anything."""
    if not outcomes:  # every variant is refused: so is the field, when the refusal names it
        assert side.refused is not None, f"{written(path)} cannot be probed in this example"
        assert str(path[0]) in side.refused, f"{written(path)} hides behind: {side.refused}"
        return Outcome(refused=side.refused)
    said = [outcome for outcome in outcomes if not outcome.silent]
    return next((each for each in said if each.refused or (each.landed and each.carried)), said[0] if said else Outcome())
