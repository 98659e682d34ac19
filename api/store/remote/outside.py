"""Administration of the shared store by whoever serves nothing: a command, or what starts the workers."""

from __future__ import annotations

from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Final

import trio

from hyperinfer.api.store.errors import StoreAway, StoreUnavailable, reason_of
from hyperinfer.api.store.remote.accounts import RemoteAccounts
from hyperinfer.api.store.remote.administration import RemoteAdministration
from hyperinfer.api.store.remote.admission import Admissions
from hyperinfer.api.store.remote.bridge import Busy, open_bridge
from hyperinfer.api.store.remote.holds import Holds
from hyperinfer.api.store.remote.key_cache import KeyCache
from hyperinfer.api.store.remote.known_ledger import named_in_redis
from hyperinfer.api.store.remote.queries import Queries
from hyperinfer.api.store.remote.reports import RemoteReports
from hyperinfer.api.store.remote.session import Away

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from hyperinfer.api.store.keys import Entropy
    from hyperinfer.api.store.remote.driver import Connection
    from hyperinfer.providers.secret import Secret

_FIRST_START: Final = 0x6869_6669_7273
"""Of PostgreSQL's advisory locks; see `migrations.py` for another."""
_UNLOCK_SECONDS: Final = 1.0


@asynccontextmanager
async def open_remote_admin(
    postgres: Secret, redis: Secret, *, now: Callable[[], float], entropy: Entropy
) -> AsyncGenerator[RemoteAdministration]:
    """The Admin of the shared store, whoever serves from it. Makes the tables when there are none. Connects when it is
    first asked something; raises nothing itself."""
    async with _open(postgres, redis, now, entropy) as (admin, _, _):
        yield admin


@asynccontextmanager
async def open_alone(
    postgres: Secret, redis: Secret, *, now: Callable[[], float], entropy: Entropy
) -> AsyncGenerator[RemoteAdministration]:
    """The same, to one at a time of all who open it so, on any machine. Raises StoreUnavailable; StoreAway where the
    database is away, and gateways can do without it."""
    async with _open(postgres, redis, now, entropy) as (admin, queries, holds):
        try:
            await queries.run(_lock)
        except (Away, TimeoutError, Busy) as error:
            raise (StoreAway if await _is_kept(holds) else StoreUnavailable)(reason_of(error)) from error
        try:
            yield admin
        finally:
            # A connection that broke has let go of it by itself.
            with trio.move_on_after(_UNLOCK_SECONDS, shield=True), suppress(StoreUnavailable, TimeoutError, Busy):
                await queries.run(_unlock)


@asynccontextmanager
async def _open(
    postgres: Secret, redis: Secret, now: Callable[[], float], entropy: Entropy
) -> AsyncGenerator[tuple[RemoteAdministration, Queries, Holds]]:
    async with open_bridge() as bridge:
        accounts: RemoteAccounts
        queries = Queries(
            postgres, trio.current_time, lambda sha256, version: accounts.changed(sha256, version), lambda: accounts.doubt()
        )
        holds = Holds(redis)
        accounts = RemoteAccounts(queries, KeyCache(holds.actor), now, trio.current_time)
        admissions = Admissions(holds, queries, lambda: entropy(8).hex(), lambda: None)  # we hold nothing
        for actor in (queries.actor, holds.actor):
            bridge.start_soon(actor.run)
        yield RemoteAdministration(queries, accounts, admissions, RemoteReports(postgres), now, entropy), queries, holds


async def _is_kept(holds: Holds) -> bool:
    """Whether gateways serve on this Redis, or have."""
    with suppress(StoreUnavailable, TimeoutError, Busy):
        return await named_in_redis(holds) is not None
    return False


async def _lock(connection: Connection) -> None:
    await connection.execute("SELECT pg_advisory_lock($1)", _FIRST_START)


async def _unlock(connection: Connection) -> None:
    await connection.execute("SELECT pg_advisory_unlock($1)", _FIRST_START)
