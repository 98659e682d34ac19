"""Which of a model's routes a request is given: the policy of the catalogue or of the caller for a new conversation, and for
one that goes on the route that holds its prompt cache and can read its opaque reasoning."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeAlias, cast

import trio

from hyperinfer.nodes.preferences import by_name
from hyperinfer.nodes.route_order import by_latency, by_price, by_throughput, by_weight, usable_first
from hyperinfer.nodes.stickiness import Conversations, point_of, vendor_of

if TYPE_CHECKING:
    from hyperinfer.nodes.items import Asked
    from hyperinfer.nodes.ports import ChosenBy
    from hyperinfer.nodes.route_order import Vital
    from hyperinfer.providers.catalogue import Route, RouteBy

Served: TypeAlias = "Callable[[Route], None]"
"""To be told which route has served a request."""


class Chosen(NamedTuple):
    """Routes in the order of trying. `served`: None where nothing depends on it. `by`: why the first is; None of one."""

    routes: tuple[Route, ...]
    served: Served | None
    by: ChosenBy | None


class Choosing:
    """Orders routes, for one process. `health`: how they are doing; without it all are well, and none is measured.
    `conversations`: where each is served. `clock`: steady, in seconds."""

    def __init__(
        self,
        health: Vital | None = None,
        conversations: Conversations | None = None,
        clock: Callable[[], float] = trio.current_time,
    ) -> None:
        self._health, self._clock = health, clock
        self._conversations = Conversations() if conversations is None else conversations

    def among(self, routes: Sequence[Route], by: RouteBy, slug: str, asked: Asked) -> Chosen:
        """`routes`: those that may serve the request, in the order of the catalogue. `by`: what a new conversation goes by.
        `slug`: of the model that was asked for."""
        if len(routes) < 2:
            return Chosen(tuple(routes), None, None)
        ticket, conversation, conversations = asked.ticket, asked.conversation, self._conversations
        workspace = "" if ticket.principal is None else ticket.principal.workspace
        routing = conversation.routing
        point = point_of(workspace, slug, conversation) if by == "weight" or len(conversations) else None
        ranked = self._ranked(routes, by, point)
        # The route that this conversation is given every time. What was measured, and what a caller wishes, may be another
        # next time.
        anyway = None if by in ("latency", "throughput") or routing is not None else ranked[0]
        why, first = cast("ChosenBy", by), ranked[0]
        if point is not None and len(conversations) and (kept := conversations.served_by(point, self._clock())):
            ranked.sort(key=lambda route: (route.provider.name, route.model) != kept)
            why, first = ("conversation", ranked[0]) if ranked[0] is not first else (why, first)
        vendor = ranked[0].provider.vendor
        if any(route.provider.vendor != vendor for route in ranked) and (maker := vendor_of(conversation)):
            ranked.sort(key=lambda route: route.provider.vendor != maker)
            why, first = ("reasoning", ranked[0]) if ranked[0] is not first else (why, first)
        if routing is not None and routing.order:
            ranked = by_name(ranked, routing.order)
            why, first = ("request", ranked[0]) if ranked[0] is not first else (why, first)
        ranked = usable_first(ranked, self._health)
        if ranked[0] is not first:
            why = "failover"
        if routing is not None and not routing.allow_fallbacks and not routing.order:
            del ranked[1:]

        def served(route: Route) -> None:
            if route is anyway and not len(conversations):
                return
            place = point_of(workspace, slug, conversation) if point is None else point
            if route is anyway:
                conversations.forget(place)
            else:
                conversations.keep(place, route, self._clock())

        return Chosen(tuple(ranked), served, why)

    def _ranked(self, routes: Sequence[Route], by: RouteBy, point: int | None) -> list[Route]:
        if by == "weight" and point is not None:
            return by_weight(routes, point)
        if by == "price":
            return by_price(routes)
        if by == "latency":
            return by_latency(routes, self._health)
        if by == "throughput":
            return by_throughput(routes, self._health)
        return list(routes)
