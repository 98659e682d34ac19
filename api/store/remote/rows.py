"""The rows of requests, in Postgres: settled in groups by one actor, on a connection of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, final

from hyperinfer.api.store.errors import StoreUnavailable
from hyperinfer.api.store.remote.bridge import Actor
from hyperinfer.api.store.remote.session import Identity, Session, is_rejection
from hyperinfer.api.store.remote.settling import settle_rows
from hyperinfer.api.store.remote.text import storable
from hyperinfer.nodes.ports import SettlementRejected

if TYPE_CHECKING:
    from hyperinfer.api.settlement.effects import Balance
    from hyperinfer.api.store.messages import GenerationRow
    from hyperinfer.providers.secret import Secret

STATEMENT_SECONDS: Final = 5.0
"""So long a group may take. A server that is frozen answers nothing at all; its connection is given up then."""


@final
class Rows:
    """Settles rows. `clock`: any steady one, in seconds. `identity`: of the database, where others connect to it too."""

    def __init__(self, url: Secret, clock: Callable[[], float], identity: Identity | None = None) -> None:
        self._session = Session(url, clock, identity=identity)
        self.actor: Actor[GenerationRow, Balance] = Actor(
            self._perform, self._session.drop, self._session.leave, seconds=STATEMENT_SECONDS
        )

    @property
    def connected(self) -> bool:
        """Whether the database was there when it was last asked."""
        return self._session.connected

    async def settle(self, row: GenerationRow) -> Balance:
        """Settles it; the workspace's balance after that. Returns once it is durable.

        Raises SettlementRejected when the database will never take it, else StoreUnavailable, TimeoutError or Busy: it may
        have been settled all the same, and is safe to be settled again.
        """
        return await self.actor.ask(row)

    async def _perform(self, rows: Sequence[GenerationRow]) -> Sequence[Balance | Exception]:
        try:
            return await self._settle(rows)
        except Exception as error:
            if not is_rejection(error):
                self._session.drop()
                raise StoreUnavailable(f"the database failed ({type(error).__name__})") from error
        return [await self._alone(row) for row in rows]

    async def _alone(self, row: GenerationRow) -> Balance | Exception:
        try:
            return (await self._settle([storable(row)]))[0]
        except Exception as error:
            if is_rejection(error):
                return SettlementRejected(f"{row.id}: {type(error).__name__}: {error}")
            self._session.drop()
            return StoreUnavailable(f"the database failed ({type(error).__name__})")

    async def _settle(self, rows: Sequence[GenerationRow]) -> Sequence[Balance]:
        balances = await settle_rows(await self._session.get(), rows)
        return [balances[row.workspace] for row in rows]
