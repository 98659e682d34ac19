"""GET / and GET /console/assets/…"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from quart import Response, redirect, request

from hyperinfer.api.console.assets import ASSETS_PATH, Asset, load_assets
from hyperinfer.api.console.guard import CONSOLE_PATH
from hyperinfer.api.control_plane.answer import without_content
from hyperinfer.api.control_plane.envelope import Refusal

if TYPE_CHECKING:
    from quart_trio import QuartTrio

FOR_GOOD = "public, max-age=31536000, immutable"


def page_routes(app: QuartTrio) -> None:
    """The pages, which everybody may read: there is nothing in them."""
    assets = cache(load_assets)

    @app.get("/")
    async def console() -> Response:
        return _sent(assets().index, "no-cache")

    @app.get(CONSOLE_PATH)
    @app.get(CONSOLE_PATH + "/")
    async def console_elsewhere() -> Response:
        found = redirect("/", 308)
        assert isinstance(found, Response)
        return found

    @app.get(f"{ASSETS_PATH}/<path:name>", defaults={"version": None})
    @app.get(f"{ASSETS_PATH}-<version>/<path:name>")
    async def console_asset(version: str | None, name: str) -> Response:
        found = assets().found(version, name)
        if found is None:
            raise Refusal("invalid_request", f"There is no such file: {name!r}.", status=404)
        asset, for_good = found
        return _sent(asset, FOR_GOOD if for_good else "no-cache")

    del console, console_elsewhere, console_asset


def _sent(asset: Asset, cache_control: str) -> Response:
    headers = {"ETag": f'"{asset.etag}"', "Cache-Control": cache_control, "Vary": "Accept-Encoding"}
    # One validator for both encodings is weak by definition, and this header compares weakly.
    if request.if_none_match.contains_weak(asset.etag):
        return without_content(304, headers)
    if request.accept_encodings["gzip"] > 0 and len(asset.packed) < len(asset.body):
        return Response(
            asset.packed,
            200,
            {**headers, "ETag": f'W/"{asset.etag}"', "Content-Encoding": "gzip"},
            content_type=asset.media_type,
        )
    return Response(asset.body, 200, headers, content_type=asset.media_type)
