"""Which models and routes may serve a request."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

from hyperinfer.engine import Failure, Node, step
from hyperinfer.nodes.choosing import Choosing
from hyperinfer.nodes.items import DO_NOT_RETRY, Asked, Choice, Failed, Planned
from hyperinfer.nodes.preferences import barred_by, none_left
from hyperinfer.providers.catalogue import Creator, Model

if TYPE_CHECKING:
    from hyperinfer.formats.routing import Sort
    from hyperinfer.nodes.items import Ticket
    from hyperinfer.providers.catalogue import Catalogue, Route, RouteBy

log = logging.getLogger("hyperinfer.routes")

_NAME = 100
"""Characters of an unknown model's name that are said back."""

_COMPARED = 200
"""Models of a catalogue with which an unknown name is compared at most, beside those that end with it."""

_VARIANTS: dict[str, Sort] = {":nitro": "throughput", ":floor": "price"}
"""Ends of a model's name that are short for a sort, as OpenRouter has them."""


class _Wanted(NamedTuple):
    """A model that a request names, with the routes to it that can be called and may serve. `by`: what they go by."""

    model: Model
    by: RouteBy
    routes: tuple[Route, ...]


def route(catalogue: Callable[[], Catalogue], choosing: Choosing | None = None) -> Node[Asked, Planned | Failure]:
    """The node that looks up the model that was asked for: `Asked` in, `Planned` out, or a `Failed`.

    For a pipeline that serves many models; one that serves one has `to_model` or `to_routes` in this place. `catalogue`
    gives the catalogue of the moment, which may change between requests. `choosing`: which routes are tried first; one
    object for all pipelines of a process. An unknown model is a 400, one that is not on the key's list a 403, one without
    a route that can be called a 502; preferences that leave no route are a 400 that names them.
    """
    orders = choosing or Choosing()

    def choose(asked: Asked) -> Planned | Failure:
        slug, ticket = asked.conversation.model, asked.ticket
        current = catalogue()
        model = current.model(slug)
        if model is None or asked.conversation.routing is not None:
            return _preferred(asked, current, orders)
        allowed = ticket.principal.models if ticket.principal is not None else None
        if allowed is not None and slug not in allowed:
            return _not_allowed(slug, "model", ticket)
        routes = current.routes_for(slug)
        if len(routes) == 1:
            return Planned(ticket, asked.conversation, model, routes)
        if not routes:
            return _not_set_up(model, ticket)
        chosen = orders.among(routes, model.route_by, slug, asked)
        return Planned(ticket, asked.conversation, model, chosen.routes, served=chosen.served, by=chosen.by)

    return step(choose, name="route", consumes=Asked, produces=Planned | Failure)


def _preferred(asked: Asked, catalogue: Catalogue, orders: Choosing) -> Planned | Failed:
    """The plan of a request that names several models, or says who may serve it."""
    ticket, routing = asked.ticket, asked.conversation.routing
    allowed = ticket.principal.models if ticket.principal is not None else None
    named = {asked.conversation.model: "model"}
    for place, name in enumerate(() if routing is None else routing.models):
        named.setdefault(name, f"models[{place}]")
    wanted: list[_Wanted] = []
    barred: list[Route] = []
    unset: list[Model] = []
    for name, path in named.items():
        model, sort = _model(catalogue, name)
        if model is None:
            message = f"The model '{name[:_NAME]}' is not in this gateway's catalogue{_meant(name, catalogue)}"
            message += " GET /api/v1/models lists what is."
            return Failed("invalid_request", message, param=path, ticket=ticket)
        if allowed is not None and model.slug not in allowed:
            return _not_allowed(model.slug, path, ticket)
        routes = catalogue.routes_for(model.slug)
        if not routes:
            unset.append(model)
        if routing is not None:
            sort = routing.sort or sort
            barred += [route for route in routes if barred_by(route, routing)]
            routes = tuple([route for route in routes if barred_by(route, routing) is None])
        if routes:
            wanted.append(_Wanted(model, sort or model.route_by, routes))
    if routing is not None and barred and not wanted:
        param, said = none_left(barred, routing)
        message = f"The request's preferences leave no provider of '{', '.join(named)[:_NAME]}'. Left out: {said}."
        return Failed("invalid_request", message, param=param, ticket=ticket)
    if not wanted:
        return _not_set_up(unset[0], ticket)
    if routing is not None and routing.require_parameters:
        ticket.strict = True
    first, *rest = (
        _across(asked, wanted, orders) if routing is not None and routing.across_models else _each(asked, wanted, orders)
    )
    return Planned(
        ticket, asked.conversation, first.model, first.routes, served=first.served, by=first.by, fallbacks=tuple(rest)
    )


