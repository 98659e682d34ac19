"""What a key is told of itself and of its workspace."""

from __future__ import annotations

import hashlib
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec

from hyperinfer.api.store.records import KeyTerms
from hyperinfer.nodes.ports import Principal
from tests.api.control_plane.kit import KEY, TOKEN
from tests.api.store.samples import USD, a_generation, an_admission

if TYPE_CHECKING:
    from tests.api.control_plane.kit import Served

ROUTES = ("/api/v1/key", "/api/v1/credits")


async def told(gateway: Served, path: str, key: str = KEY) -> dict[str, Any]:
    response = await gateway.client.get(path, headers={"authorization": f"Bearer {key}"})
    assert response.status_code == 200, response.text
    assert response.headers["cache-control"] == "no-store"
    data: dict[str, Any] = msgspec.json.Decoder(float_hook=Decimal).decode(response.content)["data"]
    return data


async def test_a_new_key_may_do_anything_at_the_catalogues_rate(gateway: Served) -> None:
    key = await told(gateway, "/api/v1/key")
    assert key["workspace"] == {"id": await gateway.workspace(), "name": "default"}
    assert (key["prefix"], key["last4"], key["label"]) == (KEY[:11], KEY[-4:], f"{KEY[:11]}...{KEY[-4:]}")
    assert key["limits"] == {"daily": None, "monthly": None, "total": None}
    assert (key["models"], key["expires_at"]) == (None, None)
    assert (key["limit"], key["limit_remaining"], key["limit_reset"]) == (None, None, None)
    assert (key["rate_limit"]["requests"], key["rate_limit"]["burst"]) == (60, 120)
    assert [key[name] for name in ("usage", "usage_daily", "usage_weekly", "usage_monthly", "held")] == [0] * 5
    assert KEY not in str(key)


async def test_spending_is_told_to_the_last_digit(gateway: Served) -> None:
    store, now = gateway.gateway.store, gateway.gateway.now()
    terms = KeyTerms(
        name="ci",
        models=("demo/chat",),
        rate_per_minute=7,
        burst=9,
        limit_daily=USD,
        limit_monthly=2 * USD // 3,
        limit_total=5 * USD,
        expires_at=now + 100,
    )
    secret = (await store.create_key("default", terms)).secret.reveal()
    principal = await store.authenticate(hashlib.sha256(secret.encode()).digest())
    assert isinstance(principal, Principal)
    before = await told(gateway, "/api/v1/credits", secret)
    assert before["total_credits"] == before["balance"] == 100
    for id_, hold in (("spent", 14), ("running", USD // 3)):
        asked = an_admission(id_, principal, hold)
        asked = msgspec.structs.replace(asked, interrupted=msgspec.structs.replace(asked.interrupted, created_at=now))
        assert await store.admit(asked) is None
    row = msgspec.structs.replace(a_generation("spent", principal.workspace, 14, now), key_id=principal.key_id)
    await store.settle(row)

    key = await told(gateway, "/api/v1/key", secret)
    spent = [key[name] for name in ("usage", "usage_daily", "usage_weekly", "usage_monthly")]
    assert spent == [Decimal("0.000000000014")] * 4
    assert key["held"] == Decimal("0.333333333333")
    assert key["limits"] == {"daily": 1, "monthly": Decimal("0.666666666666"), "total": 5}
    assert (key["limit"], key["limit_reset"]) == (Decimal("0.666666666666"), "monthly")
    assert key["limit_remaining"] == Decimal("0.666666666666") - Decimal("0.333333333333") - Decimal("0.000000000014")
    assert (key["name"], key["models"]) == ("ci", ["demo/chat"])
    assert (key["rate_limit"]["requests"], key["rate_limit"]["burst"]) == (7, 9)
    assert key["expires_at"].endswith("Z")
    credits = await told(gateway, "/api/v1/credits", secret)
    assert credits == {
        "workspace": {"id": principal.workspace, "name": "default"},
        "total_credits": 100,
        "total_usage": Decimal("0.000000000014"),
        "balance": Decimal("99.999999999986"),
        "held": Decimal("0.333333333333"),
    }
    await store.release("running")
    assert (await told(gateway, "/api/v1/key", secret))["held"] == 0


async def test_what_was_added_and_taken_away_are_credits_and_no_usage(gateway: Served) -> None:
    await gateway.gateway.store.topup("default", 5 * USD)
    await gateway.gateway.store.topup("default", -USD)
    credits = await told(gateway, "/api/v1/credits")
    assert (credits["total_credits"], credits["balance"], credits["total_usage"]) == (104, 104, 0)


async def test_no_key_a_wrong_one_and_a_one_time_key_are_401(gateway: Served) -> None:
    body = {"workspace_id": await gateway.workspace(), "user_id": "user"}
    minted = await gateway.client.post("/api/v1/playground-keys", json=body, headers={"X-Internal-Token": TOKEN})
    for path in ROUTES:
        for key in (None, "hi-nobody", minted.json()["key"]):
            headers = {} if key is None else {"x-api-key": key}
            response = await gateway.client.get(path, headers=headers)
            assert (response.status_code, response.json()["error"]["code"]) == (401, "invalid_api_key")


async def test_a_key_that_was_disabled_is_told_nothing(gateway: Served) -> None:
    created = await gateway.gateway.store.create_key("default", KeyTerms())
    secret = created.secret.reveal()
    await told(gateway, "/api/v1/key", secret)
    await gateway.gateway.store.disable(created.record.id)
    for path in ROUTES:
        assert (await gateway.client.get(path, headers={"x-api-key": secret})).status_code == 401
