"""Which routes were asked when a request was recorded, and when: these are asked again, then."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hyperinfer.nodes.concurrency import Room, Rooms
from hyperinfer.nodes.stickiness import Conversations, Served

if TYPE_CHECKING:
    from collections.abc import Callable

    from hyperinfer.api.replay.timeline import Timeline
    from hyperinfer.engine.recording import Attempt
    from hyperinfer.formats.upstream_errors import UpstreamFault
    from hyperinfer.providers.catalogue import Catalogue, Provider, Route


class RecordedHealth:
    """The port `nodes.ports.Health`: of all routes the one can be used that was asked next.

    So the same routes are asked in the same order, whatever chose them then: weights, breakers, what had been measured, or
    where the conversation was served before. `next`: the attempt that was made next, None after the last one. `free`: routes
    that can be used all the same. Models may share providers: each has routes of its own to them.
    """

    def __init__(self, catalogue: Catalogue, next: Callable[[], Attempt | None], free: Callable[[Route], bool]) -> None:
        self._slugs = {id(route): model.slug for model in catalogue.models.values() for route in model.routes}
        self._next, self._free = next, free

    def of(self, route: Route) -> _RouteHealth:
        """See the port."""
        return _RouteHealth(self, route)

    def asked_next(self, route: Route) -> bool:
        """Whether it was."""
        if self._free(route):
            return True
        attempt = self._next()
        if attempt is None or (attempt.provider, attempt.model) != (route.provider.name, route.model):
            return False
        return not attempt.slug or attempt.slug == self._slugs.get(id(route))


class _RouteHealth:
    closed = False

    def __init__(self, health: RecordedHealth, route: Route) -> None:
        self._health, self._route = health, route

    def usable(self) -> bool:
        return self._health.asked_next(self._route)

    def pause_left(self) -> float:
        return 0.0

    def latency(self) -> float | None:
        return None

    def throughput(self) -> float | None:
        return None

    def begin(self) -> int:
        return 0

    def answered(self, attempt: int) -> None:
        pass

    def failed(self, attempt: int, fault: UpstreamFault, *, answered: bool) -> None:
        pass

    def left(self, attempt: int) -> None:
        pass

    def measured(self, now: float, *, latency: float | None, throughput: float | None) -> None:
        pass


class RecordedRooms(Rooms):
    """Places at providers: each attempt gets its own when it did, whatever it had waited for. `next`: as in
    RecordedHealth."""

    def __init__(self, next: Callable[[], Attempt | None], timeline: Timeline) -> None:
        super().__init__()
        self._room = _Room(next, timeline)

    def of(self, provider: Provider) -> Room:
        """See `Rooms`."""
        return self._room


class _Room(Room):
    __slots__ = ("_next", "_timeline")

    def __init__(self, next: Callable[[], Attempt | None], timeline: Timeline) -> None:
        super().__init__(1)
        self._next, self._timeline = next, timeline

    @property
    def full(self) -> bool:
        return False

    def enter(self) -> bool:
        attempt = self._next()
        return attempt is None or attempt.at <= self._timeline.now

    async def wait(self, seconds: float) -> bool:
        attempt = self._next()
        if attempt is not None:
            await self._timeline.reach(attempt.at)
        return True

    def leave(self) -> None:
        pass


class RecordedConversations(Conversations):
    """Where conversations were served: by the route that was tried first. `first`: provider and model; None: it is not
    known."""

    def __init__(self, first: Served | None) -> None:
        super().__init__()
        self._first = first

    def __len__(self) -> int:
        return 0 if self._first is None else 1

    def served_by(self, point: int, now: float) -> Served | None:
        """See `Conversations`."""
        return self._first
