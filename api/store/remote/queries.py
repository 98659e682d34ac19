"""Everything that is asked of Postgres beside settlements: accounts, generations, sums. One actor, one connection."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar, cast, final

from hyperinfer.api.store.errors import Refused, StoreUnavailable
from hyperinfer.api.store.remote.bridge import Actor
from hyperinfer.api.store.remote.session import Identity, Session, is_rejection

if TYPE_CHECKING:
    from hyperinfer.api.store.remote.driver import Connection
    from hyperinfer.providers.secret import Secret

T = TypeVar("T")

QUERY_SECONDS: Final = 10.0
"""So long what was asked together may take."""
KEYS_CHANNEL: Final = "hyperinfer_keys"
"""Where changes of keys are announced: the digest in hexadecimal, and the key's version after a colon."""

Query: TypeAlias = "Callable[[Connection], Awaitable[Any]]"


@final
class Queries:
    """Runs coroutine functions of asyncio on a connection, one after the other. `clock`: any steady one, in seconds.
    `changed`: called with the digest of a key that was changed and its version (0: not told). `doubted`: any may have been.
    """

    def __init__(
        self,
        url: Secret,
        clock: Callable[[], float],
        changed: Callable[[bytes, int], None],
        doubted: Callable[[], None],
    ) -> None:
        self.identity = Identity()
        self._session = Session(url, clock, self._listen, self.identity)
        self._changed, self._doubted = changed, doubted
        self.actor: Actor[Query, Any] = Actor(self._perform, self._session.drop, self._session.leave, seconds=QUERY_SECONDS)

    async def run(self, query: Callable[[Connection], Awaitable[T]]) -> T:
        """What the query returns. Raises what it raises of Refused, else StoreUnavailable, TimeoutError or Busy."""
        return cast("T", await self.actor.ask(query))

    async def _listen(self, connection: Connection) -> None:
        self._doubted()  # what was announced while there was no connection was not heard
        await connection.add_listener(KEYS_CHANNEL, self._heard)

    def _heard(self, connection: object, pid: int, channel: str, payload: str) -> None:
        digest, _, version = payload.partition(":")
        self._changed(bytes.fromhex(digest), int(version or 0))

    async def _perform(self, queries: Sequence[Query]) -> Sequence[Any]:
        return [await self._one(query) for query in queries]

    async def _one(self, query: Query) -> Any:
        try:
            return await query(await self._session.get())
        except (Refused, StoreUnavailable) as error:
            return error
        except Exception as error:
            if is_rejection(error):
                return Refused("invalid", f"the database does not take it: {error}")
            self._session.drop()
            return StoreUnavailable(f"the database failed ({type(error).__name__})")
