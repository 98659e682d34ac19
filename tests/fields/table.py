"""The fields of one format as rows of a table: what all parts of an object share stands in one row."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.fields.notes import NOTES
from tests.fields.outcome import marks_of
from tests.support.bench import DIALECTS

if TYPE_CHECKING:
    from hyperinfer.formats import Dialect
    from tests.fields.outcome import Landing, Outcome
    from tests.fields.survey import Field, Way

Cells = tuple[str, ...]
AS_IT_IS = "as it is"
_MOST_PLACES = 3
_LONGEST_VALUE = 24


@dataclass(frozen=True)
class Row:
    """`fields`: their kinds, all with these cells, which are in the order of `DIALECTS`."""

    fields: tuple[str, ...]
    cells: Cells


def rows(dialect: Dialect, way: Way, fields: Sequence[Field]) -> list[Row]:
    """The rows of one area, in the order of the examples."""
    cells = {field.kind: tuple(cell(dialect, way, field, to) for to in DIALECTS) for field in fields}
    found: dict[Cells, list[str]] = {}
    alone: list[Row | Cells] = []
    for kind, mine in _collapsed(cells).items():
        if _says_where(mine):
            alone.append(Row((kind,), mine))
            continue
        if mine not in found:  # what arrives nowhere else is told once for all fields of the area
            alone.append(mine)
        found.setdefault(mine, []).append(kind)
    return [row if isinstance(row, Row) else Row(tuple(found[row]), row) for row in alone]


def _says_where(cells: Cells) -> bool:
    """Whether a cell names a place other than the same one."""
    return any("`" in cell.partition(" [`")[0] and not cell.startswith("*") for cell in cells)


def _collapsed(cells: dict[str, Cells]) -> dict[str, Cells]:
    """Objects whose fields all have the same cells stand for their fields."""
    result = dict(cells)
    prefixes = {kind[: match.start()] for kind in cells for match in re.finditer(r"[.\[]", kind) if match.start()}
    prefixes |= {kind[: match.end()] for kind in cells for match in re.finditer(r"\]", kind) if match.end() < len(kind)}
    for prefix in sorted(prefixes, key=lambda prefix: (len(prefix), prefix)):
        inside = [kind for kind in result if kind.startswith((f"{prefix}.", f"{prefix}["))]
        if len(inside) > 1 and len({result[kind] for kind in inside}) == 1:
            same = result[inside[0]]
            if not _says_where(same):
                result = _replaced(result, inside, f"{prefix}.*" if prefix.endswith("]") else prefix, same)
    return result


def _replaced(cells: dict[str, Cells], gone: Iterable[str], kind: str, same: Cells) -> dict[str, Cells]:
    """With one row in the place of several."""
    first, *rest = gone
    renamed = {kind if name == first else name: each for name, each in cells.items() if name not in rest}
    return {**renamed, kind: same}


def cell(dialect: Dialect, way: Way, field: Field, to: Dialect) -> str:
    """What becomes of a field towards one format."""
    outcome = field.outcomes[to]
    note = next((each for each in NOTES if each.fits(dialect, way, field.kind, to)), None)
    quirks = ", ".join(f"`{name}`" for name in (field.quirks or {}).get(to, ()))
    text = _text(field, outcome, dialect == to)
    if outcome.silent or (outcome.landed and not outcome.carried and not outcome.lost):
        assert note is not None, f"{field.kind} of {dialect} vanishes towards {to}"
        text = f"*{_BY[note.by]}*: {note.text}" if outcome.silent else f"{text} ({note.text})"
    return f"{text} [{quirks}]" if quirks else text


_BY = {"gateway": "gateway", "nothing": "no loss", "other": "follows"}


def _text(field: Field, outcome: Outcome, same: bool) -> str:
    if outcome.refused is not None:
        return f"**400**: {_plain(outcome.refused)}"
    losses = outcome.lost or ((outcome.lost_with,) if outcome.lost_with else ())
    reasons = "; ".join(dict.fromkeys(reason for _, reason in losses))
    places = _places(field, outcome.landed)
    if same and any(place.kind == field.kind and place.value == field.value for place in outcome.landed):
        places = AS_IT_IS
    if losses and places:
        return f"{places}; in part **lost**: {_plain(reasons)}"
    return f"**lost**: {_plain(reasons)}" if losses else places


def _places(field: Field, landed: Sequence[Landing]) -> str:
    shown: dict[str, None] = {}
    for place in sorted(landed, key=lambda place: place.kind.endswith((".type", ".index"))):
        arrived = place.value == field.value or _is_inside(field.value, place.value)
        shown[f"`{short(place.kind)}`" if arrived else f"`{short(place.kind)}` = `{_value(place.value)}`"] = None
    listed = list(shown)
    return ", ".join(listed[:_MOST_PLACES]) + (", …" if len(listed) > _MOST_PLACES else "")


def _is_inside(value: Any, found: Any) -> bool:
    """Whether it is the same in another wrapping: JSON as text, bytes in a data URL, a value among others."""
    if isinstance(value, str | dict) and isinstance(found, str | dict):
        return bool(marks_of(value) & marks_of(found))
    return False


def _value(value: Any) -> str:
    text = " ".join((value if isinstance(value, str) else json.dumps(value)).split())
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}…"


def short(kind: str) -> str:
    """A kind of path without what only says again what it is."""
    return re.sub(r"\((ephemeral|message|function|custom|approximate)\)", "", kind)


def _plain(text: str) -> str:
    return re.sub(r"^[\w.\[\]]+: ", "", text).replace("|", "\\|")
