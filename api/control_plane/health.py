"""Liveness and readiness."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hyperinfer.api.control_plane.answer import answer
from hyperinfer.api.openapi.records import Health, Readiness, ReadinessChecks

if TYPE_CHECKING:
    from quart import Response
    from quart_trio import QuartTrio

    from hyperinfer.api.gateway import Gateway


def health_routes(app: QuartTrio, gateway: Gateway) -> None:
    """GET /healthz, which asks nothing of anybody, and GET /readyz."""

    @app.get("/healthz")
    async def healthz() -> Response:
        return answer(Health())

    @app.get("/readyz")
    async def readyz() -> Response:
        healthy = gateway.store.healthy
        ready = healthy and not gateway.drain.is_draining
        checks = ReadinessChecks(store="ok" if healthy else "down")
        return answer(Readiness("ok" if ready else "degraded", checks), 200 if ready else 503)

    del healthz, readyz
