"""Scans of the whole store: usage sums, the audit of the ledger, and the search for requests.

Never on the event loop's thread and not in the writer: each report runs in a process of its own,
`python -m hyperinfer.api.store.reports DATABASE`, a JSON question on its standard input and the answer on its
output. So a scan of millions of rows delays neither streams nor commits, costs no memory afterwards, and a caller
that gives up just kills it. They are rare and asked for by people; the 0.1 s that a process takes is not noticed.
"""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from hyperinfer.api.store.database import open_reader
from hyperinfer.api.store.differences import (
    AND_MORE,
    MOST,
    no_entry,
    nobodys_rows,
    wrong_arithmetic,
    wrong_balance,
    wrong_entry,
    wrong_sum,
)
from hyperinfer.api.store.records import LedgerReport, UsageBy, UsageRow
from hyperinfer.api.store.request_log import COLUMNS, FoundRows, RequestsQuestion, Search

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

_DAY = "strftime('%Y-%m-%d', day * 86400, 'unixepoch')"
_GROUPS: dict[UsageBy, str] = {
    "day": _DAY,
    "day_key": f"{_DAY} || ' ' || key_id",
    "day_model": f"{_DAY} || ' ' || model",
    "key": "key_id",
    "model": "model",
    "workspace": "workspace",
}
_SUMS = "SELECT day, workspace, key_id, model, requests, tokens_prompt, tokens_completion, cost FROM rollup"
_OF_ROWS = (
    "SELECT CAST(floor(created_at / 86400) AS INTEGER), workspace, iif(source = 'api', key_id, source), model, count(*),"
    " sum(tokens_prompt), sum(tokens_completion), sum(cost) FROM generation"
    " WHERE status <> 'interrupted' GROUP BY 1, 2, 3, 4"
)
_WRONG_SUMS = (
    f"SELECT DISTINCT day, workspace, key_id, model FROM (SELECT * FROM ({_SUMS} EXCEPT {_OF_ROWS})"
    f" UNION ALL SELECT * FROM ({_OF_ROWS} EXCEPT {_SUMS})) ORDER BY 1, 2, 3, 4"
)


class UsageQuestion(msgspec.Struct, frozen=True, tag="usage"):
    """Sums by group. workspace: id, or None for all. since, until: days since 1970 (UTC), from inclusive to exclusive."""

    by: UsageBy
    workspace: str | None = None
    since: int | None = None
    until: int | None = None


class AuditQuestion(msgspec.Struct, frozen=True, tag="audit"):
    """Recompute every balance from its rows and every cost from its arithmetic."""


Question = UsageQuestion | AuditQuestion | RequestsQuestion

_RANGE = "FROM generation WHERE id < ? AND id >= ?"


def usage(connection: sqlite3.Connection, question: UsageQuestion) -> tuple[UsageRow, ...]:
    """The sums, ordered by group."""
    asked = {"workspace =": question.workspace, "day >=": question.since, "day <": question.until}
    # Only what is asked for: of `? IS NULL OR day >= ?` SQLite makes a scan of everything.
    given = {condition: value for condition, value in asked.items() if value is not None}
    rows = connection.execute(
        f"SELECT {_GROUPS[question.by]} AS bucket, sum(requests), sum(tokens_prompt), sum(tokens_completion), sum(cost)"
        f" FROM rollup WHERE {' AND '.join(['true', *(f'{condition} ?' for condition in given)])}"
        " GROUP BY bucket ORDER BY bucket",
        list(given.values()),
    )
    return tuple(UsageRow(*row) for row in rows)


def requests(connection: sqlite3.Connection, search: Search) -> FoundRows:
    """A page of them, the latest first."""
    conditions, values = search.question.conditions(lambda: "?")
    steps = f"SELECT id {_RANGE} ORDER BY id DESC LIMIT 1 OFFSET ?"
    rows = f"SELECT {COLUMNS} {_RANGE}{conditions} ORDER BY id DESC LIMIT ?"
    more = True
    while more:
        lowest = connection.execute(steps, (search.below, search.floor, search.step - 1)).fetchone()
        ends = search.floor if lowest is None else lowest[0]
        found = connection.execute(rows, (search.below, ends, *values, search.wanted))
        more = search.found(found, None if lowest is None else ends)
    return search.page


def audit(connection: sqlite3.Connection) -> LedgerReport:
    """What differs, if anything, as of one instant."""
    # One read transaction, so that commits in the meantime cannot look like differences.
    connection.execute("BEGIN")
    differences: list[str] = []
    for difference in _differences(connection):
        if len(differences) == MOST:
            differences.append(AND_MORE)
            break
        differences.append(difference)
    workspaces, ledger_rows, generations = connection.execute(
        "SELECT (SELECT count(*) FROM workspace), (SELECT count(*) FROM ledger), (SELECT count(*) FROM generation)"
    ).fetchone()
    connection.execute("COMMIT")
    return LedgerReport(workspaces, ledger_rows, generations, tuple(differences))


def _differences(connection: sqlite3.Connection) -> Iterator[str]:
    sums: dict[str, int] = {}
    # Summed here and not by SQL: a broken ledger may go beyond 64 bits, and must be told, not fail.
    for workspace, amount in connection.execute("SELECT workspace, amount FROM ledger"):
        sums[workspace] = sums.get(workspace, 0) + amount
    for id_, name, balance in connection.execute("SELECT id, name, balance FROM workspace"):
        total = sums.pop(id_, 0)
        if total != balance:
            yield wrong_balance(id_, name, balance, total)
    for id_, total in sums.items():
        yield nobodys_rows(id_, total)
    for entry in connection.execute(
        "SELECT l.request, l.amount, g.cost, l.workspace, g.workspace FROM ledger l"
        " LEFT JOIN generation g ON g.id = l.request WHERE l.kind = 'usage'"
        " AND (g.id IS NULL OR g.cost <> -l.amount OR g.workspace <> l.workspace)"
    ):
        yield wrong_entry(*entry)
    for (id_,) in connection.execute(
        "SELECT id FROM generation WHERE (status <> 'interrupted' OR cost <> 0) AND NOT EXISTS"
        " (SELECT 1 FROM ledger l WHERE l.request = generation.id AND l.kind = 'usage')"
    ):
        yield no_entry(id_)
    for id_, cost, details in connection.execute("SELECT id, cost, details FROM generation"):
        yield from wrong_arithmetic(id_, cost, details)
    for difference in connection.execute(_WRONG_SUMS):
        yield wrong_sum(*difference)


def answer(database: Path, question: bytes) -> bytes:
    """The JSON answer to a JSON question."""
    asked = msgspec.json.decode(question, type=Question)
    with contextlib.closing(open_reader(database)) as connection:
        if isinstance(asked, UsageQuestion):
            return msgspec.json.encode(usage(connection, asked))
        if isinstance(asked, RequestsQuestion):
            return msgspec.json.encode(requests(connection, Search(asked)))
        return msgspec.json.encode(audit(connection))


if __name__ == "__main__":
    sys.stdout.buffer.write(answer(Path(sys.argv[1]), sys.stdin.buffer.read()))
