"""What the administration over HTTP reads and answers. Amounts go out as exact JSON numbers, and come in as numbers or as
decimal text; they are never floats on the way."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

import msgspec
from msgspec import Meta

from hyperinfer.api.openapi.account_records import Instant, MaybeUsd, Usd
from hyperinfer.api.store.records import KeyStatus, UsageBy

Micro = Annotated[str, Meta(description="The same in micro-USD, exact, as text.")]
GivenUsd = Annotated[
    Decimal,
    Meta(description="USD, to 1e-12, as a number or as decimal text."),
]
MaybeGivenUsd = Annotated[
    Decimal | None,
    Meta(description="USD, to 1e-12, as a number or as decimal text; null: no limit."),
]
MaybeInstant = Annotated[str | None, Meta(description="ISO 8601, UTC.", extra_json_schema={"format": "date-time"})]


class WorkspaceData(msgspec.Struct, frozen=True, kw_only=True):
    """A workspace."""

    id: str
    name: str
    locked: bool
    balance: Usd
    balance_micro_usd: Micro
    version: Annotated[int, Meta(description="Grows with each change of the balance.")]
    created_at: Instant


class Workspaces(msgspec.Struct, frozen=True):
    """All workspaces, in the order in which they were made."""

    data: tuple[WorkspaceData, ...]


class NewWorkspace(msgspec.Struct, frozen=True):
    """A workspace to make."""

    name: str
    credits: GivenUsd = Decimal(0)


class TopUpAmount(msgspec.Struct, frozen=True):
    """Credits to add."""

    amount: Annotated[GivenUsd, Meta(description="Negative: taken away, at most what there is; an adjustment.")]


class KeyData(msgspec.Struct, frozen=True, kw_only=True):
    """A key without its secret."""

    id: str
    workspace: str
    name: str
    prefix: str
    last4: str
    status: KeyStatus
    enabled: bool
    models: Annotated[tuple[str, ...] | None, Meta(description="The only models it may call; null: all.")]
    rate_per_minute: Annotated[int | None, Meta(description="null: the catalogue's.")]
    burst: Annotated[int | None, Meta(description="null: the catalogue's.")]
    limit_daily: MaybeUsd
    limit_monthly: MaybeUsd
    limit_total: MaybeUsd
    expires_at: MaybeInstant
    revoked_at: MaybeInstant
    created_at: Instant


class Keys(msgspec.Struct, frozen=True):
    """Keys, revoked ones too, in the order in which they were made."""

    data: tuple[KeyData, ...]


class NewKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key to make."""

    workspace: Annotated[str, Meta(description="Who pays, by id or name.")]
    name: str = ""
    models: Annotated[tuple[str, ...] | None, Meta(description="The only models it may call; null: all.")] = None
    rate_per_minute: int | None = None
    burst: int | None = None
    limit_daily: MaybeGivenUsd = None
    limit_monthly: MaybeGivenUsd = None
    limit_total: MaybeGivenUsd = None
    expires_at: Annotated[str | None, Meta(description="ISO 8601, in UTC unless it says otherwise; null: never.")] = None


class MadeKey(KeyData, frozen=True, kw_only=True):
    """A new key, with the secret that nobody can show again."""

    key: str


class KeyReference(msgspec.Struct, frozen=True):
    """Which key is meant."""

    key: Annotated[str, Meta(description="Its id, its prefix or the beginning of that, or the key itself.")]


class ConsoleToken(msgspec.Struct, frozen=True):
    """A new token for the console, that nobody can show again."""

    token: str


class UsageSums(msgspec.Struct, frozen=True):
    """Sums over requests."""

    requests: int
    tokens_prompt: int
    tokens_completion: int
    cost: Usd
    cost_micro_usd: Micro


class UsageGroup(UsageSums, frozen=True):
    """Sums over the requests of a group."""

    group: Annotated[
        str,
        Meta(
            description="The UTC day (YYYY-MM-DD), the key's id, the model's slug or the workspace's id. Of `day_key` and "
            "`day_model`: the day, a space, and which."
        ),
    ]


class UsageReport(msgspec.Struct, frozen=True):
    """Sums by group, and over all of them."""

    by: UsageBy
    data: tuple[UsageGroup, ...]
    total: UsageSums


class LedgerVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome of recomputing every balance and every cost."""

    ok: Annotated[bool, Meta(description="Whether nothing differs.")]
    workspaces: int
    ledger_rows: int
    generations: int
    differences: Annotated[tuple[str, ...], Meta(description="What differs, a sentence each.")]
