"""Admission: the key's rate and limits, and the hold on the workspace's credits."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

import msgspec
import trio

from hyperinfer.engine import Failure, Node, Sink, Stage, stage
from hyperinfer.nodes.bill import admitted_row
from hyperinfer.nodes.items import Failed, Planned
from hyperinfer.nodes.money import PICO_LIMIT
from hyperinfer.nodes.ports import Admission, Rate
from hyperinfer.nodes.tools.activation import Toolbox, most_of_one_call_each

if TYPE_CHECKING:
    from hyperinfer.nodes.items import Ticket
    from hyperinfer.nodes.ports import Ledger, Principal
    from hyperinfer.providers.catalogue import Model, Route

CHARACTERS_PER_TOKEN = 3
"""For the size of a hold only: fewer than any tokenizer's average for prose, so that the hold is rather too large."""

DEFAULT_COMPLETION = 4096
"""Tokens held for when neither the caller nor the model sets a limit."""


class Admit(Stage[Planned, Planned | Failure]):
    """Takes one request in. From here on it ends with exactly one settlement: by the node `settle`, or, when the run is
    cut short, by whoever started it (`settlement.Settlement.close`)."""

    def __init__(self, ledger: Ledger, rate: Rate, tools: Callable[[], Toolbox]) -> None:
        self._ledger, self._rate, self._tools = ledger, rate, tools
        self._asking: str | None = None  # the request whose hold is being taken

    async def receive(self, item: Planned, sink: Sink[Planned | Failure]) -> None:
        """One request."""
        ticket = item.ticket
        if item.conversation.plugins:
            # Those that are held for are those that run, at their prices: the catalogue may change meanwhile.
            item = msgspec.structs.replace(item, tools=self._tools())
        principal = owner_of(ticket)
        if ticket.admitted is not None:
            raise RuntimeError(f"{ticket.request_id} came to admission twice")  # a node before us gave it, or kept it
        row = admitted_row(item)
        if ticket.tap is not None:
            ticket.tap.admitting(item)
        self._asking = ticket.request_id
        refusal = await self._ledger.admit(Admission(principal, self._hold_of(item), rate_of(principal, self._rate), row))
        self._asking = None
        if ticket.tap is not None:
            ticket.tap.admitted(refusal)
        if refusal is None:
            ticket.admitted, ticket.admitted_at = row, trio.current_time()
            await sink.send(item)
            return
        await sink.send(told(refusal, ticket))

    def _hold_of(self, item: Planned) -> int:
        hold, tools = hold_of(item), item.tools
        return hold if tools is None else min(PICO_LIMIT, hold + most_of_one_call_each(item.conversation.plugins, tools))

    async def abort(self) -> None:
        """Cut short while the hold was being taken: it may have been, and nobody else will give it back."""
        if self._asking is not None:
            await self._ledger.release(self._asking)


def owner_of(ticket: Ticket) -> Principal:
    """Whose request it is. Raises RuntimeError where nobody was authenticated: the pipeline is put together wrongly."""
    if ticket.principal is None:
        raise RuntimeError("a request came to admission without a principal")
    return ticket.principal


def rate_of(principal: Principal, default: Rate) -> Rate:
    """The bucket of a key: its own values, where it has some."""
    if principal.rate_per_minute is None and principal.burst is None:
        return default
    return Rate(principal.rate_per_minute or default.per_minute, principal.burst or default.burst)


def told(refusal: Failure, ticket: Ticket) -> Failed:
    """A refusal of the ledger, to this request."""
    if ticket.tap is not None:
        ticket.tap.refused("ledger", refusal)
    return Failed(refusal.code, refusal.message, refusal.param, refusal.retry_after, refusal.details, ticket=ticket)


RateLimit: TypeAlias = "Callable[[Ticket], Awaitable[Failed | None]]"
"""Uses up a token of the rate of whoever asks; a refusal where there is none."""


def rate_limit(ledger: Ledger, rate: Rate) -> RateLimit:
    """The rates that a ledger keeps, for requests that are not admitted. `rate`: of keys that have none of their own."""

    async def take(ticket: Ticket) -> Failed | None:
        principal = owner_of(ticket)
        refusal = await ledger.take_rate(principal, rate_of(principal, rate))
        return None if refusal is None else told(refusal, ticket)

    return take


def hold_of(planned: Planned) -> int:
    """Pico-USD to hold: what the request can cost on its dearest route."""
    hold = _hold_on(planned, planned.model, planned.routes)
    for choice in planned.fallbacks:
        hold = max(hold, _hold_on(planned, choice.model, choice.routes))
    return hold


def _hold_on(planned: Planned, model: Model, routes: tuple[Route, ...]) -> int:
    sampling = planned.conversation.sampling
    prompt = planned.ticket.body_size // CHARACTERS_PER_TOKEN + 1
    if model.context_length:  # images make a body larger than its tokens
        prompt = min(prompt, model.context_length)
    most = model.max_output_tokens or model.context_length
    if sampling.max_tokens is None:
        completion = most or DEFAULT_COMPLETION
    else:
        completion = min(sampling.max_tokens, most) if most else sampling.max_tokens
    completion *= max(1, sampling.n or 1)
    # What is asked for may be absurd; no balance is above the limit.
    return min(PICO_LIMIT, max(route.pricing.at_most(prompt, completion) for route in routes))


def _no_tools() -> Toolbox:
    return {}


def admit(ledger: Ledger, rate: Rate, tools: Callable[[], Toolbox] = _no_tools) -> Node[Planned, Planned | Failure]:
    """The node that takes a request in: `Planned` in; the same out, or a `Failed` when the key's rate or limits or the
    workspace's credits do not allow it.

    For a pipeline with accounts: it needs a ticket with a principal, and `settle` at the other end to settle what it
    holds. `rate`: of keys that have none of their own. `tools`: those that a request can switch on; one run of each is held
    for.
    """
    return stage(partial(Admit, ledger, rate, tools), name="admit", consumes=Planned, produces=Planned | Failure)
