"""Administration of the shared store: rows in Postgres, of which all replicas and Redis are told.

Every change is one transaction, named by an id that is made before it is sent: where the connection breaks in the middle,
nobody knows whether it happened, and it is sent again. A change of a key is announced in its own transaction. A change of
a key or an account is marked in it as one that Redis has not heard of, and Redis is told before the change is reported as
done. If Redis cannot be told then, any replica's sweep does it (`tell_untold`); until then the replicas that do reach Redis
go on with the lock and the credits as they were before, and one that does not reach it admits nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeVar

import trio

from hyperinfer.api.store.admin import CreatedKey
from hyperinfer.api.store.checks import check_enable, check_new_workspace, check_topup
from hyperinfer.api.store.errors import StoreUnavailable, no_workspace, reason_of, secret_exists, workspace_exists
from hyperinfer.api.store.keys import Entropy, check_terms, digest, find_key, new_id, new_secret, shown
from hyperinfer.api.store.records import KeyRecord, KeyTerms, LedgerReport, UsageBy, UsageRow, WorkspaceRecord
from hyperinfer.api.store.remote.accounts import KEY_COLUMNS, KEY_VIEW, key_record, key_view
from hyperinfer.api.store.remote.bridge import Busy
from hyperinfer.api.store.remote.console_rows import RemoteConsole
from hyperinfer.api.store.remote.queries import KEYS_CHANNEL
from hyperinfer.api.store.remote.text import can_be_stored
from hyperinfer.api.store.reports import UsageQuestion

if TYPE_CHECKING:
    from hyperinfer.api.store.remote.accounts import RemoteAccounts
    from hyperinfer.api.store.remote.admission import Admissions
    from hyperinfer.api.store.remote.driver import Connection
    from hyperinfer.api.store.remote.key_cache import KeyView
    from hyperinfer.api.store.remote.queries import Queries
    from hyperinfer.api.store.remote.reports import RemoteReports
    from hyperinfer.providers.secret import Secret

T = TypeVar("T")

log = logging.getLogger("hyperinfer.ledger")

PATIENCE_SECONDS: Final = 5.0
"""So long a change is sent again to a database that breaks off or is away."""
AGAIN_SECONDS: Final = 0.2
UNTOLD: Final = 200
"""Accounts, and keys, that a sweep tells Redis of at a time."""

_WORKSPACE: Final = "id, name, locked, balance, version, created_at"
_NAMED: Final = f"SELECT {_WORKSPACE} FROM workspace WHERE id = $1 OR name = $1"
_MAKE_WORKSPACE: Final = (
    "INSERT INTO workspace (id, name, balance, version, created_at) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING"
)
_BOOK: Final = (
    "INSERT INTO ledger (workspace, kind, amount, request, created_at) VALUES ($1, $2, $3, $4, $5)"
    " ON CONFLICT (request) DO NOTHING RETURNING seq"
)
_MOVE: Final = (
    "UPDATE workspace SET balance = balance + $2, version = version + 1, untold = version + 1 WHERE id = $1"
    f" RETURNING {_WORKSPACE}"
)
_LOCK: Final = (
    "UPDATE workspace SET locked = $2, version = version + 1, untold = version + 1 WHERE id = $1 AND locked <> $2"
    f" RETURNING {_WORKSPACE}"
)
_MAKE_KEY: Final = (
    f"INSERT INTO api_key ({KEY_COLUMNS}, sha256) VALUES"
    " ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16) ON CONFLICT DO NOTHING"
)
_KEYS: Final = f"SELECT {KEY_COLUMNS}, sha256 FROM api_key"
_MEANT: Final = (
    f"{_KEYS} WHERE id = $1 OR sha256 = $2 OR $1 <> '' AND starts_with(prefix, $1) ORDER BY made FOR NO KEY UPDATE"
)
_ENABLE: Final = "UPDATE api_key SET enabled = $2 WHERE id = $1"
_REVOKE: Final = "UPDATE api_key SET revoked_at = coalesce(revoked_at, $2) WHERE id = $1"
_ANNOUNCE: Final = "SELECT pg_notify($1, $2)"
_TELL: Final = "SELECT id, untold FROM workspace WHERE untold IS NOT NULL ORDER BY untold LIMIT $1"
_TOLD: Final = "UPDATE workspace SET untold = NULL WHERE id = $1 AND untold <= $2"
_TELL_KEYS: Final = f"{KEY_VIEW} WHERE k.untold IS NOT NULL ORDER BY k.untold LIMIT $1"
_TOLD_KEY: Final = "UPDATE api_key SET untold = NULL WHERE id = $1 AND untold <= $2"


class RemoteAdministration:
    """The Protocol `Admin`. `now`: unix seconds."""

    def __init__(
        self,
        queries: Queries,
        accounts: RemoteAccounts,
        admissions: Admissions,
        reports: RemoteReports,
        now: Callable[[], float],
        entropy: Entropy,
    ) -> None:
        self.queries, self.admissions = queries, admissions
        self._accounts, self._reports = accounts, reports
        self._now, self._entropy = now, entropy
        self.console = RemoteConsole(self._ask, now, entropy)
        self.new_console_token = self.console.new_token

    # Workspaces ###############################################################

    async def create_workspace(self, name: str, credits: int = 0) -> WorkspaceRecord:
        """See Admin."""
        name = check_new_workspace(name, credits)
        now = self._now()
        id_, operation = new_id("ws", now, self._entropy), new_id("op", now, self._entropy)

        async def make(connection: Connection) -> WorkspaceRecord:
            async with connection.transaction():
                version = int(credits > 0)
                await connection.execute(_MAKE_WORKSPACE, id_, name, credits, version, now)
                row = await connection.fetchrow(_NAMED, name)
                if row is None or row[0] != id_:
                    raise workspace_exists(name)
                if credits:
                    await connection.execute(_BOOK, id_, "topup", credits, operation, now)
                return WorkspaceRecord(*row)

        return await self._ask(make)

    async def workspaces(self) -> tuple[WorkspaceRecord, ...]:
        """See Admin."""
        sql = f"SELECT {_WORKSPACE} FROM workspace ORDER BY made"
        return tuple(WorkspaceRecord(*row) for row in await self._ask(lambda connection: connection.fetch(sql)))

    async def workspace(self, workspace: str) -> WorkspaceRecord:
        """See Admin."""
        return await self._ask(lambda connection: _named(connection, workspace))

    async def topup(self, workspace: str, amount: int) -> WorkspaceRecord:
        """See Admin."""
        now = self._now()
        operation = new_id("op", now, self._entropy)

        async def add(connection: Connection) -> WorkspaceRecord:
            async with connection.transaction():
                record = await _named(connection, workspace, " FOR NO KEY UPDATE")
                if await connection.fetchval("SELECT 1 FROM ledger WHERE request = $1", operation) is not None:
                    return record
                check_topup(record, amount)
                kind = "topup" if amount >= 0 else "adjustment"
                await connection.execute(_BOOK, record.id, kind, amount, operation, now)
                row = await connection.fetchrow(_MOVE, record.id, amount)
                assert row is not None
                return WorkspaceRecord(*row)

        return await self._and_tell(add)

    async def lock(self, workspace: str) -> WorkspaceRecord:
        """See Admin."""
        return await self._and_tell(lambda connection: _set_locked(connection, workspace, locked=True))

    async def unlock(self, workspace: str) -> WorkspaceRecord:
        """See Admin."""
        return await self._and_tell(lambda connection: _set_locked(connection, workspace, locked=False))

    # Keys #####################################################################

    async def create_key(self, workspace: str, terms: KeyTerms) -> CreatedKey:
        """See Admin."""
        return await self.create_key_with(workspace, terms, new_secret(self._entropy))

    async def create_key_with(self, workspace: str, terms: KeyTerms, secret: Secret) -> CreatedKey:
        """Make a key with a secret that the caller chose. Refused also when there is a key with it already."""
        check_terms(terms)
        now = self._now()
        id_, sha256 = new_id("key", now, self._entropy), digest(secret.reveal())
        prefix, last4 = shown(secret)
        values = (
            *(terms.name, terms.models, terms.rate_per_minute, terms.burst),
            *(terms.limit_daily, terms.limit_monthly, terms.limit_total, terms.expires_at, sha256),
        )

        async def make(connection: Connection) -> KeyView:
            async with connection.transaction():
                of = await _named(connection, workspace)
                await connection.execute(_MAKE_KEY, id_, of.id, prefix, last4, True, None, now, *values)
                row = await connection.fetchrow(f"{KEY_VIEW} WHERE k.sha256 = $1", sha256)
                if row is None or row[0] != id_:
                    raise secret_exists()
                return await _announced(connection, row)  # somebody may have tried it before

        return CreatedKey((await self._key_changed(sha256, await self._ask(make))).record, secret)

    async def keys(self, workspace: str | None = None) -> tuple[KeyRecord, ...]:
        """See Admin."""

        async def find(connection: Connection) -> Sequence[Sequence[Any]]:
            if workspace is None:
                return await connection.fetch(f"{_KEYS} ORDER BY made")
            of = await _named(connection, workspace)
            return await connection.fetch(f"{_KEYS} WHERE workspace = $1 ORDER BY made", of.id)

        return tuple(map(key_record, await self._ask(find)))

    async def has_key(self, sha256: bytes) -> bool:
        """Whether there is a key with this digest, in whatever state."""
        sql = "SELECT 1 FROM api_key WHERE sha256 = $1"
        return await self._ask(lambda connection: connection.fetchval(sql, sha256)) is not None

    async def enable(self, key: str) -> KeyRecord:
        """See Admin."""

        async def enable(connection: Connection, record: KeyRecord) -> object:
            check_enable(record)
            return await connection.execute(_ENABLE, record.id, True)

        return await self._change_key(key, enable)

    async def disable(self, key: str) -> KeyRecord:
        """See Admin."""
        return await self._change_key(key, lambda connection, record: connection.execute(_ENABLE, record.id, False))

    async def revoke(self, key: str) -> KeyRecord:
        """See Admin."""
        now = self._now()
        return await self._change_key(key, lambda connection, record: connection.execute(_REVOKE, record.id, now))

    # Reports ##################################################################

    async def usage(
        self, by: UsageBy, workspace: str | None = None, *, since: int | None = None, until: int | None = None
    ) -> tuple[UsageRow, ...]:
        """See Admin."""
        id_ = None if workspace is None else (await self.workspace(workspace)).id
        return await self._reports.usage(UsageQuestion(by, id_, since, until))

    async def verify_ledger(self) -> LedgerReport:
        """See Admin."""
        return await self._reports.audit()

    # Upkeep ###################################################################

    async def tell_untold(self) -> int:
        """Tells Redis of changed keys and accounts that it may not have heard of, some at a time: how many. Raises
        StoreUnavailable, TimeoutError or Busy."""
        keys = await self.queries.run(lambda connection: connection.fetch(_TELL_KEYS, UNTOLD))
        for row in keys:
            await self._tell_key(bytes(row[-1]), key_view(row))
        untold = await self.queries.run(lambda connection: connection.fetch(_TELL, UNTOLD))
        for id_, version in untold:
            await self._tell(id_, version)
        return len(keys) + len(untold)

    # Inside ###################################################################

    async def _ask(self, query: Callable[[Connection], Awaitable[T]]) -> T:
        """What the query returns, which is safe to be asked twice. Raises Refused or StoreUnavailable."""
        deadline = trio.current_time() + PATIENCE_SECONDS
        while True:
            try:
                return await self.queries.run(query)
            except (StoreUnavailable, TimeoutError, Busy) as error:
                if trio.current_time() >= deadline:
                    raise error if isinstance(error, StoreUnavailable) else StoreUnavailable(reason_of(error)) from error
            await trio.sleep(AGAIN_SECONDS)

    async def _and_tell(self, change: Callable[[Connection], Awaitable[WorkspaceRecord]]) -> WorkspaceRecord:
        record = await self._ask(change)
        try:
            await self._tell(record.id, record.version)
        except (StoreUnavailable, TimeoutError, Busy) as error:
            log.warning("%s is changed, and Redis will hear of it later: %s", record.id, reason_of(error))
        return record

    async def _tell(self, workspace: str, version: int) -> None:
        await self.admissions.reload(workspace)
        await self.queries.run(lambda connection: connection.execute(_TOLD, workspace, version))

    async def _change_key(self, reference: str, change: Callable[[Connection, KeyRecord], Awaitable[object]]) -> KeyRecord:
        secret = digest(reference)

        async def all_of_it(connection: Connection) -> tuple[KeyView, bytes]:
            async with connection.transaction():
                rows = await connection.fetch(_MEANT, reference, secret) if can_be_stored(reference) else ()
                digests = {row[0]: bytes(row[-1]) for row in rows}
                records = [key_record(row) for row in rows]
                exact = next((record for record in records if digests[record.id] == secret), None)
                found = find_key(records, exact, reference)
                await change(connection, found)
                row = await connection.fetchrow(f"{KEY_VIEW} WHERE k.id = $1", found.id)
                assert row is not None
                return await _announced(connection, row), digests[found.id]

        view, sha256 = await self._ask(all_of_it)
        return (await self._key_changed(sha256, view)).record

    async def _key_changed(self, sha256: bytes, view: KeyView) -> KeyView:
        self._accounts.forget(sha256)
        try:
            await self._tell_key(sha256, view)
        except (StoreUnavailable, TimeoutError, Busy) as error:
            log.warning("%s is changed, and Redis will hear of it later: %s", view.record.id, reason_of(error))
        return view

    async def _tell_key(self, sha256: bytes, view: KeyView) -> None:
        await self._accounts.cache.tell(sha256, view)
        await self.queries.run(lambda connection: connection.execute(_TOLD_KEY, view.record.id, view.version))


async def _announced(connection: Connection, row: Sequence[Any]) -> KeyView:
    """The key of a row of KEY_VIEW; all replicas hear of it when the transaction is done."""
    view = key_view(row)
    await connection.execute(_ANNOUNCE, KEYS_CHANNEL, f"{bytes(row[-1]).hex()}:{view.version}")
    return view


async def _named(connection: Connection, reference: str, tail: str = "") -> WorkspaceRecord:
    # An id and a name are never the same text: a name does not begin as ids do.
    row = await connection.fetchrow(_NAMED + tail, reference) if can_be_stored(reference) else None
    if row is None:
        raise no_workspace(reference)
    return WorkspaceRecord(*row)


async def _set_locked(connection: Connection, reference: str, *, locked: bool) -> WorkspaceRecord:
    async with connection.transaction():
        record = await _named(connection, reference, " FOR NO KEY UPDATE")
        row = await connection.fetchrow(_LOCK, record.id, locked)
        return record if row is None else WorkspaceRecord(*row)
