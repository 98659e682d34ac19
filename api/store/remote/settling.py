"""Settlements in Postgres: rows, ledger, sums and balances of a whole group in one statement.

Only a row that was not there, or takes the place of an interrupted one, moves a balance: so everything may be repeated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hyperinfer.api.settlement.effects import Balance
from hyperinfer.api.store.messages import GenerationRow

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from hyperinfer.api.store.remote.driver import Connection

_COLUMNS: Final = ", ".join(GenerationRow._fields)
_NEW: Final = ", ".join(f"excluded.{name}" for name in GenerationRow._fields)
# A row whose workspace does not exist has none, which is refused, as a foreign key would: see 0007_workspaces_stay.sql.
_GIVEN: Final = ", ".join(
    "(SELECT w.id FROM workspace w WHERE w.id = r.workspace) AS workspace" if name == "workspace" else f"r.{name}"
    for name in GenerationRow._fields
)
# As an array of rows of the table, in the binary format: reading JSON costs the server a third of what a row costs it, and
# seventeen arrays of columns cost the client, which looks at every item of an array, ten times as much.
# Behind a SELECT, so that how many there are is no reason to plan anew each time, which costs more than all else.
_INPUT: Final = f"input AS (SELECT {_GIVEN} FROM unnest((SELECT $1::generation[])) AS r)"
_INSERT: Final = f"INSERT INTO generation AS g ({_COLUMNS}) SELECT {_COLUMNS} FROM input ORDER BY id ON CONFLICT (id)"
_BOOK: Final = """
entries AS (
    INSERT INTO ledger (workspace, kind, amount, request, created_at)
    SELECT workspace, 'usage', -cost, id, created_at FROM booked ORDER BY id
),
sums AS (
    INSERT INTO rollup AS r (day, workspace, key_id, model, requests, tokens_prompt, tokens_completion, cost)
    SELECT floor(created_at / 86400), workspace, CASE source WHEN 'api' THEN key_id ELSE source END, model,
           count(*), sum(tokens_prompt), sum(tokens_completion), sum(cost)
    FROM booked GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
    ON CONFLICT (day, workspace, key_id, model) DO UPDATE SET
        requests = r.requests + excluded.requests,
        tokens_prompt = r.tokens_prompt + excluded.tokens_prompt,
        tokens_completion = r.tokens_completion + excluded.tokens_completion,
        cost = r.cost + excluded.cost
),
costs AS (SELECT workspace, count(*) AS booked, sum(cost) AS cost FROM booked GROUP BY workspace),
moved AS (
    UPDATE workspace w SET balance = w.balance - c.cost, spent = w.spent + c.cost, version = w.version + 1
    FROM costs c WHERE w.id = c.workspace RETURNING w.id, w.balance, w.version, c.booked
)
"""

_SETTLE: Final = f"""
WITH {_INPUT},
fresh AS (
    {_INSERT} DO UPDATE SET ({_COLUMNS}) = ROW ({_NEW})
    WHERE g.status = 'interrupted' AND excluded.status <> 'interrupted'
    RETURNING g.*
),
booked AS (SELECT * FROM fresh WHERE status <> 'interrupted'),
{_BOOK}
SELECT id, balance, version FROM moved
UNION ALL
SELECT id, balance, version FROM workspace
WHERE id IN (SELECT workspace FROM input) AND id NOT IN (SELECT workspace FROM costs)
"""
"""For any rows, each once."""
_SETTLE_NEW: Final = f"""
WITH {_INPUT},
booked AS ({_INSERT} DO NOTHING RETURNING {_COLUMNS}),
{_BOOK}
SELECT id, balance, version, booked FROM moved
"""
"""What it does with real rows of which the database knows nothing, as nearly all are; of others it changes nothing. And how
many it found so: half of what `_SETTLE` costs the server is to get ready for others."""


async def settle_rows(connection: Connection, rows: Iterable[GenerationRow]) -> Mapping[str, Balance]:
    """Settle them all; the balances of their workspaces after it. asyncio.

    Raises what the connection raises, for the whole group: some of it may be settled then.
    """
    first: dict[str, GenerationRow] = {}
    real = True
    for row in rows:
        known = first.get(row.id)
        if known is None or known.status == "interrupted":
            first[row.id] = row
        real = real and row.status != "interrupted"
    group = list(first.values())
    if real:
        found = await connection.fetch(_SETTLE_NEW, group)
        if sum(booked for _, _, _, booked in found) == len(group):
            return {id_: Balance(id_, balance, version) for id_, balance, version, _ in found}
    found = await connection.fetch(_SETTLE, group)
    return {id_: Balance(id_, balance, version) for id_, balance, version in found}
