"""The console's accounts: models, workspaces, keys and usage."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hyperinfer.api.administered import key_data
from hyperinfer.api.console.audit import AuditedAdmin
from hyperinfer.api.control_plane.accounts import key_routes, usage_answer, workspace_routes
from hyperinfer.api.control_plane.answer import answer
from hyperinfer.api.control_plane.catalogue import Listing

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from quart import Blueprint, Response

    from hyperinfer.api.gateway import Gateway
    from hyperinfer.api.store.records import KeyRecord


def account_routes(api: Blueprint, gateway: Gateway) -> None:
    """/models, /workspaces and /keys as the administration has them, but keys are changed by their ids, and /usage."""
    admin = AuditedAdmin(gateway.store)
    workspace_routes(api, admin)
    key_routes(api, admin, gateway.now)

    listing = Listing(gateway)

    @api.get("/models")
    async def models() -> Response:
        response = await listing.response()
        response.headers["Cache-Control"] = "no-store"  # of whoever has signed in
        return response

    async def changed(change: Callable[[str], Awaitable[KeyRecord]], key: str) -> Response:
        return answer(key_data(await change(key), gateway.now()))

    @api.post("/keys/<key>/enable")
    async def enable(key: str) -> Response:
        return await changed(admin.enable, key)

    @api.post("/keys/<key>/disable")
    async def disable(key: str) -> Response:
        return await changed(admin.disable, key)

    @api.post("/keys/<key>/revoke")
    async def revoke(key: str) -> Response:
        return await changed(admin.revoke, key)

    @api.get("/usage")
    async def usage() -> Response:
        return await usage_answer(admin)

    del models, enable, disable, revoke, usage
