"""Administration of accounts: one Protocol, whether the caller holds the store or speaks to the server that does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import msgspec

from hyperinfer.api.store.records import KeyRecord, KeyTerms, LedgerReport, UsageBy, UsageRow, WorkspaceRecord
from hyperinfer.providers.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Sequence


class CreatedKey(msgspec.Struct, frozen=True):
    """A new key and its secret, which nobody can show again."""

    record: KeyRecord
    secret: Secret


class Admin(Protocol):
    """A workspace is named by its id or its name (`workspace`). Amounts are pico-USD.

    Every change is durable on return and holds from the next request on. All raise Refused for what cannot be done
    as asked, and StoreUnavailable when the store or the server is gone.
    """

    async def create_workspace(self, name: str, credits: int = 0) -> WorkspaceRecord:
        """Make a workspace. Refused: the name is taken or no name, the amount is negative or too large."""
        ...

    async def workspaces(self) -> Sequence[WorkspaceRecord]:
        """All of them, in the order in which they were made."""
        ...

    async def workspace(self, workspace: str) -> WorkspaceRecord:
        """One of them."""
        ...

    async def topup(self, workspace: str, amount: int) -> WorkspaceRecord:
        """Add credits; a negative amount is booked as an adjustment. Refused: 0, a balance beyond the limit, taking
        away more than there is."""
        ...

    async def lock(self, workspace: str) -> WorkspaceRecord:
        """Refuse its requests from now on; those that run are finished and billed."""
        ...

    async def unlock(self, workspace: str) -> WorkspaceRecord:
        """Take its requests again."""
        ...

    async def create_key(self, workspace: str, terms: KeyTerms) -> CreatedKey:
        """Make a key of a workspace."""
        ...

    async def keys(self, workspace: str | None = None) -> Sequence[KeyRecord]:
        """The keys of a workspace, or all; revoked ones too."""
        ...

    async def enable(self, key: str) -> KeyRecord:
        """Let a key in again that was disabled; named as for `revoke`. Refused: also for one that is revoked."""
        ...

    async def disable(self, key: str) -> KeyRecord:
        """Let a key in no more, until it is enabled; named as for `revoke`."""
        ...

    async def revoke(self, key: str) -> KeyRecord:
        """Revoke for good the key with this id, shown prefix (or the beginning of it) or secret. Repeats are fine.
        Refused: none or several fit."""
        ...

    async def usage(
        self, by: UsageBy, workspace: str | None = None, *, since: int | None = None, until: int | None = None
    ) -> Sequence[UsageRow]:
        """Sums over all requests, of a workspace or of all, ordered by group. since, until: only requests admitted on
        these days (UTC, counted since 1970), from the first and before the second."""
        ...

    async def new_console_token(self) -> Secret:
        """Another token for the console, which ends the last one and all sessions."""
        ...

    async def verify_ledger(self) -> LedgerReport:
        """Recompute balances and costs, and say what differs."""
        ...
