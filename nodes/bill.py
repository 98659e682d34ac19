"""The arithmetic of a bill, and the row that a request leaves behind.

Exact: tokens times pico-USD a token, bucket by bucket; the sum of the lines is the cost.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import floor
from typing import TYPE_CHECKING

import msgspec

from hyperinfer.formats.usage import added
from hyperinfer.nodes.ports import CostLine, Generation, IngressFormat, LossRecord, Status

if TYPE_CHECKING:
    from hyperinfer.formats.codec import Loss
    from hyperinfer.formats.events import Dialect
    from hyperinfer.formats.usage import Usage
    from hyperinfer.nodes.items import Answering, Planned, Tally, Ticket
    from hyperinfer.providers.catalogue import Pricing


def cost_lines(usage: Usage, pricing: Pricing) -> tuple[CostLine, ...]:
    """One line a bucket that has tokens. The buckets are disjoint and make up all tokens read and written."""
    write_1h = min(usage.cache_write_1h, usage.cache_write)
    buckets = (
        ("prompt", usage.uncached_input, pricing.prompt),
        ("cached_prompt", usage.cache_read, pricing.cached_prompt),
        ("cache_write", usage.cache_write - write_1h, pricing.cache_write),
        ("cache_write_1h", write_1h, pricing.cache_write_1h),
        ("completion", usage.output_tokens, pricing.completion),
    )
    return tuple([CostLine(name, tokens, price, tokens * price) for name, tokens, price in buckets if tokens])


def request_lines(tally: Tally, current: tuple[CostLine, ...]) -> tuple[CostLine, ...]:
    """The bill of a request whose last round has the lines `current`: one line for each bucket and price."""
    if not tally.rounds and not tally.tools:
        return current
    sums: dict[tuple[str, int], int] = {}
    for line in (*(line for done in tally.rounds for line in done.lines), *current, *tally.tools):
        sums[line.bucket, line.price] = sums.get((line.bucket, line.price), 0) + line.tokens
    return tuple(CostLine(bucket, tokens, price, tokens * price) for (bucket, price), tokens in sums.items())


def request_usage(tally: Tally, current: Usage) -> Usage:
    """The tokens of a request whose last round used `current`."""
    for done in tally.rounds:
        current = added(done.usage, current)
    return current


def total(lines: Sequence[CostLine]) -> int:
    """Pico-USD of all lines."""
    cost = 0
    for line in lines:
        cost += line.cost
    return cost


def admitted_row(planned: Planned) -> Generation:
    """The row of an admitted request of which nothing more is ever heard. Raises RuntimeError without a principal."""
    ticket, model, route = planned.ticket, planned.model, planned.routes[0]
    principal = ticket.principal
    if principal is None:
        raise RuntimeError("a request without a principal is not billed")
    return Generation(
        id=ticket.request_id,
        workspace=principal.workspace,
        key_id=principal.key_id,
        created_at=ticket.created,
        model=model.slug,
        provider=route.provider.name,
        upstream_model=route.model,
        route=model.routes.index(route),
        ingress_format=_INGRESS[ticket.format.dialect],
        source=principal.source,
        streamed=planned.conversation.streamed,
        tokens_prompt=0,
        tokens_completion=0,
        tokens_reasoning=0,
        tokens_cached_prompt=0,
        tokens_cache_write=0,
        tokens_cache_write_1h=0,
        cost=0,
        lines=(),
        status="interrupted",
        latency_ms=0,
        losses=loss_records(ticket.losses) if ticket.losses else (),
        attempts=tuple(ticket.attempts),
    )


def without_output(
    admitted: Generation, ticket: Ticket, *, status: Status, error_code: str | None, latency: float
) -> Generation:
    """The row, at no cost, of a request that never reached an upstream. `latency`: seconds."""
    return msgspec.structs.replace(
        admitted,
        status=status,
        error_code=error_code,
        latency_ms=round(latency * 1000),
        losses=loss_records(ticket.losses) if ticket.losses else (),
        attempts=tuple(ticket.attempts),
        limit_reached=ticket.limit_reached,
        admitted_ms=_admitted_ms(ticket),
        tools=tuple(ticket.tool_times),
    )


def generation_of(
    admitted: Generation,
    answering: Answering,
    usage: Usage,
    lines: tuple[CostLine, ...],
    *,
    status: Status,
    error_code: str | None,
    finish_reason: str | None,
    latency: float,
    first_output: float | None,
) -> Generation:
    """The row of a request that reached `call`. Times in seconds since the request began."""
    ticket, route, losses = answering.ticket, answering.route, answering.losses
    return msgspec.structs.replace(
        admitted,
        model=answering.slug,
        provider=route.provider.name,
        upstream_model=route.model,
        route=answering.route_index,
        tokens_prompt=usage.input_tokens,
        tokens_completion=usage.output_tokens,
        tokens_reasoning=usage.reasoning,
        tokens_cached_prompt=usage.cache_read,
        tokens_cache_write=usage.cache_write,
        tokens_cache_write_1h=usage.cache_write_1h,
        cost=total(lines),
        lines=lines,
        status=status,
        error_code=error_code,
        finish_reason=finish_reason,
        latency_ms=round(latency * 1000),
        first_token_ms=None if first_output is None else round(first_output * 1000),
        losses=loss_records([*ticket.losses, *losses]) if ticket.losses or losses else (),
        attempts=tuple(ticket.attempts),
        estimated=usage.estimated,
        limit_reached=ticket.limit_reached,
        admitted_ms=_admitted_ms(ticket),
        tools=tuple(ticket.tool_times) if ticket.tool_times else (),
    )


def _admitted_ms(ticket: Ticket) -> int | None:
    return None if ticket.admitted_at is None else floor((ticket.admitted_at - ticket.started) * 1000)


def loss_records(losses: Sequence[Loss]) -> tuple[LossRecord, ...]:
    """Losses as the row keeps them, each once."""
    return tuple(dict.fromkeys(LossRecord(loss.path, loss.reason) for loss in losses))


_INGRESS: dict[Dialect, IngressFormat] = {
    "openai_chat": "chat_completions",
    "openai_responses": "responses",
    "anthropic_messages": "anthropic_messages",
}
