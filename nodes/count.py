"""How many tokens a request has: asked of a provider that counts, else estimated."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import httpx2
import trio

from hyperinfer.engine import Expired, Failure, Node, Sink, Stage, stage
from hyperinfer.formats import COUNTING
from hyperinfer.formats.counting import count_of_reply
from hyperinfer.formats.errors import PeerError
from hyperinfer.formats.tokens import estimate_input
from hyperinfer.nodes.attempt_faults import no_count, timeout
from hyperinfer.nodes.big_bodies import BIG, BigBodies
from hyperinfer.nodes.call import encoded_for
from hyperinfer.nodes.items import Failed, Output, Planned
from hyperinfer.nodes.reply_writer import identity_headers, response
from hyperinfer.providers.connection_faults import fault_of_exception

if TYPE_CHECKING:
    from hyperinfer.formats.counting import Counting
    from hyperinfer.formats.upstream_errors import UpstreamFault
    from hyperinfer.nodes.admit import RateLimit
    from hyperinfer.nodes.attempt import Clients
    from hyperinfer.nodes.ports import Health
    from hyperinfer.providers.catalogue import Route

log = logging.getLogger("hyperinfer.upstream")

T = TypeVar("T")

PATIENCE = 5.0
"""Seconds that providers have to count, together: clients ask often, and wait."""

_REPLY_LIMIT = 64 * 1024
"""Bytes of a reply, which is one number."""


class Count(Stage[Planned, Output | Failure]):
    """Answers one request. Nothing is held and nothing is billed."""

    def __init__(
        self,
        clients: Clients,
        limit: RateLimit | None,
        now: Callable[[], float],
        big_bodies: BigBodies | None,
        health: Health | None,
    ) -> None:
        self._clients, self._limit, self._now, self._big_bodies, self._health = clients, limit, now, big_bodies, health

    async def receive(self, item: Planned, sink: Sink[Output | Failure]) -> None:
        """One request."""
        ticket = item.ticket
        if ticket.tap is not None:
            self._clients = ticket.tap.counted(item, self._clients)
        if self._limit is not None and (refusal := await self._limit(ticket)) is not None:
            await sink.send(refusal)
            return
        counted = await self._counted(item)
        tokens = await self._in_turn(item, partial(_estimated, item)) if counted is None else counted
        mark = ("x-hyperinfer-estimated", "true" if counted is None else "false")
        body = COUNTING[ticket.format.dialect].encode_reply(tokens)
        for part in response(200, body, ticket, (*identity_headers(ticket), mark)):
            await sink.send(part)

    async def _counted(self, item: Planned) -> int | None:
        """What a provider counted; None where none does, or none did in time."""
        with trio.move_on_after(PATIENCE) as scope:
            for route in item.routes:
                if self._counts(route) and (tokens := await self._asked(item, route, scope.deadline)) is not None:
                    return tokens
        return None

    def _counts(self, route: Route) -> bool:
        """One that is left alone is not waited for either: there is the estimate."""
        return route.provider.count_tokens and (self._health is None or self._health.of(route).usable())

    async def _asked(self, item: Planned, route: Route, deadline: float) -> int | None:
        counting, client = COUNTING[route.provider.protocol], self._clients.of(route.provider)
        body = await self._in_turn(item, partial(_question, item, route, counting))
        if body is None:
            return None
        tap = item.ticket.tap
        heard = None if tap is None else tap.counting(item, route)
        fault: UpstreamFault | None = None
        tokens: int | None = None
        try:
            async with client.open(
                client.endpoint + counting.path, body, stream=False, extra_headers=item.ticket.upstream_headers
            ) as reply:
                if heard is not None:
                    heard.head(reply.status, reply.connected)
                if 200 <= reply.status < 300:
                    tokens = count_of_reply(await reply.read(_REPLY_LIMIT))
                    if heard is not None:
                        heard.counted(tokens)
                    return tokens
                fault = await reply.fault(now=self._now())
                why = f"status {fault.status}: {fault.detail or fault.message}"
        except httpx2.TransportError as error:
            fault, why = fault_of_exception(error), type(error).__name__
        except PeerError as error:
            fault, why = no_count(error.reason), error.reason
        finally:
            if heard is not None:
                if fault is None and tokens is None and trio.current_time() >= deadline:
                    fault = timeout(Expired("whole", PATIENCE))
                heard.ended(fault, complete=tokens is not None)
        log.warning(
            "%s %s did not count the tokens of %s: %s", item.ticket.request_id, route.provider.name, route.model, why
        )
        return None

    async def _in_turn(self, item: Planned, work: Callable[[], T]) -> T:
        if self._big_bodies is None or item.ticket.body_size <= BIG:
            return work()
        return await self._big_bodies.next_turn(work)


def _question(item: Planned, route: Route, counting: Counting) -> bytes | None:
    """What the provider is asked; None where the request cannot be said there."""
    encoded = encoded_for(item, route)
    return None if isinstance(encoded, Failed) else counting.request(encoded)


def _estimated(item: Planned) -> int:
    """For the route that is tried first."""
    route = item.routes[0]
    return estimate_input(item.conversation, model=route.model, protocol=route.provider.protocol)


def count(
    clients: Clients,
    *,
    limit: RateLimit | None = None,
    now: Callable[[], float] = time.time,
    big_bodies: BigBodies | None = None,
    health: Health | None = None,
) -> Node[Planned, Output | Failure]:
    """The node that counts the tokens of a request in place of answering it: `Planned` in; a whole response out.

    The response says in `X-HyperInfer-Estimated` whether the number is an estimate. `clients`: as for `call`. `limit`: the
    rate of each key (`admit.rate_limit`), for a pipeline with accounts: counting takes from it as other requests do. `now`:
    unix seconds. `big_bodies`: as in `decode`. `health`: that of `call`, whose open routes are not asked.
    """
    make = partial(Count, clients, limit, now, big_bodies, health)
    return stage(make, name="count", consumes=Planned, produces=Output | Failure)
