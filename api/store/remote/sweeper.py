"""Settles what dead owners left behind: holds whose lease ran out. Any replica does it, at any time; all of it may be done
twice."""

from __future__ import annotations

import logging
from collections.abc import Collection
from typing import TYPE_CHECKING, Any, Final

from hyperinfer.api.settlement.effects import Balance, Commit, DropHold
from hyperinfer.api.settlement.owed import owed
from hyperinfer.api.settlement.sweep import sweep
from hyperinfer.api.store.generations import unpacked_row
from hyperinfer.api.store.remote.operations import drop_of
from hyperinfer.api.store.remote.unsettled import interrupted
from hyperinfer.nodes.ports import SettlementRejected

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hyperinfer.api.store.journal import JournalFolder
    from hyperinfer.api.store.remote.driver import Connection
    from hyperinfer.api.store.remote.holds import Holds
    from hyperinfer.api.store.remote.queries import Queries
    from hyperinfer.api.store.remote.rows import Rows

log = logging.getLogger("hyperinfer.ledger")

MOST: Final = 200
"""Holds of a workspace at a time; the next sweep finds the others."""

_SETTLED: Final = """
SELECT g.id, w.id, w.balance, w.version FROM generation g JOIN workspace w ON w.id = g.workspace WHERE g.id = ANY($1)
"""


async def sweep_once(holds: Holds, rows: Rows, queries: Queries, journals: JournalFolder) -> int:
    """One sweep; how many holds it found. Raises StoreUnavailable, TimeoutError or Busy; then the next one does the rest."""
    expired = [hold for hold, _ in await holds.expired(MOST)]
    if not expired:
        return 0
    requests = [hold.request for hold in expired]
    settled = await queries.run(lambda connection: _settled(connection, requests))
    balances = {request: Balance(workspace, amount, version) for request, workspace, amount, version in settled}
    journaled: Collection[str] = {hold.request for hold, _ in owed(journals.all_entries())}
    for effect in sweep(expired, balances, journaled, interrupted):
        match effect:
            case Commit(record):
                log.warning("%s was admitted and never heard of again", record.request)
                try:
                    await rows.settle(unpacked_row(record.body))
                except SettlementRejected as error:  # a person has to look at it; the others must not wait for that
                    log.error("what is left of %s cannot be settled: %s", record.request, error)
            case DropHold():
                await holds.ask(drop_of(effect))
            case _:
                raise AssertionError(effect)
    return len(expired)


async def _settled(connection: Connection, requests: Sequence[str]) -> Sequence[Sequence[Any]]:
    return await connection.fetch(_SETTLED, requests)
