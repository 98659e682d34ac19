"""The records of accounts, as the store keeps them and as administration sees them.

Money is pico-USD, times are unix seconds. These cross process borders as msgpack, so every field is plain data.
"""

from __future__ import annotations

from typing import Literal

import msgspec

UsageBy = Literal["day", "key", "model", "workspace", "day_key", "day_model"]
KeyStatus = Literal["active", "revoked", "expired", "disabled"]


class WorkspaceRecord(msgspec.Struct, frozen=True):
    """A workspace. version grows with each change of the balance: of two views the higher version is newer."""

    id: str
    name: str
    locked: bool
    balance: int
    version: int
    created_at: float


class KeyTerms(msgspec.Struct, frozen=True, kw_only=True):
    """What a key may do. None: no limit of its own; `models` None: every model."""

    name: str = ""
    models: tuple[str, ...] | None = None
    rate_per_minute: int | None = None
    burst: int | None = None
    limit_daily: int | None = None
    limit_monthly: int | None = None
    limit_total: int | None = None
    expires_at: float | None = None


class KeyRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A key without its secret: prefix and last4 are all that is left of that to show."""

    id: str
    workspace: str
    prefix: str
    last4: str
    terms: KeyTerms
    enabled: bool = True
    revoked_at: float | None = None
    created_at: float

    def status(self, now: float) -> KeyStatus:
        """At this time, in unix seconds."""
        if self.revoked_at is not None:
            return "revoked"
        if self.terms.expires_at is not None and self.terms.expires_at <= now:
            return "expired"
        return "active" if self.enabled else "disabled"


class StoredKey(msgspec.Struct, frozen=True):
    """A key with the SHA-256 digest that authenticates it."""

    record: KeyRecord
    sha256: bytes


class KeySpent(msgspec.Struct, frozen=True):
    """What a key has spent, in pico-USD: in all, and on each of the last days (since 1970, UTC), two months of them."""

    key: str
    total: int
    days: tuple[tuple[int, int], ...]


class ModelTokens(msgspec.Struct, frozen=True):
    """What a model has read and written on a day (since 1970, UTC)."""

    day: int
    model: str
    tokens: int


class UsageRow(msgspec.Struct, frozen=True):
    """A sum over generations. group: the UTC day (YYYY-MM-DD), key id, model slug or workspace id; of a day's
    keys or models the day, a space, and which."""

    group: str
    requests: int
    tokens_prompt: int
    tokens_completion: int
    cost: int


class LedgerReport(msgspec.Struct, frozen=True):
    """The outcome of recomputing everything. differences: one sentence each; empty means that all agrees."""

    workspaces: int
    ledger_rows: int
    generations: int
    differences: tuple[str, ...]
