"""The public catalogue."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from hyperinfer.api.control_plane.answer import Cacheable, cacheable
from hyperinfer.api.control_plane.envelope import Refusal
from hyperinfer.api.store.errors import StoreUnavailable
from hyperinfer.providers.listing import public_model, public_models

if TYPE_CHECKING:
    from quart import Response
    from quart_trio import QuartTrio

    from hyperinfer.api.gateway import Gateway
    from hyperinfer.api.store.standing import Standings
    from hyperinfer.providers.catalogue import Catalogue

MAX_AGE = 60
"""Seconds for which a client may keep what it read."""


class _Volumes:
    """The tokens of the last seven days by model, asked for once in MAX_AGE seconds. `now`: unix seconds."""

    def __init__(self, store: Standings, now: Callable[[], float]) -> None:
        self._store, self._now = store, now
        self._tokens: Mapping[str, int] = {}
        self._asked_at: float | None = None

    async def read(self) -> Mapping[str, int]:
        """What was known before, while the store cannot tell."""
        now = self._now()
        if self._asked_at is None or not 0 <= now - self._asked_at < MAX_AGE:
            self._asked_at = now  # before it is asked: others need not ask meanwhile
            with suppress(StoreUnavailable):
                self._tokens = await self._store.weekly_tokens(now)
        return self._tokens


class Listing:
    """The list as it is sent, made once for each catalogue and for what is known of its use."""

    def __init__(self, gateway: Gateway) -> None:
        self.volumes, self._catalogue = _Volumes(gateway.store, gateway.now), gateway.catalogue
        self._of: tuple[Catalogue, Mapping[str, int]] | None = None
        self._document = Cacheable(b"", 0)

    async def response(self) -> Response:
        """Of now."""
        return self._of_now(self._catalogue.current(), await self.volumes.read()).response()

    def _of_now(self, catalogue: Catalogue, tokens: Mapping[str, int]) -> Cacheable:
        if self._of is None or self._of[0] is not catalogue or self._of[1] is not tokens:
            self._document = cacheable(public_models(catalogue, tokens), MAX_AGE)
            self._of = catalogue, tokens
        return self._document


def catalogue_routes(app: QuartTrio, gateway: Gateway) -> None:
    """GET /api/v1/models and GET /api/v1/models/{slug}, without authentication. A slug has slashes in it."""
    listing = Listing(gateway)

    @app.get("/api/v1/models")
    async def models() -> Response:
        return await listing.response()

    @app.get("/api/v1/models/<path:slug>")
    async def model(slug: str) -> Response:
        found = gateway.catalogue.current().models.get(slug)
        if found is None:
            raise Refusal("invalid_request", f"There is no model {slug!r}.", param="model", status=404)
        return cacheable(public_model(found, (await listing.volumes.read()).get(slug)), MAX_AGE).response()

    del models, model
