"""What an API key is told of itself and of its workspace. A superset of what OpenRouter answers under the same paths
(openrouter.ai/docs/api, "Get current API key" and "Get remaining credits"), so that its clients understand it."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Usd = Annotated[msgspec.Raw, Meta(description="USD, exact.", extra_json_schema={"type": "number"})]
MaybeUsd = Annotated[
    msgspec.Raw, Meta(description="USD, exact; null: no limit.", extra_json_schema={"type": ["number", "null"]})
]
Instant = Annotated[str, Meta(description="ISO 8601, UTC.", extra_json_schema={"format": "date-time"})]


class WorkspaceName(msgspec.Struct, frozen=True):
    """Who pays."""

    id: str
    name: str


class KeyRate(msgspec.Struct, frozen=True, kw_only=True):
    """How fast a key may ask: so many requests an interval, and so many at once after a pause."""

    requests: int
    interval: Literal["1m"] = "1m"
    burst: int
    note: str = "A token bucket."


class KeyLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What a key may spend; days and months are UTC."""

    daily: MaybeUsd
    monthly: MaybeUsd
    total: MaybeUsd


class CurrentKey(msgspec.Struct, frozen=True, kw_only=True):
    """The key that asks."""

    id: str
    name: str
    label: Annotated[str, Meta(description="How the key begins and ends.")]
    prefix: str
    last4: str
    workspace: WorkspaceName
    models: Annotated[tuple[str, ...] | None, Meta(description="The only models it may call; null: all.")]
    limits: KeyLimits
    limit: Annotated[MaybeUsd, Meta(description="The limit of which least is left; null without any.")]
    limit_remaining: Annotated[MaybeUsd, Meta(description="What is left of that one, less what is held.")]
    limit_reset: Annotated[Literal["daily", "monthly"] | None, Meta(description="When that one begins anew; null: never.")]
    usage: Annotated[Usd, Meta(description="What it has spent in all.")]
    usage_daily: Annotated[Usd, Meta(description="What it has spent today (UTC).")]
    usage_weekly: Annotated[Usd, Meta(description="What it has spent this week, from Monday (UTC).")]
    usage_monthly: Annotated[Usd, Meta(description="What it has spent this month (UTC).")]
    held: Annotated[Usd, Meta(description="What its running requests may cost.")]
    rate_limit: KeyRate
    created_at: Instant
    expires_at: Annotated[
        str | None, Meta(description="From when it is refused; null: never.", extra_json_schema={"format": "date-time"})
    ]
    is_free_tier: bool = False
    is_management_key: bool = False
    is_provisioning_key: bool = False
    include_byok_in_limit: bool = False
    byok_usage: int = 0
    byok_usage_daily: int = 0
    byok_usage_weekly: int = 0
    byok_usage_monthly: int = 0
    creator_user_id: None = None


class CurrentKeyReply(msgspec.Struct, frozen=True):
    """The answer of GET /api/v1/key."""

    data: CurrentKey


class Credits(msgspec.Struct, frozen=True, kw_only=True):
    """The account of a workspace: balance = total_credits - total_usage."""

    workspace: WorkspaceName
    total_credits: Annotated[Usd, Meta(description="All that was ever added, less what was taken away again.")]
    total_usage: Annotated[Usd, Meta(description="All that its requests have cost.")]
    balance: Annotated[Usd, Meta(description="What is left; below 0 after a request that cost more than there was.")]
    held: Annotated[Usd, Meta(description="What its running requests may cost.")]


class CreditsReply(msgspec.Struct, frozen=True):
    """The answer of GET /api/v1/credits."""

    data: Credits
