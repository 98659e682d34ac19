"""The API's description of itself."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import msgspec

from hyperinfer.api.control_plane.answer import Cacheable
from hyperinfer.api.openapi.document import document

if TYPE_CHECKING:
    from quart import Response
    from quart_trio import QuartTrio

    from hyperinfer.api.gateway import Gateway

MAX_AGE = 300
"""Seconds for which a client may keep it (contract: five minutes)."""


def document_routes(app: QuartTrio, gateway: Gateway) -> None:
    """GET /openapi.json."""
    del gateway

    @cache
    def rendered() -> Cacheable:
        return Cacheable(msgspec.json.encode(document()), MAX_AGE)

    @app.get("/openapi.json")
    async def openapi() -> Response:
        return rendered().response()

    del openapi
