"""A connection to Postgres that is made when it is needed, dropped when it fails, and made anew with a back-off."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final, final

from hyperinfer.api.store.errors import StoreUnavailable
from hyperinfer.api.store.remote.driver import Connection, connect, error_class
from hyperinfer.api.store.remote.migrations import migrate, migrations

if TYPE_CHECKING:
    from hyperinfer.providers.secret import Secret

CONNECT_SECONDS: Final = 3.0
BACKOFF_FIRST: Final = 0.05
BACKOFF_MOST: Final = 1.0

_REJECTED: Final = frozenset({"22", "23", "P0"})
"""Classes of SQLSTATE that are about the data of a statement: it would fail again. (PostgreSQL, appendix A.)"""


def is_rejection(error: Exception) -> bool:
    """Whether the database is well, and will never do this."""
    # asyncpg's own checks of arguments (text with a NUL or a lone surrogate, a number beyond its type) are ValueErrors.
    return error_class(error) in _REJECTED or isinstance(error, ValueError | OverflowError)


@final
class Session:
    """One connection, whichever it is at the moment. For one user at a time. `clock`: any steady one, in seconds.
    `prepare`: a coroutine function of asyncio, awaited with each new connection.
    """

    def __init__(
        self,
        url: Secret,
        clock: Callable[[], float],
        prepare: Callable[[Connection], Awaitable[None]] | None = None,
    ) -> None:
        self._url, self._clock, self._prepare = url, clock, prepare
        self._connection: Connection | None = None
        self._not_before = 0.0
        self._backoff = BACKOFF_FIRST
        self._migrated = False

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
            raise StoreUnavailable("the database is away")
        try:
            connection = await connect(self._url.reveal(), seconds=CONNECT_SECONDS)
            if not self._migrated:
                await migrate(connection, migrations())
                self._migrated = True
            if self._prepare is not None:
                await self._prepare(connection)
        except StoreUnavailable:
            raise
        except Exception as error:
            self._not_before = self._clock() + self._backoff
            self._backoff = min(BACKOFF_MOST, self._backoff * 2)
            # Not the error's own text: it may hold the address with its password.
            raise StoreUnavailable(f"the database cannot be reached ({type(error).__name__})") from error
        self._connection = connection
        self._backoff = BACKOFF_FIRST
        return connection

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
