"""Workspaces, keys and usage over HTTP, wherever it is that somebody may administer them."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, get_args

from quart import request
from werkzeug.routing import BaseConverter

from hyperinfer.api.administered import key_data, made_key, moment, usage_report, workspace_data
from hyperinfer.api.control_plane.answer import answer
from hyperinfer.api.control_plane.body import json_body
from hyperinfer.api.control_plane.envelope import Refusal
from hyperinfer.api.openapi.admin_records import Keys, NewKey, NewWorkspace, TopUpAmount, Workspaces
from hyperinfer.api.store.records import KeyTerms, UsageBy
from hyperinfer.api.values import utc_day
from hyperinfer.formats.errors import RequestError
from hyperinfer.nodes.money import usd_to_pico

if TYPE_CHECKING:
    from collections.abc import Callable

    from quart import Blueprint, Response

    from hyperinfer.api.store.admin import Admin


class Reference(BaseConverter):
    """An id or a name, which may have slashes in it."""

    regex = ".+?"
    part_isolating = False


def workspace_routes(api: Blueprint, admin: Admin) -> None:
    """/workspaces, below the blueprint's path."""

    @api.get("/workspaces")
    async def workspaces() -> Response:
        return answer(Workspaces(tuple(map(workspace_data, await admin.workspaces()))))

    @api.post("/workspaces")
    async def create_workspace() -> Response:
        asked = await json_body(NewWorkspace)
        return answer(workspace_data(await admin.create_workspace(asked.name, _pico(asked.credits, "credits"))), 201)

    @api.get("/workspaces/<reference:workspace>")
    async def show_workspace(workspace: str) -> Response:
        return answer(workspace_data(await admin.workspace(workspace)))

    @api.post("/workspaces/<reference:workspace>/topup")
    async def topup(workspace: str) -> Response:
        asked = await json_body(TopUpAmount)
        return answer(workspace_data(await admin.topup(workspace, _pico(asked.amount, "amount"))))

    @api.post("/workspaces/<reference:workspace>/lock")
    async def lock(workspace: str) -> Response:
        return answer(workspace_data(await admin.lock(workspace)))

    @api.post("/workspaces/<reference:workspace>/unlock")
    async def unlock(workspace: str) -> Response:
        return answer(workspace_data(await admin.unlock(workspace)))

    del workspaces, create_workspace, show_workspace, topup, lock, unlock


def key_routes(api: Blueprint, admin: Admin, now: Callable[[], float]) -> None:
    """/keys, below the blueprint's path: to list and to make them."""

    @api.get("/keys")
    async def keys() -> Response:
        found = await admin.keys(request.args.get("workspace"))
        return answer(Keys(tuple(key_data(each, now()) for each in found)))

    @api.post("/keys")
    async def create_key() -> Response:
        asked = await json_body(NewKey)
        return answer(made_key(await admin.create_key(asked.workspace, _terms(asked)), now()), 201)

    del keys, create_key


async def usage_answer(admin: Admin) -> Response:
    """What GET /usage answers to its query: `by`, `workspace`, `since`, `until`."""
    by = _by(request.args.get("by", "model"))
    since, until = asked_days()
    return answer(usage_report(by, await admin.usage(by, request.args.get("workspace"), since=since, until=until)))


def asked_days() -> tuple[int | None, int | None]:
    """`since` and `until` of the query, as `Admin.usage` takes them: until is exclusive there. Raises RequestError."""
    since, until = _day("since"), _day("until")
    return since, None if until is None else until + 1


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
