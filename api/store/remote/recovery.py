"""After a failover of the database: what it has lost of what was settled comes back from the journals of this machine.

A replica that takes over may not have had the last commits, though they were acknowledged. Their rows are in journals, also
in those that are done with, which are kept for a day. Settling all of them again changes nothing but what is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec
import trio

from hyperinfer.api.settlement.effects import Record, Settled
from hyperinfer.api.settlement.journal_format import read_journal
from hyperinfer.api.store.errors import NoStore, StoreUnavailable, reason_of
from hyperinfer.api.store.generations import unpacked_row
from hyperinfer.api.store.journal import ledger_of
from hyperinfer.api.store.remote.accounts import RemoteAccounts
from hyperinfer.api.store.remote.administration import RemoteAdministration
from hyperinfer.api.store.remote.admission import Admissions
from hyperinfer.api.store.remote.bridge import Busy, open_bridge
from hyperinfer.api.store.remote.holds import Holds
from hyperinfer.api.store.remote.key_cache import KeyCache
from hyperinfer.api.store.remote.queries import Queries
from hyperinfer.api.store.remote.reports import RemoteReports
from hyperinfer.api.store.remote.rows import Rows
from hyperinfer.api.store.remote.session import ledger_name_of
from hyperinfer.nodes.ports import SettlementRejected

if TYPE_CHECKING:
    from pathlib import Path

    from hyperinfer.api.store.keys import Entropy
    from hyperinfer.api.store.remote.driver import Connection
    from hyperinfer.providers.secret import Secret

AT_ONCE: Final = 500
"""Settlements that are looked up, and settled, together."""

_THERE: Final = "SELECT id, status = 'interrupted' FROM generation WHERE id = ANY($1)"
# Redis may know a later version than the replica: told one that it takes for old, it would not listen.
_OVERTAKE: Final = """
UPDATE workspace SET version = greatest(version, $2) + 1, untold = greatest(version, $2) + 1 WHERE id = $1
"""


class Recovered(msgspec.Struct, frozen=True, kw_only=True):
    """What a recovery found. journals: files that were read; foreign: those of another ledger, which were not; damaged:
    those of which the end cannot be read. settlements: requests in them. restored: those that the database did not have;
    cost: theirs, in pico-USD. rejected: requests that it will not take, and why."""

    journals: int
    settlements: int
    restored: int
    cost: int
    rejected: tuple[tuple[str, str], ...]
    foreign: tuple[str, ...]
    damaged: tuple[str, ...]


async def recover(
    postgres: Secret, redis: Secret, journals: Path, *, now: Callable[[], float], entropy: Entropy
) -> Recovered:
    """Settles what the journals in a folder say and the database does not have, and tells Redis all balances anew. Gateways
    may run meanwhile. It may be repeated. Raises StoreUnavailable when a server is away: what was restored by then stays.
    """
    paths = _journals(journals)
    async with open_bridge() as bridge:
        accounts: RemoteAccounts
        queries = Queries(
            postgres,
            trio.current_time,
            lambda sha256, version: accounts.changed(sha256, version),
            lambda: accounts.doubt(),
        )
        holds, rows = Holds(redis), Rows(postgres, trio.current_time, queries.identity)
        accounts = RemoteAccounts(queries, KeyCache(holds.actor), now, trio.current_time)
        admissions = Admissions(holds, queries, lambda: entropy(8).hex(), lambda: None)  # we hold nothing
        for actor in (queries.actor, holds.actor, rows.actor):
            bridge.start_soon(actor.run)
        admin = RemoteAdministration(queries, accounts, admissions, RemoteReports(postgres), now, entropy)
        try:
            recovered = await _Recovery(queries, rows).run(paths)
            for workspace, version in await holds.versions():
                await queries.run(_overtaking(workspace, version))
            while await admin.tell_untold():
                pass
        except (TimeoutError, Busy) as error:
            raise StoreUnavailable(reason_of(error)) from error
        return recovered


class _Recovery:
    def __init__(self, queries: Queries, rows: Rows) -> None:
        self._queries, self._rows = queries, rows
        self._known: set[str] = set()
        self._restored = self._cost = 0
        self._rejected: dict[str, str] = {}
        self._failure: Exception | None = None

    async def run(self, journals: Iterable[Path]) -> Recovered:
        ledger = await self._queries.run(ledger_name_of)
        read, foreign, damaged = 0, list[str](), list[str]()
        for path in journals:
            try:
                data = path.read_bytes()
            except FileNotFoundError:  # done with meanwhile
                data = path.with_suffix(".done").read_bytes()
            entries, end = read_journal(data)
            if ledger_of(entries) not in (None, ledger):
                foreign.append(path.name)
                continue
            read += 1
            if end < len(data) and path.suffix == ".done":  # the end of another may just be being written
                damaged.append(path.name)
            await self._settle(entry.record for entry in entries if isinstance(entry, Settled))
        return Recovered(
            journals=read,
            settlements=len(self._known),
            restored=self._restored,
            cost=self._cost,
            rejected=tuple(self._rejected.items()),
            foreign=tuple(foreign),
            damaged=tuple(damaged),
        )

    async def _settle(self, records: Iterable[Record]) -> None:
        group: dict[str, Record] = {}
        for record in records:
            if not record.interrupted or record.request not in group:
                group[record.request] = record
            if len(group) == AT_ONCE:
                await self._settle_missing(group)
                group = {}
        await self._settle_missing(group)

    async def _settle_missing(self, records: dict[str, Record]) -> None:
        self._known |= records.keys()
        ids = list(records)
        there = await self._queries.run(lambda connection: _there(connection, ids))
        async with trio.open_nursery() as nursery:
            for record in records.values():
                interrupted = there.get(record.request)
                if interrupted is None or (interrupted and not record.interrupted):
                    nursery.start_soon(self._one, record)
        if self._failure is not None:
            raise self._failure

    async def _one(self, record: Record) -> None:
        try:
            await self._rows.settle(unpacked_row(record.body))
        except SettlementRejected as error:
            self._rejected[record.request] = str(error)
        except (StoreUnavailable, TimeoutError, Busy) as error:
            self._failure = error
        else:
            self._restored += 1
            self._cost += record.cost


async def _there(connection: Connection, ids: Sequence[str]) -> dict[str, bool]:
    """The requests that have a row, and whether that says no more than that it was interrupted."""
    return {id_: interrupted for id_, interrupted in await connection.fetch(_THERE, ids)}


def _overtaking(workspace: str, version: int) -> Callable[[Connection], Any]:
    return lambda connection: connection.execute(_OVERTAKE, workspace, version)


def _journals(folder: Path) -> list[Path]:
    """Also those of gateways that run: what they have settled, the database may have lost."""
    if not folder.is_dir():
        raise NoStore(f"there are no journals in {folder}; --data names another folder")
    return sorted((*folder.glob("*.done"), *folder.glob("*.journal")))
