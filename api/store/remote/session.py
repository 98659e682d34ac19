"""A connection to Postgres that is made when it is needed, dropped when it fails, and made anew with a back-off.

Wherever the address leads later: to the same ledger, or there is no connection.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final, cast, final

from hyperinfer.api.store.errors import StoreUnavailable
from hyperinfer.api.store.remote.driver import Connection, connect, error_class
from hyperinfer.api.store.remote.migrations import migrate, migrations

if TYPE_CHECKING:
    from hyperinfer.providers.secret import Secret

CONNECT_SECONDS: Final = 3.0
BACKOFF_FIRST: Final = 0.05
BACKOFF_MOST: Final = 1.0

_AWAY: Final = "the database is away"
_MISTAKEN: Final = frozenset({"25", "28", "3D", "42"})
"""Classes of SQLSTATE that are about who we are and what we were sent to: waiting does not help. (The same appendix.)"""
_NO_SUCH_TABLE: Final = "42"
_REJECTED: Final = frozenset({"22", "23", "P0"})
"""Classes of SQLSTATE that are about the data of a statement: it would fail again. (PostgreSQL, appendix A.)"""


class Away(StoreUnavailable):
    """The database does not answer, and may be back at any time."""


def is_rejection(error: Exception) -> bool:
    """Whether the database is well, and will never do this."""
    # asyncpg's own checks of arguments (text with a NUL or a lone surrogate, a number beyond its type) are ValueErrors.
    return error_class(error) in _REJECTED or isinstance(error, ValueError | OverflowError)


@final
class Identity:
    """Which ledger a database has, as whoever connects first finds it: for all connections of a store together. Where it
    was told before that (`ledger`), only a database that has this one will do. `seen`: whether somebody has connected."""

    def __init__(self) -> None:
        self.ledger: str | None = None
        self.seen = False

    @property
    def known(self) -> str:
        """Its name, once somebody has connected. Raises StoreUnavailable for a database that names none."""
        if self.ledger is None:
            raise StoreUnavailable("the table `identity` of the database is empty: it does not say which ledger it is")
        return self.ledger


@final
class Session:
    """One connection, whichever it is at the moment. For one user at a time. `clock`: any steady one, in seconds.
    `prepare`: a coroutine function of asyncio, awaited with each new connection. `identity`: of the database.
    """

    def __init__(
        self,
        url: Secret,
        clock: Callable[[], float],
        prepare: Callable[[Connection], Awaitable[None]] | None = None,
        identity: Identity | None = None,
    ) -> None:
        self._identity = identity or Identity()
        self._url, self._clock, self._prepare = url, clock, prepare
        self._connection: Connection | None = None
        self._not_before = 0.0
        self._kind: type[StoreUnavailable] = Away
        self._why = _AWAY
        self._backoff = BACKOFF_FIRST

    @property
    def connected(self) -> bool:
        """Whether there is a connection that has not failed yet."""
        return self._connection is not None and not self._connection.is_closed()

    async def get(self) -> Connection:
        """The connection. asyncio. Raises StoreUnavailable, at once while the last attempt is too recent."""
        if self._connection is not None and not self._connection.is_closed():
            return self._connection
        now = self._clock()
        if now < self._not_before:
            raise self._kind(self._why)
        connection = None
        try:
            connection = await connect(self._url.reveal(), seconds=CONNECT_SECONDS)
            await self._check(connection)
            if self._prepare is not None:
                await self._prepare(connection)
        except Exception as error:
            if connection is not None:
                connection.terminate()
            self._not_before = self._clock() + self._backoff
            self._backoff = min(BACKOFF_MOST, self._backoff * 2)
            if isinstance(error, StoreUnavailable):
                self._kind, self._why = type(error), str(error)
                raise
            self._kind, self._why = StoreUnavailable if error_class(error) in _MISTAKEN else Away, _AWAY
            # Not the error's own text: it may hold the address with its password.
            why = f"{type(error).__name__}; `hyperinfer doctor` says more"
            raise self._kind(f"the database cannot be reached ({why})") from error
        self._connection = connection
        self._backoff = BACKOFF_FIRST
        return connection

    async def _check(self, connection: Connection) -> None:
        expected = self._identity.ledger
        if expected is not None and await ledger_name_of(connection) != expected:
            raise StoreUnavailable(
                "the address of the database leads to another one now: what was begun here is not settled there; lead it"
                " back, or start the gateway anew"
            )
        if not self._identity.seen:
            await migrate(connection, migrations())
            self._identity.ledger, self._identity.seen = await ledger_name_of(connection), True

    def drop(self) -> None:
        """Whatever is wrong with the connection, the next one may be well."""
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None

    async def leave(self) -> None:
        """Close the connection in order, or at once when it takes too long. asyncio."""
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                await connection.close()
            finally:
                connection.terminate()


async def ledger_name_of(connection: Connection) -> str | None:
    """The name of the ledger in a database: the same wherever that is found, and of all its copies. None where there is no
    ledger. asyncio."""
    try:
        return cast("str", await connection.fetchval("SELECT name::text FROM identity"))
    except Exception as error:
        if error_class(error) == _NO_SUCH_TABLE:
            return None
        raise
