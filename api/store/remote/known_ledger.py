"""Which ledger the gateways of a Redis keep: named there, for those that start while the database is away."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final, cast

from hyperinfer.api.store.errors import reason_of
from hyperinfer.api.store.remote.bridge import Busy
from hyperinfer.api.store.remote.session import Away

if TYPE_CHECKING:
    from hyperinfer.api.store.remote.driver import Connection
    from hyperinfer.api.store.remote.holds import Holds
    from hyperinfer.api.store.remote.queries import Queries

log = logging.getLogger("hyperinfer.ledger")

_PLACE: Final = "hi:ledger"


async def find_ledger(queries: Queries, holds: Holds) -> str:
    """Its name: the database's, or while that is away, Redis's; then only a database with the same one is written to.
    Raises StoreUnavailable, TimeoutError or Busy where neither knows."""
    try:
        await queries.run(_ping)
    except (Away, TimeoutError, Busy) as error:
        named = await named_in_redis(holds)
        if named is None:
            raise
        if not queries.identity.seen:
            queries.identity.ledger = named
        log.warning("%s: started on what Redis knows", reason_of(error))
    return queries.identity.known


async def name_in_redis(queries: Queries, holds: Holds) -> None:
    """Names the ledger there, as soon as it was seen in the database. Raises StoreUnavailable, TimeoutError or Busy."""
    if queries.identity.seen:
        await holds.actor.ask(("SET", _PLACE, queries.identity.known))


async def named_in_redis(holds: Holds) -> str | None:
    """The ledger that is kept by gateways who have this Redis. Raises as `name_in_redis`."""
    named = cast("bytes | None", await holds.actor.ask(("GET", _PLACE)))
    return None if named is None else named.decode()


async def _ping(connection: Connection) -> int:
    return cast("int", await connection.fetchval("SELECT 1"))
