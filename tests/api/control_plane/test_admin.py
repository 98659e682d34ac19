"""The administration as JSON over HTTP. That it does what the store does is in tests/api/test_http_admin.py."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.api.control_plane.kit import TOKEN, served
from tests.api.control_plane.test_described import Described

if TYPE_CHECKING:
    from pathlib import Path

    import httpx2

    from tests.api.control_plane.kit import Served

ADMIN = "/api/v1/admin"
HEADERS = {"X-Internal-Token": TOKEN}


async def post(gateway: Served, path: str, body: object = None) -> httpx2.Response:
    return await gateway.client.post(ADMIN + path, json=body, headers=HEADERS)


async def test_a_workspace_and_a_key_in_json(gateway: Served) -> None:
    made = await post(gateway, "/workspaces", {"name": "a/b", "credits": 0.1})
    assert made.status_code == 201
    assert made.headers["cache-control"] == "no-store"
    assert '"balance":0.1,' in made.text
    for amount in ("0.000000000001", 1e-12, "1e-12"):
        topped = await post(gateway, "/workspaces/a%2Fb/topup", {"amount": amount})
    assert '"balance":0.100000000003,' in topped.text
    assert topped.json()["balance_micro_usd"] == "100000.000003"
    assert (await post(gateway, "/workspaces/a/b/lock")).json()["locked"] is True
    terms = {"workspace": "a/b", "limit_daily": "2.50", "models": ["demo/chat"], "expires_at": "2999-01-31T12:00:00+01:00"}
    key = (await post(gateway, "/keys", terms)).json()
    assert key["key"].startswith(key["prefix"])
    assert (key["limit_daily"], key["limit_total"], key["status"]) == (2.5, None, "active")
    assert key["expires_at"] == "2999-01-31T11:00:00.000Z"
    assert (await post(gateway, "/keys/disable", {"key": key["key"]})).json()["status"] == "disabled"
    listed = await gateway.client.get(f"{ADMIN}/keys", params={"workspace": "a/b"}, headers=HEADERS)
    (one,) = listed.json()["data"]
    assert one["status"] == "disabled"
    assert key["key"] not in listed.text


WRONG: list[tuple[str, Any, int, str | None]] = [
    ("/workspaces", {}, 400, "name"),
    ("/workspaces", [], 400, None),
    ("/workspaces", {"name": 1}, 400, "name"),
    ("/workspaces", {"name": "x", "credits": "much"}, 400, "credits"),
    ("/workspaces", {"name": "x", "credits": "NaN"}, 400, "credits"),
    ("/workspaces", {"name": "x", "credits": 1e-13}, 400, "credits"),
    ("/workspaces", {"name": "x", "credits": True}, 400, "credits"),
    ("/workspaces", {"name": "x", "credits": -1}, 400, None),
    ("/workspaces", {"name": "default"}, 400, None),
    ("/workspaces/default/topup", {"amount": 1e9}, 400, "amount"),
    ("/workspaces/nobody/topup", {"amount": 1}, 404, None),
    ("/workspaces/nobody/lock", None, 404, None),
    ("/keys", {"workspace": "default", "models": "demo/chat"}, 400, "models"),
    ("/keys", {"workspace": "default", "limit_total": "1e-13"}, 400, "limit_total"),
    ("/keys", {"workspace": "default", "expires_at": "soon"}, 400, "expires_at"),
    ("/keys", {"workspace": "default", "expires_at": "9999-12-31T23:59:59-23:00"}, 400, "expires_at"),
    ("/keys", {"workspace": "nobody"}, 404, None),
    ("/keys/revoke", {"key": "key_0"}, 404, None),
    ("/keys/revoke", {}, 400, "key"),
    ("/nothing", {}, 404, None),
]


async def test_what_cannot_be_done_is_refused_and_named(gateway: Served) -> None:
    before = await gateway.client.get(f"{ADMIN}/workspaces", headers=HEADERS)
    for path, body, status, param in WRONG:
        response = await post(gateway, path, body)
        assert response.status_code == status, (path, body, response.text)
        error = response.json()["error"]
        assert (error["code"], error["param"]) == ("invalid_request", param), (path, body)
    for query, param in (("by=hour", "by"), ("since=yesterday", "since"), ("until=2026-02-30", "until")):
        response = await gateway.client.get(f"{ADMIN}/usage?{query}", headers=HEADERS)
        assert (response.status_code, response.json()["error"]["param"]) == (400, param)
    for content in (b"", b"{", b"\xff", b'{"name": ' + b"[" * 10_000):
        headers = HEADERS | {"content-type": "application/json"}
        response = await gateway.client.post(f"{ADMIN}/workspaces", content=content, headers=headers)
        assert (response.status_code, response.json()["error"]["code"]) == (400, "invalid_request")
    assert (await gateway.client.post(f"{ADMIN}/workspaces", content=b"{}", headers=HEADERS)).status_code == 400
    assert (await gateway.client.get(f"{ADMIN}/workspaces", headers=HEADERS)).json() == before.json()


async def test_every_route_is_described_and_for_the_token_alone(gateway: Served, tmp_path: Path) -> None:
    described = Described((await gateway.client.get("/openapi.json")).json())
    paths: dict[str, Any] = {path: of for path, of in described.document["paths"].items() if path.startswith(ADMIN)}
    key = (await post(gateway, "/keys", {"workspace": "default"})).json()["key"]
    bodies = {
        f"{ADMIN}/workspaces": {"name": "more", "credits": 1},
        f"{ADMIN}/workspaces/{{workspace}}/topup": {"amount": "1.5"},
        f"{ADMIN}/keys": {"workspace": "default"},
        **{f"{ADMIN}/keys/{verb}": {"key": key} for verb in ("disable", "enable", "revoke")},
    }
    asks = [(path, path.replace("{workspace}", "default"), method.upper()) for path, of in paths.items() for method in of]
    assert len(asks) == 14
    for path, real, method in asks:
        for headers in ({}, {"X-Internal-Token": "wrong"}, {"X-Internal-Token": ""}, {"authorization": f"Bearer {key}"}):
            refused = await gateway.client.request(method, real, headers=headers, json=bodies.get(path))
            assert (refused.status_code, refused.json()["error"]["code"]) == (401, "invalid_api_key")
            described.check(refused, path)
        response = await gateway.client.request(method, real, headers=HEADERS, json=bodies.get(path))
        assert response.is_success, response.text
        described.check(response, path)
    async with served(tmp_path / "without", token=None) as closed:
        for _, real, method in asks:
            for headers in ({}, HEADERS, {"X-Internal-Token": ""}):
                assert (await closed.client.request(method, real, headers=headers)).status_code == 401


@pytest.mark.parametrize("path", ["", "/", "/nothing", "/workspaces/", "/keys/x"])
async def test_nobody_without_the_token_learns_what_there_is(gateway: Served, path: str) -> None:
    for method in ("GET", "POST", "PUT", "OPTIONS"):
        assert (await gateway.client.request(method, ADMIN + path)).status_code == 401
