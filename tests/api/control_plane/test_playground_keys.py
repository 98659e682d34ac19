from __future__ import annotations

import hashlib
from datetime import datetime
from typing import TYPE_CHECKING, Any

from hyperinfer.nodes.ports import Principal
from tests.api.control_plane.kit import TOKEN, served

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

    import httpx2

    from tests.api.control_plane.kit import Served

ROUTE = "/api/v1/playground-keys"


async def mint(gateway: Served, body: object, token: str | None = TOKEN) -> httpx2.Response:
    return await gateway.client.post(ROUTE, json=body, headers={} if token is None else {"X-Internal-Token": token})


async def test_a_key_that_authenticates_its_workspace(gateway: Served) -> None:
    for source in ("playground", "chat", None):
        await check_minting(gateway, source)


async def check_minting(gateway: Served, source: str | None) -> None:
    workspace = await gateway.workspace()
    body = {"workspace_id": workspace, "user_id": "user 1"} | ({} if source is None else {"source": source})
    before = gateway.gateway.now()
    response = await mint(gateway, body)
    assert response.status_code == 201
    assert response.headers["cache-control"] == "no-store"
    minted = response.json()
    assert minted.keys() == {"key", "expires_at", "source"}
    assert minted["source"] == (source or "playground")
    expires = datetime.fromisoformat(minted["expires_at"])
    assert expires.tzinfo is not None
    assert 598 < expires.timestamp() - before < 602
    principal = await gateway.gateway.playground.authenticate(hashlib.sha256(minted["key"].encode()).digest())
    assert isinstance(principal, Principal)
    assert (principal.workspace, principal.source) == (workspace, source or "playground")


async def test_a_wrong_token_is_401(gateway: Served) -> None:
    for token in ("", "wrong", TOKEN + "x", TOKEN[:-1], TOKEN.upper(), "\u00fc"):
        response = await gateway.client.post(ROUTE, json={}, headers=[(b"X-Internal-Token", token.encode("latin-1"))])
        assert (response.status_code, response.json()["error"]["code"]) == (401, "invalid_api_key")
    assert (await mint(gateway, {}, token=None)).status_code == 401


async def test_no_token_opens_a_gateway_that_has_none(tmp_path: Path) -> None:
    async with served(tmp_path / "data", token=None) as gateway:
        body = {"workspace_id": await gateway.workspace(), "user_id": "user"}
        for token in (None, "", TOKEN):
            response = await mint(gateway, body, token)
            assert (response.status_code, response.json()["error"]["code"]) == (401, "invalid_api_key")


WRONG: list[tuple[Any, str | None]] = [
    ({}, "workspace_id"),
    ({"workspace_id": "ws"}, "user_id"),
    ({"workspace_id": 1, "user_id": "user"}, "workspace_id"),
    ({"workspace_id": "ws", "user_id": None}, "user_id"),
    ({"workspace_id": "ws", "user_id": "user", "source": "api"}, "source"),
    ({"workspace_id": "ws_unknown", "user_id": "user"}, "workspace_id"),
    ([], None),
    ("text", None),
]


async def test_a_wrong_body_is_400_naming_the_field(gateway: Served) -> None:
    for body, param in WRONG:
        response = await mint(gateway, body)
        assert response.status_code == 400, body
        assert (response.json()["error"]["code"], response.json()["error"]["param"]) == ("invalid_request", param)


async def test_no_json_is_400(gateway: Served) -> None:
    headers = {"X-Internal-Token": TOKEN, "Content-Type": "application/json"}
    for content in (b"", b"{", b"\xff", b"[" * 10_000, b"null"):
        response = await gateway.client.post(ROUTE, content=content, headers=headers)
        assert (response.status_code, response.json()["error"]["code"]) == (400, "invalid_request")


async def test_another_media_type_is_400(gateway: Served) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
        headers = {"X-Internal-Token": TOKEN, "Content-Type": kind}
        response = await gateway.client.post(ROUTE, content=b"{}", headers=headers)
        assert (response.status_code, response.json()["error"]["code"]) == (400, "invalid_request")


async def test_unknown_fields_are_accepted(gateway: Served) -> None:
    body = {"workspace_id": await gateway.workspace(), "user_id": "user", "more": {"of": "it"}}
    assert (await mint(gateway, body)).status_code == 201


async def test_a_large_body_is_413(gateway: Served) -> None:
    response = await mint(gateway, {"workspace_id": "x" * (1024 * 1024), "user_id": "user"})
    assert (response.status_code, response.json()["error"]["code"]) == (413, "payload_too_large")


async def test_a_large_body_of_unknown_length_is_413(gateway: Served) -> None:
    async def pieces() -> AsyncGenerator[bytes]:
        for _ in range(40):
            yield b"x" * 32 * 1024

    headers = {"X-Internal-Token": TOKEN, "Content-Type": "application/json"}
    response = await gateway.client.post(ROUTE, content=pieces(), headers=headers)
    assert (response.status_code, response.json()["error"]["code"]) == (413, "payload_too_large")
