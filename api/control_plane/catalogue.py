"""The public catalogue."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hyperinfer.api.control_plane.answer import Cacheable, cacheable
from hyperinfer.api.control_plane.envelope import Refusal
from hyperinfer.providers.listing import public_model, public_models

if TYPE_CHECKING:
    from quart import Response
    from quart_trio import QuartTrio

    from hyperinfer.api.gateway import Gateway
    from hyperinfer.providers.catalogue import Catalogue

MAX_AGE = 60
"""Seconds for which a client may keep what it read."""


class _Listing:
    """The list as it is sent, made once for each catalogue."""

    def __init__(self) -> None:
        self._of: Catalogue | None = None
        self._document = Cacheable(b"", 0)

    def of(self, catalogue: Catalogue) -> Cacheable:
        if self._of is not catalogue:
            self._document = cacheable(public_models(catalogue), MAX_AGE)
            self._of = catalogue
        return self._document


def catalogue_routes(app: QuartTrio, gateway: Gateway) -> None:
    """GET /api/v1/models and GET /api/v1/models/{slug}, without authentication. A slug has slashes in it."""
    listing = _Listing()

    @app.get("/api/v1/models")
    async def models() -> Response:
        return listing.of(gateway.catalogue.current()).response()

    @app.get("/api/v1/models/<path:slug>")
    async def model(slug: str) -> Response:
        found = gateway.catalogue.current().models.get(slug)
        if found is None:
            raise Refusal("invalid_request", f"There is no model {slug!r}.", param="model", status=404)
        return cacheable(public_model(found), MAX_AGE).response()

    del models, model
