"""Admission: the key's rate and the hold on the workspace's credits."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import trio

from hyperinfer.engine import Failure, Node, Sink, Stage, stage
from hyperinfer.nodes.items import Failed, Planned

if TYPE_CHECKING:
    from hyperinfer.nodes.items import Ticket
    from hyperinfer.nodes.limits import RateLimits
    from hyperinfer.nodes.ports import Ledger, Principal

CHARACTERS_PER_TOKEN = 3
"""For the size of a hold only: fewer than any tokenizer's average for prose, so that the hold is rather too large."""

DEFAULT_COMPLETION = 4096
"""Tokens held for when the caller sets no limit. One response may overshoot its hold (DESIGN: Money)."""


class Admit(Stage[Planned, Planned | Failure]):
    """Takes one request in. From here on it ends with exactly one settlement: by the node `settle`, or, when the run is
    cut short, by whoever started it (`settlement.Settlement.close`)."""

    def __init__(self, ledger: Ledger, limits: RateLimits) -> None:
        self._ledger, self._limits = ledger, limits
        self._asking: str | None = None  # the request whose hold is being taken

    async def receive(self, item: Planned, sink: Sink[Planned | Failure]) -> None:
        """One request."""
        ticket = item.ticket
        principal = owner_of(ticket)
        if (too_many := over_rate(ticket, self._limits)) is not None:
            await sink.send(too_many)
            return
        self._asking = ticket.request_id
        refusal = await self._ledger.admit(ticket.request_id, principal, hold_of(item))
        self._asking = None
        if refusal is None:
            ticket.admitted = item
            await sink.send(item)
            return
        await sink.send(
            Failed(refusal.code, refusal.message, refusal.param, refusal.retry_after, refusal.details, ticket=ticket)
        )

    async def abort(self) -> None:
        """Cut short while the hold was being taken: it may have been, and nobody else will give it back."""
        if self._asking is not None:
            await self._ledger.release(self._asking)


def owner_of(ticket: Ticket) -> Principal:
    """Whose request it is. Raises RuntimeError where nobody was authenticated: the pipeline is put together wrongly."""
    if ticket.principal is None:
        raise RuntimeError("a request came to admission without a principal")
    return ticket.principal


def over_rate(ticket: Ticket, limits: RateLimits) -> Failed | None:
    """Takes a token of the key's rate; a refusal where there is none."""
    wait = limits.take(owner_of(ticket), trio.current_time())
    if wait is None:
        return None
    return Failed("rate_limit_exceeded", "This key's rate limit is reached.", retry_after=wait, ticket=ticket)


def hold_of(planned: Planned) -> int:
    """Pico-USD to hold: what the request can cost on its dearest route."""
    sampling, model = planned.conversation.sampling, planned.model
    prompt = planned.ticket.body_size // CHARACTERS_PER_TOKEN + 1
    if model.context_length:  # images make a body larger than its tokens
        prompt = min(prompt, model.context_length)
    completion = DEFAULT_COMPLETION if sampling.max_tokens is None else sampling.max_tokens
    if model.max_output_tokens:
        completion = min(completion, model.max_output_tokens)
    completion *= max(1, sampling.n or 1)
    return max(route.pricing.at_most(prompt, completion) for route in planned.routes)


def admit(ledger: Ledger, limits: RateLimits) -> Node[Planned, Planned | Failure]:
    """The node that takes a request in: `Planned` in; the same out, or a `Failed` when the key's rate or the workspace's
    credits do not allow it.

    For a pipeline with accounts: it needs a ticket with a principal, and `settle` at the other end to settle what it
    holds. `limits`: the rate of each key.
    """
    return stage(partial(Admit, ledger, limits), name="admit", consumes=Planned, produces=Planned | Failure)
