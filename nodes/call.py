"""The provider call: one conversation to the events of one upstream's reply, with retries before the first output.

While no model output has come, a failed attempt may be repeated or go to another route; what came before (the start of
the message) is held back so that the client never sees a reply begin twice. After the first output every failure is
told in the stream.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import trio

from hyperinfer.engine import Drain, Failure, Node, Sink, Stage, stage
from hyperinfer.formats import FORMATS
from hyperinfer.formats.codec import Target
from hyperinfer.formats.errors import RequestError
from hyperinfer.formats.events import UsageUpdate
from hyperinfer.nodes.attempt import Attempting, Clients
from hyperinfer.nodes.big_bodies import BIG, BigBodies
from hyperinfer.nodes.concurrency import Rooms
from hyperinfer.nodes.health import LocalHealth
from hyperinfer.nodes.heard_attempt import run_heard
from hyperinfer.nodes.items import DO_NOT_RETRY, Answering, Failed, Planned, Reply
from hyperinfer.nodes.measures import Measures
from hyperinfer.nodes.refusal import refused, refused_losses, shutting_down
from hyperinfer.nodes.selection import Chosen, Selection, Ways

if TYPE_CHECKING:
    from hyperinfer.formats.codec import Encoded
    from hyperinfer.formats.events import Burst
    from hyperinfer.formats.upstream_errors import UpstreamFault
    from hyperinfer.nodes.ports import Health, RouteHealth
    from hyperinfer.nodes.retry import Jitter
    from hyperinfer.providers.catalogue import Route

log = logging.getLogger("hyperinfer.upstream")

ENOUGH_TOKENS = 16
"""Of output: how fast they come is not seen in a reply of fewer."""


class Call(Stage[Planned, Reply | Failure]):
    """Calls for one request until there is a reply, or nothing left to try."""

    def __init__(self, clients: Clients, now: Callable[[], float], ways: Ways, big_bodies: BigBodies | None) -> None:
        self._clients, self._now, self._ways, self._big_bodies = clients, now, ways, big_bodies

    async def receive(self, item: Planned, sink: Sink[Reply | Failure]) -> None:
        """One request."""
        tap = item.ticket.tap
        if tap is not None:
            self._clients, self._ways = tap.asked(item, self._clients, self._ways)
        ending: Failed | Burst | None = None  # a failure, or a whole reply; one that is streamed went out by itself
        refusal: Failed | None = None
        selection: Selection | None = None
        chosen: Chosen | Failed | None
        route = item.routes[0]
        health = self._ways.health.of(route)
        if health.closed and route.provider.concurrency is None:
            chosen = Chosen(route, health, health.begin())  # the usual case, which has to be quick
        else:
            selection = Selection(item, self._ways)
            chosen = await selection.first()
        while isinstance(chosen, Chosen):
            route, health = chosen.route, chosen.health
            item = item if selection is None else selection.item  # another model may be tried
            attempt, fault = None, None
            try:
                if self._big_bodies is not None and item.ticket.body_size > BIG:
                    encoded = await self._big_bodies.next_turn(partial(encoded_for, item, route))
                else:
                    encoded = encoded_for(item, route)
                if isinstance(encoded, Failed):
                    refusal = refusal or encoded
                else:
                    answering = _answering(item, route, encoded)
                    await sink.send(answering)
                    attempt = Attempting(answering, encoded.body, self._clients, self._now, self._ways, chosen)
                    del encoded  # and its body with it, as soon as that was sent
                    fault = await (attempt.run(sink) if tap is None else run_heard(attempt, answering, tap, sink))
                    if fault is not None:
                        health.failed(chosen.attempt, fault, answered=attempt.output)
            finally:
                if chosen.room is not None or not health.closed:
                    chosen.leave()
            if attempt is not None:
                if fault is None:
                    ending = attempt.reply if attempt.complete else shutting_down(item.ticket)
                    if attempt.complete:
                        _measure(item, health, attempt)
                        if item.served is not None:
                            item.served(route)
                    break
                ending = _told(item, route, fault, attempt)
                if attempt.output:
                    break
            selection = selection or Selection(item, self._ways)
            chosen = await (selection.after_unfit() if fault is None else selection.after(fault))
        else:
            ending = chosen or ending or refusal
        if ending is not None:
            await sink.send(ending)


def encoded_for(item: Planned, route: Route) -> Encoded | Failed:
    """The request in the words of a route, or why it cannot be said there."""
    target = Target(
        dialect=route.provider.protocol,
        model=route.model,
        vendor=route.provider.vendor,
        streamed=item.conversation.streamed,
        max_output_tokens=item.model.max_output_tokens,
        quirks=route.quirks,
        native_tools=frozenset(route.native_tools),
        reasons=not item.model.features or "reasoning" in item.model.features,  # no features: nobody said
    )
    try:
        encoded = FORMATS[route.provider.protocol].encode_request(item.asked_of(route), target)
    except RequestError as error:
        return refused(error, item.ticket)
    if encoded.losses and item.ticket.strict:
        return refused_losses(encoded.losses, item.ticket)
    return encoded


def _answering(item: Planned, route: Route, encoded: Encoded) -> Answering:
    return Answering(
        ticket=item.ticket,
        conversation=item.conversation,
        slug=item.model.slug,
        route=route,
        route_index=item.model.routes.index(route),
        context_length=item.model.context_length,
        losses=encoded.losses,
        aliases=encoded.aliases,
        answer=encoded.answer,
        stops=encoded.stops,
        asked=None if item.asks is None else item.asks(route),
        round=item.round,
        by=item.by if route is item.routes[0] or item.by == "fallback" else "failover",
    )


def _told(item: Planned, route: Route, fault: UpstreamFault, attempt: Attempting) -> Failed:
    """A fault as the client is told it. The operator's log has the upstream's own words, and where that is: addresses
    within the words are taken out, as clients may see some of them."""
    log.warning(
        "%s %s at %s, %s: %s, status %d: %s",
        item.ticket.request_id,
        route.provider.name,
        urlsplit(route.provider.base_url).netloc,
        route.model,
        fault.code,
        fault.status,
        fault.detail or fault.message,
    )
    details: dict[str, object] = {} if fault.deadline is None else {"deadline": fault.deadline}
    headers = (*attempt.headers, *DO_NOT_RETRY) if fault.code == "provider_auth" else attempt.headers
    return Failed(fault.code, fault.message, fault.param, fault.retry_after, details, ticket=item.ticket, headers=headers)


def _measure(item: Planned, health: RouteHealth, attempt: Attempting) -> None:
    """Notes what a complete reply took. The time that a client makes us wait is not the provider's."""
    record = -1 if attempt.record is None else attempt.record  # other calls may be under way beside
    first = item.ticket.attempts[record].ms / 1000
    usage, seconds = None, first
    if item.conversation.streamed:
        if not attempt.held_up and item.round == 0:
            usage, seconds = item.ticket.tally.usage, attempt.took
    elif attempt.reply is not None:
        for event in attempt.reply:
            if type(event) is UsageUpdate:
                usage = event.usage
    throughput = None
    if usage is not None and usage.output_tokens >= ENOUGH_TOKENS and seconds > 0:
        throughput = usage.output_tokens / seconds
    latency = first if item.conversation.streamed else None
    if latency is not None or throughput is not None:
        health.measured(attempt.began + seconds, latency=latency, throughput=throughput)


