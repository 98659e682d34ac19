"""What a key is told of itself, and of the credits of its workspace."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

import msgspec

from hyperinfer.api.control_plane.answer import answer
from hyperinfer.api.control_plane.caller import authenticated, sent_key
from hyperinfer.api.control_plane.envelope import Refusal
from hyperinfer.api.openapi.account_records import (
    Credits,
    CreditsReply,
    CurrentKey,
    CurrentKeyReply,
    KeyLimits,
    KeyRate,
    WorkspaceName,
)
from hyperinfer.api.playground import PlaygroundAccounts
from hyperinfer.api.values import instant
from hyperinfer.formats.usage import usd_json
from hyperinfer.nodes.ports import Rate

if TYPE_CHECKING:
    from quart import Response
    from quart_trio import QuartTrio

    from hyperinfer.api.gateway import Gateway
    from hyperinfer.api.store.standing import Standing

Reset: TypeAlias = Literal["daily", "monthly"] | None

_NULL = msgspec.Raw(b"null")


def account_routes(app: QuartTrio, gateway: Gateway) -> None:
    """GET /api/v1/key and GET /api/v1/credits, for the key that asks."""
    accounts = PlaygroundAccounts(gateway.store, gateway.playground)

    async def standing() -> Standing:
        principal = await authenticated(accounts, sent_key())
        found = await gateway.store.standing(principal, gateway.now())
        if found is None:  # a one-time key is in the hands of somebody's browser
            raise Refusal("invalid_api_key", "A one-time key cannot read accounts.")
        return found

    @app.get("/api/v1/key")
    async def key() -> Response:
        limits = gateway.catalogue.current().limits
        return answer(CurrentKeyReply(current_key(await standing(), Rate(limits.rate_per_minute, limits.burst))))

    @app.get("/api/v1/credits")
    async def credits() -> Response:
        return answer(CreditsReply(credits_of(await standing())))

    del key, credits


def current_key(standing: Standing, default: Rate) -> CurrentKey:
    """A key as it is told of itself. default: the rate of keys that have none of their own."""
    key, terms, sums = standing.key, standing.key.terms, standing.sums
    limit, left, reset = _nearest(standing)
    return CurrentKey(
        id=key.id,
        name=terms.name,
        label=f"{key.prefix}...{key.last4}",
        prefix=key.prefix,
        last4=key.last4,
        workspace=_workspace(standing),
        models=terms.models,
        limits=KeyLimits(daily=_usd(terms.limit_daily), monthly=_usd(terms.limit_monthly), total=_usd(terms.limit_total)),
        limit=_usd(limit),
        limit_remaining=_usd(left),
        limit_reset=reset,
        usage=usd_json(sums.in_all),
        usage_daily=usd_json(sums.on_day),
        usage_weekly=usd_json(sums.in_week),
        usage_monthly=usd_json(sums.in_month),
        held=usd_json(sums.held),
        rate_limit=KeyRate(
            requests=default.per_minute if terms.rate_per_minute is None else terms.rate_per_minute,
            burst=default.burst if terms.burst is None else terms.burst,
        ),
        created_at=instant(key.created_at),
        expires_at=None if terms.expires_at is None else instant(terms.expires_at),
    )


def credits_of(standing: Standing) -> Credits:
    """The account of the key's workspace."""
    balance = standing.workspace.balance
    return Credits(
        workspace=_workspace(standing),
        total_credits=usd_json(balance + standing.spent),
        total_usage=usd_json(standing.spent),
        balance=usd_json(balance),
        held=usd_json(standing.held),
    )


def _nearest(standing: Standing) -> tuple[int | None, int | None, Reset]:
    """The limit of which least is left: (limit, what is left, when it begins anew)."""
    terms, sums = standing.key.terms, standing.sums
    spans: tuple[tuple[int | None, int, Reset], ...] = (
        (terms.limit_total, sums.in_all, None),
        (terms.limit_monthly, sums.in_month, "monthly"),
        (terms.limit_daily, sums.on_day, "daily"),
    )
    left: list[tuple[int, int, Reset]] = [
        (max(0, limit - spent - sums.held), limit, reset) for limit, spent, reset in spans if limit is not None
    ]
    if not left:
        return None, None, None
    least, limit, reset = min(left, key=lambda each: each[0])
    return limit, least, reset


def _workspace(standing: Standing) -> WorkspaceName:
    return WorkspaceName(standing.workspace.id, standing.workspace.name)


def _usd(pico: int | None) -> msgspec.Raw:
    return _NULL if pico is None else usd_json(pico)
