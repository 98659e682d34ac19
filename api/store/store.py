"""A store, whichever: what a gateway needs of it, and all it knows of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol

from hyperinfer.api.store.admin import Admin
from hyperinfer.api.store.claims import Claims
from hyperinfer.api.store.request_pages import RequestLog
from hyperinfer.api.store.standing import Standings
from hyperinfer.nodes.ports import Accounts, Ledger

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hyperinfer.api.store.admin import CreatedKey
    from hyperinfer.api.store.backlog import Backlog
    from hyperinfer.api.store.console_access import ConsoleAccess
    from hyperinfer.api.store.records import KeyTerms
    from hyperinfer.providers.secret import Secret

Dependency = Literal["store", "redis", "postgres"]


class FullAdmin(Admin, Protocol):
    """Administration by whoever holds the store itself."""

    async def create_key_with(self, workspace: str, terms: KeyTerms, secret: Secret) -> CreatedKey:
        """Make a key with a secret that the caller chose. Refused also when there is a key with it already."""
        ...

    @property
    def console(self) -> ConsoleAccess:
        """Who may sign in to the console."""
        ...

    async def has_key(self, sha256: bytes) -> bool:
        """Whether there is a key with this digest, in whatever state."""
        ...


class Store(Accounts, Ledger, RequestLog, FullAdmin, Standings, Claims, Protocol):
    """Accounts, Ledger, administration, reports and health."""

    @property
    def checks(self) -> Mapping[Dependency, bool]:
        """What it depends on, and whether each is well, as far as is known."""
        ...

    @property
    def backlog(self) -> Backlog:
        """What has ended and is not in the database yet."""
        ...
