"""The line in the log that every request leaves, whatever became of it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from hyperinfer.nodes.money import pico_to_usd_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from hyperinfer.nodes.items import Ticket

REQUESTS = logging.getLogger("hyperinfer.requests")


def request_line(ticket: Ticket, *, http: int | None, left: bool, now: Callable[[], float]) -> str:
    """The id, then words `key=value`: `format`; `http`, `-` where no status was sent; `status`, as `/generation` has it, or
    `refused` or `answered` of a request that has no row; for those with one `model`, `provider`, `tokens` read and written,
    `cost` in USD; `ms`, `first_ms`; `error`, `client=left`. Nothing in it is the client's or the provider's own words.
    """
    row, code = ticket.row, ticket.tally.error_code
    line = f"{ticket.request_id} format={ticket.format.dialect} http={http or '-'} "
    if row is None:
        status = "refused" if code is not None else "cancelled" if left else "answered"
        line += f"status={status} ms={round((now() - ticket.started) * 1000)}"
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
