from __future__ import annotations

import hashlib
import json
from decimal import Decimal
from typing import TYPE_CHECKING

from hyperinfer.api.store.records import KeyTerms
from hyperinfer.engine import Failure
from tests.api.control_plane.kit import KEY

if TYPE_CHECKING:
    import httpx2

    from hyperinfer.providers.secret import Secret
    from tests.api.control_plane.kit import Served


async def ask(gateway: Served, id: str | None, key: str | None = KEY) -> httpx2.Response:
    headers = {} if key is None else {"authorization": f"Bearer {key}"}
    return await gateway.client.get("/api/v1/generation", params={} if id is None else {"id": id}, headers=headers)


async def test_every_field_of_the_row(gateway: Served) -> None:
    await gateway.settled()
    response = await ask(gateway, "abc123")
    assert response.status_code == 200
    assert response.headers["cache-control"] == "no-store"
    assert response.json() == {
        "data": {
            "id": "abc123",
            "model": "maker/model",
            "provider": "second",
            "upstream_model": "model-2026",
            "ingress_format": "responses",
            "source": "api",
            "streamed": True,
            "tokens_prompt": 1000,
            "tokens_completion": 50,
            "tokens_reasoning": 20,
            "tokens_cached_prompt": 200,
            "tokens_cache_write": 100,
            "tokens_cache_write_1h": 0,
            "estimated": False,
            "limit_reached": False,
            "total_cost": 0.01026125005,
            "cost_micro_usd": "10261.25005",
            "tool_costs_micro_usd": {"web_search": "10000"},
            "lines": [
                {"bucket": "prompt", "tokens": 700, "price_micro_usd": "0.25", "cost_micro_usd": "175"},
                {"bucket": "cached_prompt", "tokens": 200, "price_micro_usd": "0.025", "cost_micro_usd": "5"},
                {"bucket": "cache_write", "tokens": 100, "price_micro_usd": "0.3125", "cost_micro_usd": "31.25"},
                {"bucket": "completion", "tokens": 50, "price_micro_usd": "1.000001", "cost_micro_usd": "50.00005"},
                {"bucket": "web_search", "tokens": 2, "price_micro_usd": "5000", "cost_micro_usd": "10000"},
            ],
            "latency_ms": 1234,
            "first_token_ms": 321,
            "status": "completed",
            "finish_reason": "stop",
            "losses": [{"path": "seed", "reason": "Messages has no seed"}],
            "attempts": [
                {"provider": "first", "model": "model-a", "status": 503, "code": "provider_overloaded", "ms": 12},
                {"provider": "second", "model": "model-2026", "status": 200, "code": None, "ms": 309},
            ],
            "created_at": "2025-10-09T08:53:20.500Z",
        }
    }


async def test_an_estimate_is_told(gateway: Served) -> None:
    await gateway.settled(estimated=True)
    assert (await ask(gateway, "abc123")).json()["data"]["estimated"] is True


async def test_the_printed_lines_add_up_to_the_printed_cost_exactly(gateway: Served) -> None:
    await gateway.settled()
    text = (await ask(gateway, "abc123")).text
    data = json.loads(text, parse_float=Decimal)["data"]
    lines = data["lines"]
    for line in lines:
        assert line["tokens"] * Decimal(line["price_micro_usd"]) == Decimal(line["cost_micro_usd"])
    assert sum(Decimal(line["cost_micro_usd"]) for line in lines) == Decimal(data["cost_micro_usd"])
    assert data["total_cost"] * 1_000_000 == Decimal(data["cost_micro_usd"])


async def test_a_failure_names_its_code_and_nothing_is_invented(gateway: Served) -> None:
    await gateway.settled(
        status="failed", error_code="provider_timeout", finish_reason=None, first_token_ms=None, cost=0, lines=(), losses=()
    )
    data = (await ask(gateway, "abc123")).json()["data"]
    assert (data["status"], data["error_code"]) == ("failed", "provider_timeout")
    assert (data["finish_reason"], data["first_token_ms"]) == (None, None)
    assert (data["total_cost"], data["cost_micro_usd"], data["lines"], data["tool_costs_micro_usd"]) == (0, "0", [], {})


