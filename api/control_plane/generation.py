"""What became of a request."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast

from msgspec import UNSET
from quart import request

from hyperinfer.api.control_plane.answer import answer
from hyperinfer.api.control_plane.caller import sent_key
from hyperinfer.api.control_plane.envelope import Refusal, refusal_of
from hyperinfer.api.ids import bare_id
from hyperinfer.api.openapi.records import GenerationAttempt, GenerationData, GenerationLine, GenerationReply
from hyperinfer.api.playground import PlaygroundAccounts
from hyperinfer.engine import Failure
from hyperinfer.formats.usage import usd_json
from hyperinfer.nodes.money import pico_to_micro_text

if TYPE_CHECKING:
    from typing import Literal

    from quart import Response
    from quart_trio import QuartTrio

    from hyperinfer.api.gateway import Gateway
    from hyperinfer.nodes.ports import Attempt, CostLine, Generation, Principal

_TOKEN_BUCKETS = frozenset({"prompt", "cached_prompt", "cache_write", "cache_write_1h", "completion"})


def generation_routes(app: QuartTrio, gateway: Gateway) -> None:
    """GET /api/v1/generation?id=…, for the workspace whose request it was."""
    accounts = PlaygroundAccounts(gateway.store, gateway.playground)

    async def reader(request_id: str) -> Principal:
        """Who asks. A one-time key that is used up may still read the generation of its own request."""
        sha256 = sent_key()
        found = await accounts.authenticate(sha256)
        if not isinstance(found, Failure):
            return found
        used_up = await gateway.playground.reader(sha256, request_id)
        if used_up is None:
            raise refusal_of(found)
        return used_up

    @app.get("/api/v1/generation")
    async def generation() -> Response:
        request_id = bare_id(request.args.get("id", ""))
        principal = await reader(request_id)
        if not request_id:
            raise Refusal("invalid_request", "Name the request: ?id=…", param="id")
        found = await gateway.ledger.generation(principal.workspace, request_id)
        if found is None or not _may_read(principal, found):
            message = "There is no generation with this id in the workspace of this key."
            raise Refusal("invalid_request", message, param="id", status=404)
        return answer(GenerationReply(public_generation(found)))

    del generation


def _may_read(principal: Principal, generation: Generation) -> bool:
    """A one-time key is in the hands of somebody's browser: it reads its own request, not the workspace's."""
    return principal.source == "api" or principal.key_id == generation.key_id


def public_generation(g: Generation) -> GenerationData:
    """A generation as it is published."""
    tools: dict[str, int] = {}
    for line in g.lines:
        if line.bucket not in _TOKEN_BUCKETS:
            tools[line.bucket] = tools.get(line.bucket, 0) + line.cost
    return GenerationData(
        id=g.id,
        model=g.model,
        provider=g.provider,
        upstream_model=g.upstream_model,
        ingress_format=g.ingress_format,
        source=cast("Literal['api', 'playground', 'chat']", g.source),
        streamed=g.streamed,
        tokens_prompt=g.tokens_prompt,
        tokens_completion=g.tokens_completion,
        tokens_reasoning=g.tokens_reasoning,
        tokens_cached_prompt=g.tokens_cached_prompt,
        tokens_cache_write=g.tokens_cache_write,
        tokens_cache_write_1h=g.tokens_cache_write_1h,
        estimated=g.estimated,
        limit_reached=g.limit_reached,
        total_cost=usd_json(g.cost),
        cost_micro_usd=pico_to_micro_text(g.cost),
        tool_costs_micro_usd={name: pico_to_micro_text(cost) for name, cost in tools.items()},
        lines=tuple(map(_line, g.lines)),
        latency_ms=g.latency_ms,
        first_token_ms=g.first_token_ms,
        status=g.status,
        error_code=g.error_code or UNSET,
        finish_reason=g.finish_reason,
        losses=g.losses,
        attempts=tuple(map(_attempt, g.attempts)),
        created_at=datetime.fromtimestamp(g.created_at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    )


def _attempt(attempt: Attempt) -> GenerationAttempt:
    unbilled = UNSET if attempt.unbilled is None else pico_to_micro_text(attempt.unbilled)
    deadline = UNSET if attempt.deadline is None else attempt.deadline
    chosen_by = UNSET if attempt.chosen_by is None else attempt.chosen_by
    return GenerationAttempt(
        attempt.provider, attempt.model, attempt.status, attempt.code, attempt.ms, unbilled, deadline, chosen_by
    )


def _line(line: CostLine) -> GenerationLine:
    return GenerationLine(line.bucket, line.tokens, pico_to_micro_text(line.price), pico_to_micro_text(line.cost))
