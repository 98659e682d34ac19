"""The provider call: one conversation to the events of one upstream's reply, with retries before the first output.

While no model output has come, a failed attempt may be repeated or go to another route; what came before (the start of
the message) is held back so that the client never sees a reply begin twice. After the first output every failure is
told in the stream.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

import trio

from hyperinfer.engine import Failure, Node, Sink, Stage, stage, step
from hyperinfer.nodes.attempt import Attempting, Clients, Outcome
from hyperinfer.nodes.items import Asked, Failed, Planned, Reply
from hyperinfer.nodes.ports import Attempt
from hyperinfer.providers.catalogue import Creator, Model

if TYPE_CHECKING:
    from hyperinfer.providers.catalogue import Route

PATIENCE = 5.0
"""Seconds that all waits between attempts may take together (RULES: Errors)."""

Jitter: TypeAlias = Callable[[], float]
"""A number from 0 to 1."""


class Call(Stage[Planned, Reply | Failure]):
    """One request. `retries`: attempts beyond the first."""

    def __init__(self, clients: Clients, now: Callable[[], float], jitter: Jitter, retries: int) -> None:
        self._clients, self._now, self._jitter, self._retries = clients, now, jitter, retries

    async def receive(self, item: Planned, sink: Sink[Reply | Failure]) -> None:
        """Calls until there is a reply, or nothing left to try."""
        ticket = item.ticket
        left = PATIENCE
        candidates = list(range(len(item.routes)))
        place = 0
        for attempt in range(self._retries + 1):
            index = candidates[place % len(candidates)]
            route = item.routes[index]
            began = trio.current_time()
            attempting = Attempting(item, route, index, self._clients, self._now)
            outcome = await attempting.run(sink)
            ticket.attempts.append(_record(route, outcome, trio.current_time() - began))
            fault = outcome.fault
            if fault is None:
                return
            if attempt == self._retries or not (fault.retryable or fault.failover):
                break
            if not fault.retryable:  # only another route may help
                candidates.pop(place % len(candidates))
                if not candidates:
                    break
                continue
            wait = self._pause(attempt, fault.retry_after)
            if len(candidates) > 1:
                place += 1
                if candidates[place % len(candidates)] != candidates[0]:
                    continue  # another route needs no pause
            if wait > left:
                break
            left -= wait
            await trio.sleep(wait)
        else:
            raise RuntimeError("an attempt left no outcome")
        await sink.send(
            Failed(
                fault.code,
                fault.message,
                fault.param,
                fault.retry_after,
                fault.details,
                ticket=ticket,
                headers=outcome.headers,
            )
        )

    def _pause(self, attempt: int, asked: float | None) -> float:
        """Seconds before the next attempt: as the upstream asked, else growing, with jitter."""
        if asked is not None:
            return asked
        return min(0.25 * float(2**attempt), 2.0) * (0.5 + self._jitter() / 2)


def _record(route: Route, outcome: Outcome, seconds: float) -> Attempt:
    fault = outcome.fault
    return Attempt(
        provider=route.provider.name,
        model=route.model,
        status=outcome.status,
        code=fault.code if fault is not None else outcome.late_code,
        ms=math.floor(seconds * 1000),
    )


def call(
    clients: Clients, *, now: Callable[[], float] = time.time, jitter: Jitter = random.random, retries: int = 2
) -> Node[Planned, Reply | Failure]:
    """The node. `now`: unix seconds, for dates in `Retry-After`."""
    return stage(
        partial(Call, clients, now, jitter, retries), name="call", consumes=Planned, produces=Reply | Failure
    )


def to_routes(routes: Sequence[Route], slug: str = "") -> Node[Asked, Planned]:
    """A step for pipelines without a catalogue: every request goes to these routes."""
    first = routes[0]
    model = Model(
        slug=slug or first.model,
        name=first.model,
        creator=Creator(first.provider.name, first.provider.name),
        context_length=0,
        max_output_tokens=4096,
        pricing=first.pricing,
        routes=tuple(routes),
    )

    def plan(asked: Asked) -> Planned:
        return Planned(asked.ticket, asked.conversation, model, model.routes)

    return step(plan, name="route", consumes=Asked, produces=Planned)
