"""What the store begins with of its sums by day: read once at start, kept up in memory from then on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hyperinfer.api.store.records import KeySpent, ModelTokens
from hyperinfer.api.store.volumes import WEEK_DAYS

if TYPE_CHECKING:
    import sqlite3

_SPENT_BY_DAY = (
    "SELECT key_id, day, sum(cost) FROM rollup WHERE day > min((SELECT max(day) FROM rollup), ?) - ?"
    " GROUP BY key_id, day ORDER BY key_id, day"
)
_DAYS_KEPT = 62
"""Those of the month of the newest, whichever day of it that is, and of the one before."""
_TOKENS = (
    "SELECT day, model, sum(tokens_prompt + tokens_completion) FROM rollup"
    " WHERE day > min((SELECT max(day) FROM rollup), ?) - ? GROUP BY day, model ORDER BY day"
)


def spent_by_keys(connection: sqlite3.Connection, today: int) -> tuple[KeySpent, ...]:
    """What each key has spent that has spent anything. today: since 1970; days after it, of a clock that was wrong, do not
    stand in the way of those before."""
    days: dict[str, list[tuple[int, int]]] = {}
    for key, day, cost in connection.execute(_SPENT_BY_DAY, (today, _DAYS_KEPT)):
        days.setdefault(key, []).append((day, cost))
    totals = connection.execute("SELECT key_id, sum(cost) FROM rollup GROUP BY key_id")
    return tuple(KeySpent(key, total, tuple(days.get(key, ()))) for key, total in totals)


def spent_by_workspaces(connection: sqlite3.Connection) -> tuple[tuple[str, int], ...]:
    """What each workspace has spent that has spent anything."""
    return tuple(connection.execute("SELECT workspace, sum(cost) FROM rollup GROUP BY workspace"))


def tokens_by_models(connection: sqlite3.Connection, today: int) -> tuple[ModelTokens, ...]:
    """What each model has read and written on each of the last days. today: as above."""
    return tuple(ModelTokens(*row) for row in connection.execute(_TOKENS, (today, WEEK_DAYS)))