def call(
    clients: Clients,
    *,
    now: Callable[[], float] = time.time,
    jitter: Jitter = random.random,
    retries: int = 2,
    drain: Drain | None = None,
    big_bodies: BigBodies | None = None,
    health: Health | None = None,
    rooms: Rooms | None = None,
    measures: Measures | None = None,
) -> Node[Planned, Reply | Failure]:
    """The node that asks a provider: `Planned` in; `Answering` and then the reply's bursts of events out, or a `Failed`.

    Every pipeline needs it. An `Answering` comes with each route that is asked, and none after the first output; what it
    says is of the reply that follows. The reply ends at the caller's stop strings also where the provider could not be sent
    them; its connection is closed then. Give it the `upstreams` of `open_upstreams()`. `now`: unix seconds, for dates in
    `Retry-After`. `jitter`: a number from 0 to 1, spreads retries. `retries`: attempts beyond the first, made only before
    any output of the model was seen. `drain`: when its grace is over the upstream is closed and the reply ends with an
    error. `big_bodies`: as in `decode`, for what is written to the provider of such a body. `health`: of routes; `rooms`:
    the places at providers with a `concurrency`; `measures`: what is counted. All are this node's own where they are not
    given.
    """
    if health is None:
        health = LocalHealth(trio.current_time)
    measures = Measures() if measures is None else measures
    ways = Ways(health, Rooms() if rooms is None else rooms, jitter, retries, drain, measures)
    return stage(
        partial(Call, clients, now, ways, big_bodies),
        name="call",
        consumes=Planned,
        produces=Reply | Failure,
    )
