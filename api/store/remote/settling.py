"""Settlements in Postgres: rows, ledger, sums and balances of a whole group in one statement.

Only a row that was not there, or takes the place of an interrupted one, moves a balance: so everything may be repeated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from hyperinfer.api.settlement.effects import Balance
from hyperinfer.api.store.messages import GenerationRow

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from hyperinfer.api.store.remote.driver import Connection

_TYPES: Final = {
    "created_at": "float8",
    **dict.fromkeys(
        (
            "tokens_prompt",
            "tokens_completion",
            "tokens_reasoning",
            "tokens_cached_prompt",
            "tokens_cache_write",
            "tokens_cache_write_1h",
            "cost",
            "latency_ms",
        ),
        "int8",
    ),
}
_COLUMNS: Final = ", ".join(GenerationRow._fields)
_INPUT: Final = ", ".join(f"(r->>{n})::{_TYPES.get(name, 'text')} AS {name}" for n, name in enumerate(GenerationRow._fields))
_NEW: Final = ", ".join(f"excluded.{name}" for name in GenerationRow._fields)

_encode = msgspec.json.Encoder().encode

_SETTLE: Final = f"""
WITH input AS (SELECT {_INPUT} FROM jsonb_array_elements($1::jsonb) AS r),
fresh AS (
    INSERT INTO generation AS g ({_COLUMNS}) SELECT {_COLUMNS} FROM input ORDER BY id
    ON CONFLICT (id) DO UPDATE SET ({_COLUMNS}) = ROW ({_NEW})
    WHERE g.status = 'interrupted' AND excluded.status <> 'interrupted'
    RETURNING g.*
),
booked AS (SELECT * FROM fresh WHERE status <> 'interrupted'),
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
costs AS (SELECT workspace, sum(cost) AS cost FROM booked GROUP BY workspace),
moved AS (
    UPDATE workspace w SET balance = w.balance - c.cost, spent = w.spent + c.cost, version = w.version + 1
    FROM costs c WHERE w.id = c.workspace RETURNING w.id, w.balance, w.version
)
SELECT id, balance, version FROM moved
UNION ALL
SELECT id, balance, version FROM workspace
WHERE id IN (SELECT workspace FROM input) AND id NOT IN (SELECT workspace FROM costs)
"""


async def settle_rows(connection: Connection, rows: Iterable[GenerationRow]) -> Mapping[str, Balance]:
    """Settle them all, in one transaction; the balances of their workspaces after it. asyncio.

    Raises what the connection raises, for the whole group, which then has changed nothing.
    """
    first: dict[str, GenerationRow] = {}
    for row in rows:
        known = first.get(row.id)
        if known is None or known.status == "interrupted":
            first[row.id] = row
    # As one JSON text: the client encodes seventeen arrays with a look at every item, which costs ten times as much.
    found = await connection.fetch(_SETTLE, _encode(list(first.values())).decode())
    return {id_: Balance(id_, balance, version) for id_, balance, version in found}
