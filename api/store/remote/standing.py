"""Where a key and its workspace stand, over Postgres and Redis: sums from the database, holds from Redis."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, final

from hyperinfer.api.store.days import day_of
from hyperinfer.api.store.errors import StoreUnavailable
from hyperinfer.api.store.records import WorkspaceRecord
from hyperinfer.api.store.remote.accounts import KEY_COLUMNS, key_record
from hyperinfer.api.store.remote.bridge import Busy
from hyperinfer.api.store.remote.scripts import workspace_keys
from hyperinfer.api.store.standing import KeySums, Standing
from hyperinfer.api.store.volumes import WEEK_DAYS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from hyperinfer.api.store.remote.driver import Connection
    from hyperinfer.api.store.remote.holds import Holds
    from hyperinfer.api.store.remote.queries import Queries
    from hyperinfer.nodes.ports import Principal

# One statement, so that all of it is of one instant.
_STANDING: Final = f"""
SELECT {", ".join("k." + name for name in KEY_COLUMNS.split(", "))},
       w.id, w.name, w.locked, w.balance, w.version, w.created_at,
       w.spent, s.on_day, s.in_week, s.in_month, s.in_all
FROM api_key k JOIN workspace w ON w.id = k.workspace,
     LATERAL (SELECT coalesce(sum(cost) FILTER (WHERE day = $2), 0) AS on_day,
                     coalesce(sum(cost) FILTER (WHERE day >= $3 AND day <= $2), 0) AS in_week,
                     coalesce(sum(cost) FILTER (WHERE day >= $4 AND day < $5), 0) AS in_month,
                     coalesce(sum(cost), 0) AS in_all
              FROM rollup WHERE key_id = k.id) s
WHERE k.id = $1
"""
_KEY_WIDTH: Final = len(KEY_COLUMNS.split(", "))
_TOKENS: Final = """
SELECT model, sum(tokens_prompt + tokens_completion) FROM rollup WHERE day > $1 AND day <= $2
GROUP BY model HAVING sum(tokens_prompt + tokens_completion) > 0
"""


@final
class RemoteStandings:
    """The port `Standings`."""

    def __init__(self, queries: Queries, holds: Holds) -> None:
        self._queries, self._holds = queries, holds

    async def standing(self, principal: Principal, at: float) -> Standing | None:
        """See the port."""
        day = day_of(at)

        async def read(connection: Connection) -> Sequence[Any] | None:
            return await connection.fetchrow(
                _STANDING, principal.key_id, day.number, day.week_begins, day.month_begins, day.month_ends
            )

        row = await _told(lambda: self._queries.run(read))
        if row is None:
            return None
        of_key, of_workspace, sums = row[:_KEY_WIDTH], row[_KEY_WIDTH:-5], [int(each) for each in row[-5:]]
        key, workspace = key_record(tuple(of_key)), WorkspaceRecord(*of_workspace)
        spent, on_day, in_week, in_month, in_all = sums
        packed: Sequence[bytes] = await _told(lambda: self._holds.actor.ask(("HVALS", workspace_keys(workspace.id)[1])))
        held, held_by_key = 0, 0
        for hold in packed:  # "amount key about"
            amount, of, _ = hold.split(b" ", 2)
            held += int(amount)
            held_by_key += int(amount) if of.decode() == key.id else 0
        return Standing(
            key=key,
            sums=KeySums(on_day=on_day, in_week=in_week, in_month=in_month, in_all=in_all, held=held_by_key),
            workspace=workspace,
            spent=spent,
            held=held,
        )

    async def weekly_tokens(self, at: float) -> Mapping[str, int]:
        """See the port."""
        day = day_of(at).number
        rows = await _told(lambda: self._queries.run(lambda connection: connection.fetch(_TOKENS, day - WEEK_DAYS, day)))
        return {model: int(tokens) for model, tokens in rows}


async def _told(ask: Callable[[], Awaitable[Any]]) -> Any:
    try:
        return await ask()
    except (TimeoutError, Busy) as error:
        raise StoreUnavailable("the accounts cannot be read at the moment") from error
