"""Which routes may serve a request."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from hyperinfer.engine import Failure, Node, step
from hyperinfer.nodes.items import Asked, Failed, Planned
from hyperinfer.providers.catalogue import Creator, Model

if TYPE_CHECKING:
    from hyperinfer.providers.catalogue import Catalogue, Route

log = logging.getLogger("hyperinfer.routes")

_NAME = 100
"""Characters of an unknown model's name that are said back."""


def route(catalogue: Callable[[], Catalogue]) -> Node[Asked, Planned | Failure]:
    """The node that looks up the model that was asked for: `Asked` in, `Planned` out, or a `Failed`.

    For a pipeline that serves many models; one that serves one has `to_model` or `to_routes` in this place. `catalogue`
    gives the catalogue of the moment, which may change between requests. An unknown model is a 400, one that is not on the
    key's list a 403, one without a route that can be called a 502.
    """
    turns = itertools.count()

    def choose(asked: Asked) -> Planned | Failure:
        slug, ticket = asked.conversation.model, asked.ticket
        current = catalogue()
        model = current.model(slug)
        if model is None:
            message = f"The model '{slug[:_NAME]}' is not in this gateway's catalogue. GET /api/v1/models lists what is."
            return Failed("invalid_request", message, param="model", ticket=ticket)
        allowed = ticket.principal.models if ticket.principal is not None else None
        if allowed is not None and slug not in allowed:
            message = f"This key may not use the model '{slug}'."
            return Failed("model_not_allowed", message, param="model", ticket=ticket)
        routes = in_order(model, current.routes_for(slug), next(turns))
        if not routes:
            missing = sorted({name for route in model.routes for name in route.provider.missing})
            log.warning("%s '%s' has no route that can be called; unset: %s", ticket.request_id, slug, ", ".join(missing))
            message = f"No provider of '{slug}' is set up on this gateway."
            return Failed("provider_unavailable", message, ticket=ticket)
        return Planned(ticket, asked.conversation, model, routes)

    return step(choose, name="route", consumes=Asked, produces=Planned | Failure)


def to_model(catalogue: Catalogue, slug: str) -> Node[Asked, Planned]:
    """The node that sends every request to one model of a catalogue, whatever model it names: `Asked` in, `Planned` out.

    Raises ValueError when the catalogue has no such model, or when none of its routes can be called, naming the variables
    that are unset: `shipped_catalogue(os.environ)` sees the environment, `shipped_catalogue()` does not.
    """
    model, routes = catalogue.model(slug), catalogue.routes_for(slug)
    if model is None:
        raise ValueError(f"the catalogue has no model {slug!r}")
    if not routes:
        missing = sorted({name for route in model.routes for name in route.provider.missing})
        raise ValueError(f"no route of {slug!r} can be called; unset: {', '.join(missing)}")
    return _to(model, routes)


def to_routes(routes: Sequence[Route], slug: str = "") -> Node[Asked, Planned]:
    """The node that sends every request to these routes, for a pipeline without a catalogue: `Asked` in, `Planned` out.

    `slug`: what the reply calls the model, by default the upstream's own name for it. Raises ValueError when there is no
    route.
    """
    if not routes:
        raise ValueError("no route: is the provider's key set?")
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
    return _to(model, model.routes)


def _to(model: Model, routes: Sequence[Route]) -> Node[Asked, Planned]:
    turns = itertools.count()

    def plan(asked: Asked) -> Planned:
        return Planned(asked.ticket, asked.conversation, model, in_order(model, routes, next(turns)))

    return step(plan, name="route", consumes=Asked, produces=Planned)


def in_order(model: Model, routes: Sequence[Route], turn: int) -> tuple[Route, ...]:
    """The routes in the order of trying. The first goes round by weight, the rest follow by weight, heaviest first.

    A route of weight 0 is tried only after the others.
    """
    if len(routes) < 2:
        return tuple(routes)
    total = sum(route.weight for route in routes)
    ranked = sorted(routes, key=lambda route: -route.weight)  # stable: the order of the file among equals
    if total <= 0:
        return tuple(ranked)
    # The golden ratio spreads the turns evenly over the weights without any state but the counter.
    place = (turn * 0.6180339887498949) % 1.0 * total
    for first in ranked:
        if place < first.weight:
            return (first, *(route for route in ranked if route is not first))
        place -= first.weight
    return tuple(ranked)
