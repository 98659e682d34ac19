"""How many tokens a request has: asked of a provider that counts, else estimated."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import httpx2
import trio

from hyperinfer.engine import Failure, Node, Sink, Stage, stage
from hyperinfer.formats import COUNTING
from hyperinfer.formats.counting import count_of_reply
from hyperinfer.formats.errors import PeerError
from hyperinfer.formats.tokens import estimate_input
from hyperinfer.nodes.big_bodies import BIG, BigBodies
from hyperinfer.nodes.call import encoded_for
from hyperinfer.nodes.items import Failed, Output, Planned
from hyperinfer.nodes.reply_writer import identity_headers, response

if TYPE_CHECKING:
    from hyperinfer.formats.counting import Counting
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
        with trio.move_on_after(PATIENCE):
            for route in item.routes:
                if self._counts(route) and (tokens := await self._asked(item, route)) is not None:
                    return tokens
        return None

    def _counts(self, route: Route) -> bool:
        """One that is left alone is not waited for either: there is the estimate."""
        return route.provider.count_tokens and (self._health is None or self._health.of(route).usable())

    async def _asked(self, item: Planned, route: Route) -> int | None:
        counting, client = COUNTING[route.provider.protocol], self._clients.of(route.provider)
        body = await self._in_turn(item, partial(_question, item, route, counting))
        if body is None:
            return None
        path = client.endpoint + counting.path
        try:
            async with client.open(path, body, stream=False, extra_headers=item.ticket.upstream_headers) as reply:
                if 200 <= reply.status < 300:
                    return count_of_reply(await reply.read(_REPLY_LIMIT))
                fault = await reply.fault(now=self._now())
                why = f"status {fault.status}: {fault.detail or fault.message}"
        except httpx2.TransportError as error:
            why = type(error).__name__
        except PeerError as error:
            why = error.reason
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
