"""Administration over HTTP, for the platform alone: whoever has the internal token."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final, get_args

from quart import request
from werkzeug.routing import BaseConverter

from hyperinfer.api.administered import (
    key_data,
    made_key,
    moment,
    usage_report,
    verdict,
    workspace_data,
)
from hyperinfer.api.control_plane.answer import answer
from hyperinfer.api.control_plane.body import json_body
from hyperinfer.api.control_plane.caller import require_platform
from hyperinfer.api.control_plane.envelope import Refusal
from hyperinfer.api.openapi.admin_records import KeyReference, Keys, NewKey, NewWorkspace, TopUpAmount, Workspaces
from hyperinfer.api.store.records import KeyTerms, UsageBy
from hyperinfer.api.values import utc_day
from hyperinfer.formats.errors import RequestError
from hyperinfer.nodes.money import usd_to_pico

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from quart import Response
    from quart_trio import QuartTrio

    from hyperinfer.api.gateway import Gateway
    from hyperinfer.api.store.admin import Admin
    from hyperinfer.api.store.records import KeyRecord

ADMIN_PATH: Final = "/api/v1/admin"


class _Reference(BaseConverter):
    """An id or a name, which may have slashes in it."""

    regex = ".+?"
    part_isolating = False


def admin_routes(app: QuartTrio, gateway: Gateway) -> None:
    """Everything under /api/v1/admin."""
    app.url_map.converters["reference"] = _Reference

    @app.before_request
    async def check() -> None:
        # Before the body is read, and also where there is no such path: nobody else learns what there is.
        if request.path == ADMIN_PATH or request.path.startswith(ADMIN_PATH + "/"):
            require_platform(gateway)

    _workspace_routes(app, gateway.store)
    _key_routes(app, gateway.store, gateway.now)
    _report_routes(app, gateway.store)
    del check


def _workspace_routes(app: QuartTrio, admin: Admin) -> None:
    @app.get(f"{ADMIN_PATH}/workspaces")
    async def workspaces() -> Response:
        return answer(Workspaces(tuple(map(workspace_data, await admin.workspaces()))))

    @app.post(f"{ADMIN_PATH}/workspaces")
    async def create_workspace() -> Response:
        asked = await json_body(NewWorkspace)
        return answer(workspace_data(await admin.create_workspace(asked.name, _pico(asked.credits, "credits"))), 201)

    @app.get(f"{ADMIN_PATH}/workspaces/<reference:workspace>")
    async def show_workspace(workspace: str) -> Response:
        return answer(workspace_data(await admin.workspace(workspace)))

    @app.post(f"{ADMIN_PATH}/workspaces/<reference:workspace>/topup")
    async def topup(workspace: str) -> Response:
        asked = await json_body(TopUpAmount)
        return answer(workspace_data(await admin.topup(workspace, _pico(asked.amount, "amount"))))

    @app.post(f"{ADMIN_PATH}/workspaces/<reference:workspace>/lock")
    async def lock(workspace: str) -> Response:
        return answer(workspace_data(await admin.lock(workspace)))

    @app.post(f"{ADMIN_PATH}/workspaces/<reference:workspace>/unlock")
    async def unlock(workspace: str) -> Response:
        return answer(workspace_data(await admin.unlock(workspace)))

    del workspaces, create_workspace, show_workspace, topup, lock, unlock


def _key_routes(app: QuartTrio, admin: Admin, now: Callable[[], float]) -> None:
    @app.get(f"{ADMIN_PATH}/keys")
    async def keys() -> Response:
        found = await admin.keys(request.args.get("workspace"))
        return answer(Keys(tuple(key_data(each, now()) for each in found)))

    @app.post(f"{ADMIN_PATH}/keys")
    async def create_key() -> Response:
        asked = await json_body(NewKey)
        return answer(made_key(await admin.create_key(asked.workspace, _terms(asked)), now()), 201)

    async def changed(change: Callable[[str], Awaitable[KeyRecord]]) -> Response:
        # The key is named in the body: it may be the key itself, which must not stand in anybody's log of addresses.
        return answer(key_data(await change((await json_body(KeyReference)).key), now()))

    @app.post(f"{ADMIN_PATH}/keys/enable")
    async def enable() -> Response:
        return await changed(admin.enable)

    @app.post(f"{ADMIN_PATH}/keys/disable")
    async def disable() -> Response:
        return await changed(admin.disable)

    @app.post(f"{ADMIN_PATH}/keys/revoke")
    async def revoke() -> Response:
        return await changed(admin.revoke)

    del keys, create_key, enable, disable, revoke


def _report_routes(app: QuartTrio, admin: Admin) -> None:
    @app.get(f"{ADMIN_PATH}/usage")
    async def usage() -> Response:
        by = _by(request.args.get("by", "model"))
        since, until = _day("since"), _day("until")
        rows = await admin.usage(by, request.args.get("workspace"), since=since, until=None if until is None else until + 1)
        return answer(usage_report(by, rows))

    @app.get(f"{ADMIN_PATH}/ledger/verify")
    async def verify() -> Response:
        return answer(verdict(await admin.verify_ledger()))

    del usage, verify


def _terms(asked: NewKey) -> KeyTerms:
    try:
        expires_at = None if asked.expires_at is None else moment(asked.expires_at)
    except ValueError as error:
        raise RequestError(str(error), param="expires_at") from None
    return KeyTerms(
        name=asked.name,
        models=asked.models,
        rate_per_minute=asked.rate_per_minute,
        burst=asked.burst,
        limit_daily=_maybe_pico(asked.limit_daily, "limit_daily"),
        limit_monthly=_maybe_pico(asked.limit_monthly, "limit_monthly"),
        limit_total=_maybe_pico(asked.limit_total, "limit_total"),
        expires_at=expires_at,
    )


def _pico(amount: Decimal, param: str) -> int:
    try:
        return usd_to_pico(amount)
    except ValueError as error:
        raise RequestError(str(error), param=param) from None


def _maybe_pico(amount: Decimal | None, param: str) -> int | None:
    return None if amount is None else _pico(amount, param)


def _by(text: str) -> UsageBy:
    for known in get_args(UsageBy):
        if text == known:
            found: UsageBy = known
            return found
    raise Refusal("invalid_request", f"`by` is one of {', '.join(get_args(UsageBy))}.", param="by")


def _day(name: str) -> int | None:
    text = request.args.get(name)
    try:
        return None if text is None else utc_day(text)
    except ValueError as error:
        raise RequestError(str(error), param=name) from None
