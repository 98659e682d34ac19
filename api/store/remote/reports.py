"""Scans of the whole shared store, each in a process of its own: `python -m hyperinfer.api.store.remote.reports`, a JSON
question with the address of the database on its standard input, the answer on its output.

On a connection of its own, in one transaction that sees one instant and writes nothing, so that it neither waits for
settlements nor delays them; rows come through a cursor of the server's, a few hundred at a time.
"""

from __future__ import annotations

import asyncio
import sys
from itertools import count
from typing import TYPE_CHECKING, Any, Final, TypeVar, final

import msgspec

from hyperinfer.api.store.differences import (
    AND_MORE,
    MOST,
    no_entry,
    nobodys_rows,
    wrong_arithmetic,
    wrong_balance,
    wrong_entry,
    wrong_spent,
    wrong_sum,
)
from hyperinfer.api.store.records import LedgerReport, UsageBy, UsageRow
from hyperinfer.api.store.remote.driver import Connection, connect
from hyperinfer.api.store.report_scans import ReportScans
from hyperinfer.api.store.reports import Question, UsageQuestion
from hyperinfer.api.store.request_log import COLUMNS, FoundRows, RequestsQuestion, Search

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator, Sequence

    from hyperinfer.providers.secret import Secret

T = TypeVar("T")

CONNECT_SECONDS: Final = 5.0
FETCHED: Final = 500
"""Rows that are in memory at a time."""

_DAY: Final = "to_char(to_timestamp(day * 86400) AT TIME ZONE 'UTC', 'YYYY-MM-DD')"
_GROUPS: Final[dict[UsageBy, str]] = {
    "day": _DAY,
    "day_key": f"{_DAY} || ' ' || key_id",
    "day_model": f"{_DAY} || ' ' || model",
    "key": "key_id",
    "model": "model",
    "workspace": "workspace",
}
_USAGE: Final = """
SELECT * FROM (
    SELECT {group} AS bucket, sum(requests), sum(tokens_prompt), sum(tokens_completion), sum(cost) FROM rollup
    WHERE ($1::text IS NULL OR workspace = $1) AND ($2::bigint IS NULL OR day >= $2) AND ($3::bigint IS NULL OR day < $3)
    GROUP BY 1
) AS sums ORDER BY bucket COLLATE "C"
"""
# sum() of bigint is a numeric: a broken ledger may go beyond 64 bits, and must be told, not fail.
_BALANCES: Final = """
SELECT coalesce(w.id, l.workspace), w.name, w.balance, coalesce(l.total, 0)
FROM workspace w FULL JOIN (SELECT workspace, sum(amount) AS total FROM ledger GROUP BY workspace) l ON l.workspace = w.id
WHERE w.balance IS DISTINCT FROM coalesce(l.total, 0) ORDER BY w.made
"""
_SPENT: Final = """
SELECT w.id, w.name, w.spent, coalesce(l.total, 0) FROM workspace w LEFT JOIN
    (SELECT workspace, -sum(amount) AS total FROM ledger WHERE kind = 'usage' GROUP BY workspace) l ON l.workspace = w.id
WHERE w.spent <> coalesce(l.total, 0) ORDER BY w.made
"""
_ENTRIES: Final = """
SELECT l.request, l.amount, g.cost, l.workspace, g.workspace FROM ledger l LEFT JOIN generation g ON g.id = l.request
WHERE l.kind = 'usage' AND (g.id IS NULL OR g.cost <> -l.amount OR g.workspace <> l.workspace)
"""
_UNBOOKED: Final = """
SELECT id FROM generation g WHERE (status <> 'interrupted' OR cost <> 0)
AND NOT EXISTS (SELECT 1 FROM ledger l WHERE l.request = g.id AND l.kind = 'usage')
"""
_BILLS: Final = "SELECT id, cost, details FROM generation"
_SUMS: Final = "SELECT day, workspace, key_id, model, requests, tokens_prompt, tokens_completion, cost FROM rollup"
_OF_ROWS: Final = """
SELECT floor(created_at / 86400)::bigint, workspace, CASE source WHEN 'api' THEN key_id ELSE source END, model, count(*),
       sum(tokens_prompt), sum(tokens_completion), sum(cost)
FROM generation WHERE status <> 'interrupted' GROUP BY 1, 2, 3, 4
"""
_WRONG_SUMS: Final = f"""
WITH of_rows AS ({_OF_ROWS})
SELECT DISTINCT day, workspace, key_id, model FROM (
    ({_SUMS} EXCEPT SELECT * FROM of_rows) UNION ALL (SELECT * FROM of_rows EXCEPT {_SUMS})
) AS differing ORDER BY 1, 2, 3, 4
"""
_COUNTS: Final = """
SELECT (SELECT count(*) FROM workspace), (SELECT count(*) FROM ledger), (SELECT count(*) FROM generation)
"""
# A step is a small part of a table; how small, statistics of another day do not tell.
_BY_ID: Final = "SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off"
_RANGE: Final = "FROM generation WHERE id < $1 AND id >= $2"
# Where the server can, it looks whether we are still there: a report that nobody waits for ends.
_LOOK_FOR_US: Final = """
SELECT set_config(name, '5s', false) FROM pg_settings WHERE name = 'client_connection_check_interval'
"""


