"""The order in which routes are tried, and the size of a hold."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from hyperinfer.formats import FORMATS
from hyperinfer.nodes.admit import hold_of
from hyperinfer.nodes.items import Planned, Ticket
from hyperinfer.nodes.route import in_order
from hyperinfer.providers.catalogue import Model, Pricing, Route
from tests.support.bench import asked, catalogue

MODELS = catalogue().models


def weighted(*weights: float) -> tuple[Model, tuple[Route, ...]]:
    model = MODELS["test/twice"]
    routes = tuple(replace(model.routes[0], model=str(number), weight=weight) for number, weight in enumerate(weights))
    return replace(model, routes=routes), routes


def test_first_by_weight_then_the_heaviest() -> None:
    model, routes = weighted(1, 3, 0)
    orders = Counter("".join(r.model for r in in_order(model, routes, turn)) for turn in range(4000))
    assert set(orders) == {"102", "012"}
    assert orders["102"] == pytest.approx(3000, abs=5)


def test_weights_of_nothing_keep_the_order_of_the_file() -> None:
    model, routes = weighted(0, 0)
    assert in_order(model, routes, 7) == routes
    assert in_order(model, routes[:1], 7) == routes[:1]
    assert in_order(model, (), 7) == ()


def planned(model: Model, **fields: int) -> Planned:
    body = asked("openai_chat", "x", stream=False, **fields)
    ticket = Ticket(request_id="r", format=FORMATS["openai_chat"], created=0, started=0.0, body_size=300)
    return Planned(ticket, FORMATS["openai_chat"].decode_request(body), model, model.routes)


def test_a_hold_is_what_the_dearest_route_may_cost() -> None:
    cheap = MODELS["test/openai_chat"]
    dear = replace(cheap.routes[0], pricing=Pricing(5, 7, 1, 1, 1))
    model = replace(cheap, routes=(dear, replace(dear, pricing=Pricing(1, 1, 9, 1, 1))), max_output_tokens=40)
    assert hold_of(planned(model)) == 9 * 101 + 1 * 40
    assert hold_of(planned(replace(model, max_output_tokens=64_000))) == 5 * 101 + 7 * 64_000
    assert hold_of(planned(model, max_tokens=1000)) == 9 * 101 + 40
    assert hold_of(planned(replace(model, routes=(dear,)), max_tokens=10, n=3)) == 5 * 101 + 7 * 30
    assert hold_of(planned(replace(model, context_length=50))) == 5 * 50 + 7 * 40
    unlimited = replace(model, max_output_tokens=0, context_length=50)
    assert hold_of(planned(unlimited, max_tokens=10**18)) == 5 * 50 + 7 * 50
