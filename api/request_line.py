"""The line in the log that every request leaves, whatever became of it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec
import trio

from hyperinfer.api.log_formats import JsonForm
from hyperinfer.nodes.money import pico_to_usd_text

if TYPE_CHECKING:
    from hyperinfer.api.logs import Lines
    from hyperinfer.nodes.items import Ticket

REQUESTS = logging.getLogger("hyperinfer.requests")

Say: TypeAlias = "Callable[[Ticket, int | None, bool], None]"
"""Told of each request that is over: its ticket, the HTTP status that was sent (None for none), and whether its client had
left before the end."""


def request_line(ticket: Ticket, *, http: int | None, left: bool, now: Callable[[], float]) -> str:
    """The id, then words `key=value`: `format`; `http`, `-` where no status was sent; `status`, as `/generation` has it, or
    `refused` or `answered` of a request that has no row; for those with one `model`, `provider`, `tokens` read and written,
    `cost` in USD; `ms`, `first_ms`; `error`, `client=left`. Nothing in it is the client's or the provider's own words.
    """
    row, code = ticket.row, ticket.tally.error_code
    line = f"{ticket.request_id} format={ticket.format.dialect} http={http or '-'} "
    if row is None:
        line += f"status={outcome(ticket, left=left)} ms={round((now() - ticket.started) * 1000)}"
    else:
        line += (
            f"status={row.status} model={row.model} provider={row.provider} "
            f"tokens={row.tokens_prompt}+{row.tokens_completion} cost={pico_to_usd_text(row.cost)} ms={row.latency_ms}"
        )
        if row.first_token_ms is not None:
            line += f" first_ms={row.first_token_ms}"
    if code is not None:
        line += f" error={code}"
    return f"{line} client=left" if left else line


def outcome(ticket: Ticket, *, left: bool) -> str:
    """What became of a request that has no row."""
    return "refused" if ticket.tally.error_code is not None else "cancelled" if left else "answered"


def request_fields(ticket: Ticket, *, http: int | None, left: bool, now: Callable[[], float]) -> dict[str, Any]:
    """The same as values: `request_id`, `format`, `http`, `status`, `model`, `provider`, `tokens_prompt`,
    `tokens_completion`, `cost` (USD, exact), `ms`, `first_ms`, `error`, `client_left`, `trace_id`; without those that there
    are none of.
    """
    row = ticket.row
    if row is None:
        more: dict[str, Any] = {
            "status": outcome(ticket, left=left),
            "ms": round((now() - ticket.started) * 1000),
        }
    else:
        more = {
            "status": row.status,
            "model": row.model,
            "provider": row.provider,
            "tokens_prompt": row.tokens_prompt,
            "tokens_completion": row.tokens_completion,
            "cost": msgspec.Raw(pico_to_usd_text(row.cost).encode()),
            "ms": row.latency_ms,
            "first_ms": row.first_token_ms,
        }
    fields = {
        "request_id": ticket.request_id,
        "format": ticket.format.dialect,
        "http": http,
        **more,
        "error": ticket.tally.error_code,
        "client_left": left or None,
        "trace_id": ticket.trace_id,
    }
    return {name: value for name, value in fields.items() if value is not None}


def says_lines(info: Callable[[str], None] = REQUESTS.info) -> Say:
    """Says each request as text."""

    def say(ticket: Ticket, http: int | None, left: bool) -> None:
        info(request_line(ticket, http=http, left=left, now=trio.current_time))

    return say


def says_into(lines: Lines) -> Say:
    """Says each request in the form of a log, at a fraction of what a record costs."""
    info = lines.informs(REQUESTS)
    if not isinstance(lines.form, JsonForm):
        return says_lines(info)

    def say(ticket: Ticket, http: int | None, left: bool) -> None:
        fields = request_fields(ticket, http=http, left=left, now=trio.current_time)
        info(f"a request is {fields['status']}", fields)

    return say
