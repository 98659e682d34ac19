"""Where a key and its workspace stand: what they may spend, have spent and hold. And how much the models are used.

Read by callers of the API, so it is cheap in every store: nothing here scans the ledger.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import msgspec

from hyperinfer.api.store.records import KeyRecord, WorkspaceRecord

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hyperinfer.nodes.ports import Principal


class KeySums(msgspec.Struct, frozen=True, kw_only=True):
    """What a key has spent, in pico-USD: on a UTC day, in the week (from Monday) and the month of that day, and in all;
    and what its running requests hold."""

    on_day: int = 0
    in_week: int = 0
    in_month: int = 0
    in_all: int = 0
    held: int = 0


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """A key and its workspace at one instant. spent: by all of the workspace's requests; held: by those that run; both in
    pico-USD."""

    key: KeyRecord
    sums: KeySums
    workspace: WorkspaceRecord
    spent: int
    held: int


class Standings(Protocol):
    """Both raise StoreUnavailable when the store cannot tell. `at`: the present, in unix seconds."""

    async def standing(self, principal: Principal, at: float) -> Standing | None:
        """Where the caller stands; None for one whose key is not stored (a one-time key)."""
        ...

    async def weekly_tokens(self, at: float) -> Mapping[str, int]:
        """Tokens read and written by each model, by its slug, on this UTC day and the six before it, for all workspaces.
        A model that was not used is not in it."""
        ...
