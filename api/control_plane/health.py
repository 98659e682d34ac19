"""Liveness and readiness."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hyperinfer.api.control_plane.answer import answer
from hyperinfer.api.openapi.records import Health, Readiness, ReadinessChecks, State

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
        checks = gateway.store.checks
        ready = all(checks.values()) and not gateway.drain.is_draining
        states: dict[str, State] = {name: "ok" if well else "down" for name, well in checks.items()}
        return answer(Readiness("ok" if ready else "degraded", ReadinessChecks(**states)), 200 if ready else 503)

    del healthz, readyz
