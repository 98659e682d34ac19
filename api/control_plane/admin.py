"""Administration over HTTP, for the platform alone: whoever has the internal token."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from quart import Blueprint, request

from hyperinfer.api.administered import key_data, verdict
from hyperinfer.api.control_plane.accounts import key_routes, usage_answer, workspace_routes
from hyperinfer.api.control_plane.answer import answer
from hyperinfer.api.control_plane.body import json_body
from hyperinfer.api.control_plane.caller import require_platform
from hyperinfer.api.openapi.admin_records import ConsoleToken, KeyReference

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from quart import Response
    from quart_trio import QuartTrio

    from hyperinfer.api.gateway import Gateway
    from hyperinfer.api.store.admin import Admin
    from hyperinfer.api.store.records import KeyRecord

ADMIN_PATH: Final = "/api/v1/admin"


def admin_routes(app: QuartTrio, gateway: Gateway) -> None:
    """Everything under /api/v1/admin."""

    @app.before_request
    async def check() -> None:
        # Before the body is read, and also where there is no such path: nobody else learns what there is.
        if request.path == ADMIN_PATH or request.path.startswith(ADMIN_PATH + "/"):
            require_platform(gateway)

    api = Blueprint("admin", __name__, url_prefix=ADMIN_PATH)
    workspace_routes(api, gateway.store)
    key_routes(api, gateway.store, gateway.now)
    _key_changes(api, gateway.store, gateway.now)
    _other_routes(api, gateway)
    app.register_blueprint(api)
    del check


def _key_changes(api: Blueprint, admin: Admin, now: Callable[[], float]) -> None:
    async def changed(change: Callable[[str], Awaitable[KeyRecord]]) -> Response:
        # The key is named in the body: it may be the key itself, which must not stand in anybody's log of addresses.
        return answer(key_data(await change((await json_body(KeyReference)).key), now()))

    @api.post("/keys/enable")
    async def enable() -> Response:
        return await changed(admin.enable)

    @api.post("/keys/disable")
    async def disable() -> Response:
        return await changed(admin.disable)

    @api.post("/keys/revoke")
    async def revoke() -> Response:
        return await changed(admin.revoke)

    del enable, disable, revoke


def _other_routes(api: Blueprint, gateway: Gateway) -> None:
    admin = gateway.store

    @api.get("/usage")
    async def usage() -> Response:
        return await usage_answer(admin)

    @api.get("/ledger/verify")
    async def verify() -> Response:
        return answer(verdict(await admin.verify_ledger()))

    @api.post("/console/token")
    async def new_console_token() -> Response:
        return answer(ConsoleToken((await admin.new_console_token()).reveal()), 201)

    del usage, verify, new_console_token
