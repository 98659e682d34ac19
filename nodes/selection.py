"""The way of one request to a route that it may ask now: past open breakers and full providers, after the pauses that are
due."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import msgspec
import trio

from hyperinfer.nodes.concurrency import Room
from hyperinfer.nodes.items import Failed
from hyperinfer.nodes.measures import Measures
from hyperinfer.nodes.ports import RouteHealth
from hyperinfer.nodes.refusal import shutting_down
from hyperinfer.nodes.retry import Retrying
from hyperinfer.providers.catalogue import Route

if TYPE_CHECKING:
    from hyperinfer.engine import Drain
    from hyperinfer.formats.upstream_errors import UpstreamFault
    from hyperinfer.nodes.concurrency import Rooms
    from hyperinfer.nodes.items import Planned
    from hyperinfer.nodes.ports import Health
    from hyperinfer.nodes.retry import Jitter
    from hyperinfer.nodes.tap import WaitsFor

_FULL = "provider_overloaded"
"""Said where there was no place."""


@dataclass(frozen=True, slots=True)
class Ways:
    """What is the same for all requests. `retries`: attempts beyond the first. `measures`: is told how it went."""

    health: Health
    rooms: Rooms
    jitter: Jitter
    retries: int
    drain: Drain | None
    measures: Measures = field(default_factory=Measures)


class Chosen(msgspec.Struct, eq=False):
    """A route that is asked now. `attempt`: the number of this attempt there. `room`: where it has taken a place."""

    route: Route
    health: RouteHealth
    attempt: int
    room: Room | None = None

    def leave(self) -> None:
        """The attempt is over, or never was made."""
        if not self.health.closed:
            self.health.left(self.attempt)
        if self.room is not None:
            self.room.leave()


class Selection:
    """The routes that one request asks, one after the other. Each method gives the next one, which is to be left again;
    what to tell the client in its place; or None, where there is nothing left to ask. `item`: the plan that the route is of,
    which is that of another model once nothing is left of the one before.
    """

    def __init__(self, item: Planned, ways: Ways) -> None:
        self._ways, self._drain = ways, ways.drain
        self._take(item)

    def _take(self, item: Planned) -> None:
        ways = self._ways
        self.item = item
        self._healths = [ways.health.of(route) for route in item.routes]
        self._rooms = [ways.rooms.of(route.provider) for route in item.routes]
        self._retrying = Retrying(
            self._healths, self._rooms, retries=ways.retries, jitter=ways.jitter, last=not item.fallbacks
        )

    async def first(self) -> Chosen | Failed | None:
        """To begin with."""
        return await self._reach(self._retrying.choose(trio.current_time()))

    async def after_unfit(self) -> Chosen | Failed | None:
        """After one that cannot express the request."""
        return await self._reach(self._retrying.unfit(trio.current_time()))

    async def after(self, fault: UpstreamFault) -> Chosen | Failed | None:
        """After one that failed before any output."""
        return await self._reach(self._retrying.failed(fault, trio.current_time()))

    async def _reach(self, wait: float | None) -> Chosen | Failed | None:
        found = await self._reach_here(wait)
        while self.item.fallbacks and (found is None or (isinstance(found, Failed) and found.code == _FULL)):
            self._take(self.item.next())
            found = await self._reach_here(self._retrying.choose(trio.current_time()))
        return found

    async def _reach_here(self, wait: float | None) -> Chosen | Failed | None:
        """Among the routes of one model."""
        retrying = self._retrying
        while wait is not None:
            if wait:
                if not await self._waited("pause", wait, partial(_slept, wait)):
                    return shutting_down(self.item.ticket)
                wait = retrying.choose(trio.current_time())  # others may have found out something meanwhile
                continue
            place = retrying.route
            room = self._rooms[place]
            if room is not None and not room.enter():
                began = trio.current_time()
                entered = await self._waited("place", retrying.queue, partial(room.wait, retrying.queue))
                if entered is None:
                    return shutting_down(self.item.ticket)
                if not entered:
                    return _full(self.item)
                retrying.queued(trio.current_time(), began)
            health = self._healths[place]
            return Chosen(self.item.routes[place], health, health.begin(), room)
        return None

    async def _waited(self, what: WaitsFor, seconds: float, waiting: Callable[[], Awaitable[bool]]) -> bool | None:
        """None where the gateway's grace ended before that."""
        tap = self.item.ticket.tap
        if tap is None:
            return await self._before_hard_end(waiting)
        tap.waits(what, seconds)
        try:
            return await self._before_hard_end(waiting)
        finally:
            tap.waited()

    async def _before_hard_end(self, waiting: Callable[[], Awaitable[bool]]) -> bool | None:
        if self._drain is None:
            return await waiting()
        done: bool | None = None
        with self._drain.until_hard_end():
            done = await waiting()
        return done


async def _slept(seconds: float) -> bool:
    await trio.sleep(seconds)
    return True


def _full(item: Planned) -> Failed:
    message = "The gateway has as many requests at the providers of this model as it may; send the request again."
    return Failed(_FULL, message, retry_after=1.0, ticket=item.ticket)
