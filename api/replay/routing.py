"""Which routes were asked when a request was recorded, and when: these are asked again, then."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import msgspec

from hyperinfer.engine import recording as rec
from hyperinfer.nodes.concurrency import Room, Rooms
from hyperinfer.nodes.stickiness import Conversations, Served

if TYPE_CHECKING:
    from hyperinfer.api.replay.timeline import Timeline
    from hyperinfer.formats.upstream_errors import UpstreamFault
    from hyperinfer.providers.catalogue import Catalogue, Provider, Route


class Asked(msgspec.Struct, frozen=True):
    """A route, as recordings name it. `slug`: of the model in the catalogue, which may share its providers with others;
    empty where that is not told."""

    slug: str
    provider: str
    model: str


class RecordedHealth:
    """The port `nodes.ports.Health`: routes can be used where, and when, they were asked.

    So the same routes are asked in the same order, whatever chose them then: weights, breakers, what had been measured, or
    where the conversation was served before. Until the request is `admitted` it is the route that was planned first that can
    be used, and from then on the one that was asked next. `next`: the attempt that was made next, None after the last one.
    """

    def __init__(self, catalogue: Catalogue, lines: Sequence[rec.Line], next: Callable[[], rec.Attempt | None]) -> None:
        self._slugs = {id(route): model.slug for model in catalogue.models.values() for route in model.routes}
        self._next = next
        self.first = first_asked(lines)
        self.admitted = False

    def of(self, route: Route) -> _RouteHealth:
        """See the port."""
        return _RouteHealth(self, route)

    def usable(self, route: Route) -> bool:
        """See `ports.RouteHealth`."""
        if not self.admitted:
            return self.first is None or self._is(route, self.first)
        attempt = self._next()
        return attempt is not None and self._is(route, Asked(attempt.slug, attempt.provider, attempt.model))

    def _is(self, route: Route, asked: Asked) -> bool:
        if (asked.provider, asked.model) != (route.provider.name, route.model):
            return False
        return not asked.slug or asked.slug == self._slugs.get(id(route))


def first_asked(lines: Sequence[rec.Line]) -> Asked | None:
    """The route that was tried first, or would have been; None where that is not told."""
    for line in lines:
        if isinstance(line, rec.Attempt):
            return Asked(line.slug, line.provider, line.model)
        if isinstance(line, rec.Plan) and line.routes:
            return msgspec.convert(line.routes[0], Asked)
    return None


class _RouteHealth:
    closed = False

    def __init__(self, health: RecordedHealth, route: Route) -> None:
        self._health, self._route = health, route

    def usable(self) -> bool:
        return self._health.usable(self._route)

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

    def __init__(self, next: Callable[[], rec.Attempt | None], timeline: Timeline) -> None:
        super().__init__()
        self._room = _Room(next, timeline)

    def of(self, provider: Provider) -> Room:
        """See `Rooms`."""
        return self._room


class _Room(Room):
    __slots__ = ("_next", "_timeline")

    def __init__(self, next: Callable[[], rec.Attempt | None], timeline: Timeline) -> None:
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
    """Where conversations were served: by the route that was tried first."""

    def __init__(self, first: Asked | None) -> None:
        super().__init__()
        self._first = None if first is None else (first.provider, first.model)

    def __len__(self) -> int:
        return 0 if self._first is None else 1

    def served_by(self, point: int, now: float) -> Served | None:
        """See `Conversations`."""
        return self._first
