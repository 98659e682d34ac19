"""The size of a hold."""

from __future__ import annotations

from dataclasses import replace

import msgspec

from hyperinfer.formats import FORMATS
from hyperinfer.nodes.admit import hold_of
from hyperinfer.nodes.items import Choice, Planned, Ticket
from hyperinfer.providers.catalogue import Model, Pricing
from tests.support.bench import asked, catalogue

MODELS = catalogue().models


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


def test_a_hold_covers_the_dearest_model_of_a_request() -> None:
    plan = planned(MODELS["test/openai_chat"], max_tokens=10)
    dear = replace(plan.model, context_length=50)
    other = Choice(dear, (replace(plan.routes[0], pricing=Pricing(10**9, 0, 0, 0, 0)),))
    assert hold_of(msgspec.structs.replace(plan, fallbacks=(other,))) == 10**9 * 50
    assert hold_of(msgspec.structs.replace(plan, fallbacks=(Choice(plan.model, plan.routes),))) == hold_of(plan)
