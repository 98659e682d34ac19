"""The console's requests: recent ones of all workspaces, and each with all that is known of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Final, TypeVar, get_args

import msgspec
from msgspec import Meta
from quart import request

from hyperinfer.api.administered import moment
from hyperinfer.api.console.waterfall import Bar, waterfall
from hyperinfer.api.control_plane.answer import answer
from hyperinfer.api.control_plane.envelope import Refusal
from hyperinfer.api.control_plane.generation import public_generation
from hyperinfer.api.ids import bare_id
from hyperinfer.api.openapi.records import GenerationData
from hyperinfer.api.store.request_log import MOST, RequestsQuestion, is_cursor
from hyperinfer.api.values import count, instant, names, switch
from hyperinfer.nodes.money import pico_to_micro_text, pico_to_usd_text
from hyperinfer.nodes.ports import IngressFormat, Status

if TYPE_CHECKING:
    from collections.abc import Mapping

    from quart import Blueprint, Response

    from hyperinfer.api.gateway import Gateway
    from hyperinfer.api.store.records import KeyRecord, WorkspaceRecord
    from hyperinfer.api.store.store import Store
    from hyperinfer.nodes.ports import Generation

T = TypeVar("T")

LIMIT: Final = 50
"""Requests of a page, where it is not said how many."""
ERRORS: Final[tuple[Status, ...]] = ("failed", "interrupted")
"""What ended in an error."""


class WorkspaceShown(msgspec.Struct, frozen=True):
    """A workspace; its name is null where there is none of this id any more."""

    id: str
    name: str | None


class KeyShown(msgspec.Struct, frozen=True):
    """A key; all but its id is null for a one-time key, which is not kept."""

    id: str
    name: str | None = None
    prefix: str | None = None
    last4: str | None = None


class RequestSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A request in a list. `cost`: USD, exact. `attempts`, `losses`: how many."""

    id: str
    created_at: str
    workspace: WorkspaceShown
    key: KeyShown
    source: str
    model: str
    provider: str
    ingress_format: IngressFormat
    streamed: bool
    status: Status
    error_code: str | None
    tokens_prompt: int
    tokens_completion: int
    cost: str
    cost_micro_usd: str
    latency_ms: int
    first_token_ms: int | None
    attempts: int
    losses: int


class RequestList(msgspec.Struct, frozen=True):
    """A page of them. `next`: the `before` of the one that follows; null after the last. There may be more also where this
    one is not full: they are too rare to be found in the time that a page has."""

    data: tuple[RequestSummary, ...]
    next: str | None


class RequestDetail(GenerationData, frozen=True, kw_only=True):
    """What `/api/v1/generation` shows, and what only the operator sees."""

    workspace: WorkspaceShown
    key: KeyShown
    cost: Annotated[str, Meta(description="USD, exact.")]
    waterfall: tuple[Bar, ...]


def request_routes(api: Blueprint, gateway: Gateway) -> None:
    """GET /requests and GET /requests/<id>."""

    @api.get("/requests")
    async def requests() -> Response:
        page = await gateway.store.requests(await _question(gateway.store))
        workspaces = {each.id: each for each in await gateway.store.workspaces()}
        keys = await gateway.store.keys_by_id({each.key_id for each in page.requests})
        return answer(RequestList(tuple(_summary(each, workspaces, keys) for each in page.requests), page.next))

    @api.get("/requests/<id_>")
    async def one_request(id_: str) -> Response:
        found = await gateway.store.request(bare_id(id_))
        if found is None:
            raise Refusal("invalid_request", "There is no request with this id.", param="id", status=404)
        workspaces = {each.id: each for each in await gateway.store.workspaces() if each.id == found.workspace}
        keys = await gateway.store.keys_by_id({found.key_id})
        return answer(
            RequestDetail(
                **msgspec.structs.asdict(public_generation(found)),
                workspace=_workspace(found, workspaces),
                key=_key(found, keys),
                cost=pico_to_usd_text(found.cost),
                waterfall=waterfall(found),
            )
        )

    del requests, one_request


async def _question(store: Store) -> RequestsQuestion:
    """What the query asks for. Raises Refusal and Refused."""
    workspace = request.args.get("workspace")
    statuses = _asked("status", _statuses)
    if _asked("errors", switch):
        statuses = ERRORS if statuses is None else tuple(status for status in statuses if status in ERRORS)
    return RequestsQuestion(
        before=_asked("before", _cursor),
        limit=min(_asked("limit", count) or LIMIT, MOST),
        workspace=(await store.workspace(workspace)).id if workspace else None,
        key=request.args.get("key") or None,
        model=request.args.get("model") or None,
        provider=request.args.get("provider") or None,
        statuses=statuses,
        since=_asked("since", moment),
        until=_asked("until", moment),
    )


def _asked(name: str, read: Callable[[str], T]) -> T | None:
    text = request.args.get(name)
    try:
        return read(text) if text else None
    except ValueError as error:
        raise Refusal("invalid_request", f"`{name}`: {error}", param=name) from None


def _statuses(text: str) -> tuple[Status, ...]:
    asked = names(text)
    found: tuple[Status, ...] = tuple(status for status in get_args(Status) if status in asked)
    if len(found) < len(asked):
        raise ValueError(f"they are {', '.join(get_args(Status))}")
    return found


def _cursor(text: str) -> str:
    if not is_cursor(text):
        raise ValueError("this is no `next` of a page")
    return text


def _summary(g: Generation, workspaces: Mapping[str, WorkspaceRecord], keys: Mapping[str, KeyRecord]) -> RequestSummary:
    return RequestSummary(
        id=g.id,
        created_at=instant(g.created_at),
        workspace=_workspace(g, workspaces),
        key=_key(g, keys),
        source=g.source,
        model=g.model,
        provider=g.provider,
        ingress_format=g.ingress_format,
        streamed=g.streamed,
        status=g.status,
        error_code=g.error_code,
        tokens_prompt=g.tokens_prompt,
        tokens_completion=g.tokens_completion,
        cost=pico_to_usd_text(g.cost),
        cost_micro_usd=pico_to_micro_text(g.cost),
        latency_ms=g.latency_ms,
        first_token_ms=g.first_token_ms,
        attempts=len(g.attempts),
        losses=len(g.losses),
    )


def _workspace(g: Generation, workspaces: Mapping[str, WorkspaceRecord]) -> WorkspaceShown:
    found = workspaces.get(g.workspace)
    return WorkspaceShown(g.workspace, None if found is None else found.name)


def _key(g: Generation, keys: Mapping[str, KeyRecord]) -> KeyShown:
    found = keys.get(g.key_id)
    return KeyShown(g.key_id) if found is None else KeyShown(found.id, found.terms.name, found.prefix, found.last4)
