"""The console's rows in the shared store."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar, final

from hyperinfer.api.store.console_access import check_not_given, kept_of, new_console_token, proof_of

if TYPE_CHECKING:
    from hyperinfer.api.store.keys import Entropy
    from hyperinfer.api.store.remote.driver import Connection
    from hyperinfer.providers.secret import Secret

T = TypeVar("T")

_KEPT: Final = "SELECT sha256 FROM console_token"
_SIGNED_OUT: Final = "SELECT EXISTS (SELECT 1 FROM console_signed_out WHERE session = $1)"
_FIRST: Final = "INSERT INTO console_token (sha256, made_at) VALUES ($1, $2) ON CONFLICT DO NOTHING"
_NEW: Final = (
    "INSERT INTO console_token (sha256, made_at) VALUES ($1, $2)"
    " ON CONFLICT (one) DO UPDATE SET sha256 = excluded.sha256, made_at = excluded.made_at"
)
_NONE_SIGNED_OUT: Final = "DELETE FROM console_signed_out"
_FORGET: Final = "DELETE FROM console_signed_out WHERE until <= $1"
_SIGN_OUT: Final = "INSERT INTO console_signed_out (session, until) VALUES ($1, $2) ON CONFLICT DO NOTHING"


class Ask(Protocol):
    """Runs a query that is safe to be asked twice. Raises StoreUnavailable."""

    def __call__(self, query: Callable[[Connection], Awaitable[T]]) -> Awaitable[T]: ...


@final
class RemoteConsole:
    """ConsoleAccess."""

    def __init__(self, ask: Ask, now: Callable[[], float], entropy: Entropy) -> None:
        self.given = False
        self._ask, self._now, self._entropy = ask, now, entropy

    async def kept(self) -> bytes | None:
        """See ConsoleAccess."""
        found: bytes | None = await self._ask(lambda connection: connection.fetchval(_KEPT))
        return found

    async def signed_out(self, session: bytes) -> bool:
        """See ConsoleAccess."""
        found: bool = await self._ask(lambda connection: connection.fetchval(_SIGNED_OUT, session))
        return found

    async def first_token(self) -> Secret | None:
        """See ConsoleAccess. Of several that ask at once one gets it."""
        if await self.kept() is not None:
            return None
        token = new_console_token(self._entropy)
        kept = kept_of(proof_of(token))
        await self._execute(_FIRST, kept, self._now())
        return token if await self.kept() == kept else None

    async def new_token(self) -> Secret:
        """See ConsoleAccess."""
        check_not_given(self)
        token, now = new_console_token(self._entropy), self._now()
        kept = kept_of(proof_of(token))

        async def replace(connection: Connection) -> None:
            async with connection.transaction():
                await connection.execute(_NEW, kept, now)
                await connection.execute(_NONE_SIGNED_OUT)  # theirs have all ended

        await self._ask(replace)
        return token

    async def sign_out(self, session: bytes, until: float) -> None:
        """See ConsoleAccess."""
        await self._execute(_FORGET, self._now())
        await self._execute(_SIGN_OUT, session, until)

    async def _execute(self, sql: str, *values: Any) -> None:
        await self._ask(lambda connection: connection.execute(sql, *values))