async def test_each_form_of_the_id(gateway: Served) -> None:
    await gateway.settled()
    for id in ("abc123", "gen-abc123", "resp_abc123", "msg_abc123"):
        assert (await ask(gateway, id)).json()["data"]["id"] == "abc123"


async def test_the_key_may_come_as_x_api_key(gateway: Served) -> None:
    await gateway.settled()
    response = await gateway.client.get("/api/v1/generation?id=abc123", headers={"x-api-key": KEY})
    assert response.status_code == 200


async def test_an_unknown_id_is_404(gateway: Served) -> None:
    await gateway.settled()
    for id in ("nope", "gen-gen-abc123", "ABC123", "' OR 1=1 --", "\0", "\u00ff", "x" * 5000):
        response = await ask(gateway, id)
        assert response.status_code == 404, id
        assert (response.json()["error"]["code"], response.json()["error"]["param"]) == ("invalid_request", "id")


async def test_no_id_is_400_naming_it(gateway: Served) -> None:
    for query in ("", "?id=", "?other=1", "?id=gen-", "?id"):
        response = await gateway.client.get(f"/api/v1/generation{query}", headers={"x-api-key": KEY})
        assert response.status_code == 400, query
        assert (response.json()["error"]["code"], response.json()["error"]["param"]) == ("invalid_request", "id")


async def test_another_workspace_sees_nothing(gateway: Served) -> None:
    await gateway.settled()
    await gateway.gateway.store.create_workspace("other")
    created = await gateway.gateway.store.create_key("other", KeyTerms())
    response = await ask(gateway, "abc123", created.secret.reveal())
    unknown = await ask(gateway, "nope", created.secret.reveal())
    assert response.status_code == unknown.status_code == 404
    assert response.json()["error"] | {"request_id": ""} == unknown.json()["error"] | {"request_id": ""}


async def test_no_key_or_a_wrong_one_is_401(gateway: Served) -> None:
    await gateway.settled()
    nothing: list[tuple[bytes, bytes]] = []
    wrong = ((b"authorization", b"Bearer"), (b"authorization", b"Bearer hi-unknown"), (b"x-api-key", b"\xff"))
    for headers in (nothing, *([field] for field in wrong)):
        for query in ("", "?id=abc123"):
            response = await gateway.client.get(f"/api/v1/generation{query}", headers=headers)
            assert (response.status_code, response.json()["error"]["code"]) == (401, "invalid_api_key")


async def test_a_revoked_key_is_401(gateway: Served) -> None:
    await gateway.settled()
    created = await gateway.gateway.store.create_key("default", KeyTerms())
    assert (await ask(gateway, "abc123", created.secret.reveal())).status_code == 200
    await gateway.gateway.store.revoke(created.record.id)
    assert (await ask(gateway, "abc123", created.secret.reveal())).status_code == 401


async def minted(gateway: Served) -> tuple[Secret, str]:
    """A one-time key and its id."""
    secret, _ = await gateway.gateway.playground.mint(await gateway.workspace(), "default", "user", "playground")
    principal = await gateway.gateway.playground.authenticate(digest(secret))
    assert principal is not None
    assert not isinstance(principal, Failure)
    return secret, principal.key_id


def digest(secret: Secret) -> bytes:
    return hashlib.sha256(secret.reveal().encode()).digest()


async def test_a_used_one_time_key_reads_its_own_request_alone(gateway: Served) -> None:
    secret, key_id = await minted(gateway)
    assert await gateway.gateway.playground.take(key_id, "own") is None
    await gateway.settled("own", key_id=key_id, source="playground")
    await gateway.settled("others")
    response = await ask(gateway, "gen-own", secret.reveal())
    assert (response.status_code, response.json()["data"]["source"]) == (200, "playground")
    assert (await ask(gateway, "others", secret.reveal())).status_code == 401


async def test_an_unused_one_time_key_reads_nothing_of_the_workspace(gateway: Served) -> None:
    secret, _ = await minted(gateway)
    await gateway.settled("others")
    assert (await ask(gateway, "others", secret.reveal())).status_code == 404
