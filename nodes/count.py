"""How many tokens a request has: asked of a provider that counts, else estimated."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import httpx2
import trio

from hyperinfer.engine import Failure, Node, Sink, Stage, stage
from hyperinfer.formats import COUNTING
from hyperinfer.formats.counting import count_of_reply
from hyperinfer.formats.errors import PeerError
from hyperinfer.formats.tokens import estimate_input
from hyperinfer.nodes.call import encoded_for
from hyperinfer.nodes.items import Failed, Output, Planned
from hyperinfer.nodes.reply_writer import identity_headers, response

if TYPE_CHECKING:
    from hyperinfer.nodes.admit import RateLimit
    from hyperinfer.nodes.attempt import Clients
    from hyperinfer.providers.catalogue import Route

log = logging.getLogger("hyperinfer.upstream")

PATIENCE = 5.0
"""Seconds that providers have to count, together: clients ask often, and wait."""

_REPLY_LIMIT = 64 * 1024
"""Bytes of a reply, which is one number."""


class Count(Stage[Planned, Output | Failure]):
    """Answers one request. Nothing is held and nothing is billed."""

    def __init__(self, clients: Clients, limit: RateLimit | None, now: Callable[[], float]) -> None:
        self._clients, self._limit, self._now = clients, limit, now

    async def receive(self, item: Planned, sink: Sink[Output | Failure]) -> None:
        """One request."""
        ticket = item.ticket
        if self._limit is not None and (refusal := await self._limit(ticket)) is not None:
            await sink.send(refusal)
            return
        counted = await self._counted(item)
        tokens = _estimated(item) if counted is None else counted
        mark = ("x-hyperinfer-estimated", "true" if counted is None else "false")
        body = COUNTING[ticket.format.dialect].encode_reply(tokens)
        for part in response(200, body, ticket, (*identity_headers(ticket), mark)):
            await sink.send(part)

    async def _counted(self, item: Planned) -> int | None:
        """What a provider counted; None where none does, or none did in time."""
        with trio.move_on_after(PATIENCE):
            for route in item.routes:
                if route.provider.count_tokens and (tokens := await self._asked(item, route)) is not None:
                    return tokens
        return None

    async def _asked(self, item: Planned, route: Route) -> int | None:
        encoded = encoded_for(item, route)
        if isinstance(encoded, Failed):
            return None
        counting, client = COUNTING[route.provider.protocol], self._clients.of(route.provider)
        path, body = client.endpoint + counting.path, counting.request(encoded)
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


def _estimated(item: Planned) -> int:
    """For the route that is tried first."""
    route = item.routes[0]
    return estimate_input(item.conversation, model=route.model, protocol=route.provider.protocol)


def count(
    clients: Clients, *, limit: RateLimit | None = None, now: Callable[[], float] = time.time
) -> Node[Planned, Output | Failure]:
    """The node that counts the tokens of a request in place of answering it: `Planned` in; a whole response out.

    The response says in `X-HyperInfer-Estimated` whether the number is an estimate. `clients`: as for `call`. `limit`: the
    rate of each key (`admit.rate_limit`), for a pipeline with accounts: counting takes from it as other requests do. `now`:
    unix seconds.
    """
    return stage(partial(Count, clients, limit, now), name="count", consumes=Planned, produces=Output | Failure)
