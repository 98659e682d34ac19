"""Text that PostgreSQL cannot hold: a NUL, in any column, and half of a surrogate pair, which is no Unicode text at all.

What is stored under such text cannot be there, so that nobody has to ask. A row that has a NUL in a column is stored with a
sign in its place, and what it says exactly in its details: JSON can say it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from hyperinfer.api.store.messages import GenerationRow

_NUL: Final = "\0"
_SIGN: Final = "\u2400"
"""SYMBOL FOR NULL."""
_COLUMNS: Final = ("model", "provider", "source", "key_id")
"""That may be any text. The others name something, by an id that the gateway made, or are a word of ours."""
_EXACTLY: Final = "exactly"


def can_be_stored(text: str) -> bool:
    """Whether PostgreSQL, and a client of it or of Redis, can take this text."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return _NUL not in text


def as_stored(text: str) -> str:
    """What a column of `storable` says of this text."""
    return text.replace(_NUL, _SIGN)


def storable(row: GenerationRow) -> GenerationRow:
    """The row without NUL; the same object where it has none."""
    exactly = {name: getattr(row, name) for name in _COLUMNS if _NUL in getattr(row, name)}
    if not exactly:
        return row
    details = json.dumps({**json.loads(row.details), _EXACTLY: exactly}, ensure_ascii=True)
    stored: dict[str, Any] = {name: as_stored(text) for name, text in exactly.items()}
    return row._replace(details=details, **stored)


def exactly(row: GenerationRow) -> GenerationRow:
    """The row as it was before `storable`."""
    if f'"{_EXACTLY}"' not in row.details:
        return row
    return row._replace(**json.loads(row.details).get(_EXACTLY, {}))
