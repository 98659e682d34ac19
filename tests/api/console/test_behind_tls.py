"""The console over real TLS, HTTP/1.1 and HTTP/2: what the browser says of itself arrives as it said it."""

from __future__ import annotations

import dataclasses
import ssl
from typing import TYPE_CHECKING

import httpx2
import pytest

from hyperinfer.api.app import Application
from hyperinfer.api.gateway import GatewaySettings
from tests.api.console.browsers import API, TOKEN
from tests.api.edge.kit import CERTIFICATE, QUICK, edge

if TYPE_CHECKING:
    from pathlib import Path

TLS = dataclasses.replace(QUICK, certfile=CERTIFICATE, keyfile=CERTIFICATE)


@pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/2"])
async def test_who_asks_and_how(version: str, tmp_path: Path) -> None:
    environ = {"HYPERINFER_CONSOLE_TOKEN": TOKEN, "HYPERINFER_BOOTSTRAP_KEY": "hi-given"}
    application = Application(GatewaySettings(config=None, data=tmp_path, environ=environ))
    context = ssl.create_default_context(cafile=CERTIFICATE)
    async with edge(application, TLS, tls=True) as running:
        url = f"https://localhost:{running.port}"
        async with httpx2.AsyncClient(base_url=url, verify=context, http2=version == "HTTP/2") as client:
            page = await client.get("/")
            assert (page.status_code, page.http_version) == (200, version)
            for origin in ("https://localhost", f"https://localhost:{running.port + 1}", "https://evil.example", "null"):
                refused = await client.post(f"{API}/session", json={"token": TOKEN}, headers={"origin": origin})
                assert refused.status_code == 403
                assert "set-cookie" not in refused.headers
            signed_in = await client.post(f"{API}/session", json={"token": TOKEN}, headers={"origin": url})
            assert signed_in.status_code == 200
            cookie = signed_in.headers["set-cookie"]
            assert cookie.startswith("__Host-hyperinfer-console-")
            assert cookie.endswith("; Path=/; Max-Age=43200; HttpOnly; SameSite=Strict; Secure")
            assert (await client.get(f"{API}/session")).json() == signed_in.json()
            headers = {"x-csrf-token": signed_in.json()["csrf"], "origin": url}
            assert (await client.post(f"{API}/workspaces", json={"name": "lab"}, headers=headers)).status_code == 201
            assert (await client.delete(f"{API}/session", headers=headers)).status_code == 204
            assert (await client.get(f"{API}/session")).status_code == 401