def _model(catalogue: Catalogue, name: str) -> tuple[Model | None, Sort | None]:
    """The model of that name, or of the name before a variant."""
    model = catalogue.model(name)
    if model is None:
        for end, sort in _VARIANTS.items():
            if name.endswith(end):
                return catalogue.model(name.removesuffix(end)), sort
    return model, None


def _each(asked: Asked, wanted: list[_Wanted], orders: Choosing) -> list[Choice]:
    """One model after the other."""
    chosen = [(model, orders.among(routes, by, model.slug, asked)) for model, by, routes in wanted]
    return [Choice(model, *found) for model, found in chosen]


def _across(asked: Asked, wanted: list[_Wanted], orders: Choosing) -> list[Choice]:
    """All routes of all models in one order; neighbours of one model together."""
    owner = {id(route): model for model, _, routes in wanted for route in routes}
    every = tuple(route for _, _, routes in wanted for route in routes)
    routes, served, why = orders.among(every, wanted[0].by, wanted[0].model.slug, asked)
    return [
        Choice(owner[id(neighbours[0])], neighbours, served, why)
        for neighbours in (tuple(group) for _, group in groupby(routes, lambda route: owner[id(route)].slug))
    ]


def _meant(name: str, catalogue: Catalogue) -> str:
    """Which model may have been meant: the creator before the name was left out, or it is misspelt."""
    if len(name) > _NAME:
        return "."
    whole = [slug for slug in catalogue.models if slug.endswith(f"/{name}")]
    # What anybody may cause is bounded.
    near = whole or (get_close_matches(name, catalogue.models, 1, 0.7) if len(catalogue.models) <= _COMPARED else [])
    return f"; did you mean '{near[0]}'?" if near else "."


def _not_allowed(slug: str, param: str, ticket: Ticket) -> Failed:
    message = f"This key may not use the model '{slug}'; GET /api/v1/key says which it may."
    return Failed("model_not_allowed", message, param=param, ticket=ticket)


def _not_set_up(model: Model, ticket: Ticket) -> Failed:
    missing = sorted({name for route in model.routes for name in route.provider.missing})
    log.warning("%s '%s' has no route that can be called; unset: %s", ticket.request_id, model.slug, ", ".join(missing))
    message = f"No provider of '{model.slug}' is set up on this gateway: GET /api/v1/models says which are `available`."
    return Failed("provider_unavailable", message, ticket=ticket, headers=DO_NOT_RETRY)


def to_model(catalogue: Catalogue, slug: str) -> Node[Asked, Planned]:
    """The node that sends every request to one model of a catalogue, whatever model it names: `Asked` in, `Planned` out.

    Raises ValueError when the catalogue has no such model, or when none of its routes can be called, naming the variables
    that are unset: `shipped_catalogue(os.environ)` sees the environment, `shipped_catalogue()` does not.
    """
    model, routes = catalogue.model(slug), catalogue.routes_for(slug)
    if model is None:
        from hyperinfer.providers.catalogue_yaml import did_you_mean

        near = did_you_mean(slug, catalogue.models)
        raise ValueError(f"the catalogue has no model {slug!r}{near}")
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
    orders, callable_routes = Choosing(), tuple(routes)

    def plan(asked: Asked) -> Planned:
        chosen = orders.among(callable_routes, model.route_by, model.slug, asked)
        return Planned(asked.ticket, asked.conversation, model, chosen.routes, served=chosen.served, by=chosen.by)

    return step(plan, name="route", consumes=Asked, produces=Planned)
