from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

    from tests.api.control_plane.kit import Served


async def test_healthz_says_ok(gateway: Served) -> None:
    response = await gateway.client.get("/healthz")
    assert (response.status_code, response.json()) == (200, {"status": "ok"})
    assert response.headers["cache-control"] == "no-store"


async def test_readyz_names_the_store(gateway: Served) -> None:
    response = await gateway.client.get("/readyz")
    assert (response.status_code, response.json()) == (200, {"status": "ok", "checks": {"store": "ok"}})


async def test_readyz_is_503_while_draining_and_healthz_still_200(gateway: Served) -> None:
    gateway.application.drain.begin(grace=5)
    response = await gateway.client.get("/readyz")
    assert (response.status_code, response.json()) == (503, {"status": "degraded", "checks": {"store": "ok"}})
    assert (await gateway.client.get("/healthz")).status_code == 200


async def test_readyz_is_503_while_the_store_is_down_and_healthz_still_200(
    gateway: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What makes `healthy` false, the death of the writer process, has its own tests with the store.
    monkeypatch.setattr(type(gateway.gateway.store), "healthy", False)
    response = await gateway.client.get("/readyz")
    assert (response.status_code, response.json()) == (503, {"status": "degraded", "checks": {"store": "down"}})
    assert (await gateway.client.get("/healthz")).status_code == 200