class _Asked(msgspec.Struct, frozen=True):
    """What the process is asked. url: a secret, so that it travels neither by arguments nor by the environment."""

    url: str
    question: Question


@final
class RemoteReports(ReportScans):
    """Those of the database at this address."""

    def __init__(self, url: Secret) -> None:
        self._url = url

    async def _run(self, question: Question, shape: type[T]) -> T:
        # The process of a report has no use for trio, which is a third of its start.
        from hyperinfer.api.store.report_process import run_report

        asked = msgspec.json.encode(_Asked(self._url.reveal(), question))
        return await run_report("hyperinfer.api.store.remote.reports", (), asked, shape)


# In the process of the report ###############################################


async def usage(connection: Connection, question: UsageQuestion) -> tuple[UsageRow, ...]:
    """See `RemoteReports.usage`. asyncio."""
    sql = _USAGE.format(group=_GROUPS[question.by])
    rows = await connection.fetch(sql, question.workspace, question.since, question.until)
    return tuple(UsageRow(group, *map(int, sums)) for group, *sums in rows)


async def audit(connection: Connection) -> LedgerReport:
    """See `RemoteReports.audit`. asyncio."""
    differences: list[str] = []
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        async for difference in _differences(connection):
            if len(differences) == MOST:
                differences.append(AND_MORE)
                break
            differences.append(difference)
        counts = await connection.fetchrow(_COUNTS)
    assert counts is not None
    workspaces, ledger_rows, generations = counts
    return LedgerReport(workspaces, ledger_rows, generations, tuple(differences))


async def requests(connection: Connection, search: Search) -> FoundRows:
    """See `RemoteReports.requests`. asyncio."""
    places = count(4)
    conditions, values = search.question.conditions(lambda: f"${next(places)}")
    steps = f"SELECT id {_RANGE} ORDER BY id DESC LIMIT 1 OFFSET $3::bigint"
    rows = f"SELECT {COLUMNS} {_RANGE}{conditions} ORDER BY id DESC LIMIT $3::bigint"
    more = True
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        await connection.execute(_BY_ID)
        while more:
            lowest: str | None = await connection.fetchval(steps, search.below, search.floor, search.step - 1)
            ends = search.floor if lowest is None else lowest
            more = search.found(await connection.fetch(rows, search.below, ends, search.wanted, *values), lowest)
    return search.page


async def _differences(connection: Connection) -> AsyncIterator[str]:
    def rows(sql: str) -> AsyncIterable[Sequence[Any]]:
        return connection.cursor(sql, prefetch=FETCHED)

    async for id_, name, balance, total in rows(_BALANCES):
        yield nobodys_rows(id_, int(total)) if name is None else wrong_balance(id_, name, balance, int(total))
    async for id_, name, spent, total in rows(_SPENT):
        yield wrong_spent(id_, name, int(spent), int(total))
    async for entry in rows(_ENTRIES):
        yield wrong_entry(*entry)
    async for (id_,) in rows(_UNBOOKED):
        yield no_entry(id_)
    async for bill in rows(_BILLS):
        for difference in wrong_arithmetic(*bill):
            yield difference
    async for sums in rows(_WRONG_SUMS):
        yield wrong_sum(*sums)


async def _answer(asked: _Asked) -> bytes:
    try:
        connection = await connect(asked.url, seconds=CONNECT_SECONDS)
    except Exception as error:
        # Not the error's own text: it may hold the address with its password.
        raise SystemExit(f"the database cannot be reached ({type(error).__name__})") from None
    try:
        await connection.execute(_LOOK_FOR_US)
        if isinstance(asked.question, UsageQuestion):
            return msgspec.json.encode(await usage(connection, asked.question))
        if isinstance(asked.question, RequestsQuestion):
            return msgspec.json.encode(await requests(connection, Search(asked.question)))
        return msgspec.json.encode(await audit(connection))
    finally:
        await connection.close()


if __name__ == "__main__":
    sys.stdout.buffer.write(asyncio.run(_answer(msgspec.json.decode(sys.stdin.buffer.read(), type=_Asked))))
