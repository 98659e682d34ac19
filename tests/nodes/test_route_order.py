"""The order in which the routes of a model are tried."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperinfer.nodes.route_order import by_latency, by_price, by_throughput, by_weight, usable_first
from hyperinfer.providers.catalogue import Pricing, Route
from tests.support.bench import catalogue
from tests.support.vitals import ToldHealth

ROUTE = catalogue().models["test/twice"].routes[0]
MEASURES = st.none() | st.floats(0.01, 100)


def routes(*weights: float) -> list[Route]:
    return [replace(ROUTE, model=str(number), weight=weight) for number, weight in enumerate(weights)]


def priced(*prices: tuple[int, int]) -> list[Route]:
    return [
        replace(ROUTE, model=str(number), pricing=Pricing(prompt, completion, 0, 0, 0))
        for number, (prompt, completion) in enumerate(prices)
    ]


def names(order: list[Route]) -> str:
    return "".join(route.model for route in order)


def test_over_many_conversations_the_first_routes_are_shared_by_weight() -> None:
    many = 20_000
    firsts = Counter(by_weight(routes(1, 3, 0, 6), point * 0x9E3779B97F4A7C15 % 2**64)[0].model for point in range(many))
    for model, share in {"0": 0.1, "1": 0.3, "3": 0.6}.items():
        assert firsts[model] / many == pytest.approx(share, abs=0.02)
    assert firsts["2"] == 0


@given(st.integers(0, 2**64 - 1), st.lists(st.floats(0.001, 1000), min_size=2, max_size=6), st.data())
def test_where_a_route_goes_only_its_own_conversations_move(point: int, weights: list[float], data: st.DataObject) -> None:
    every = by_weight(routes(*weights), point)
    gone = data.draw(st.sampled_from(every))
    assert by_weight([route for route in routes(*weights) if route != gone], point) == [r for r in every if r != gone]


@given(st.integers(0, 2**64 - 1), st.lists(st.sampled_from([0.0, 1.0, 5.0]), max_size=6))
def test_every_route_is_tried_once_and_those_without_weight_last(point: int, weights: list[float]) -> None:
    order = by_weight(routes(*weights), point)
    assert sorted(names(order)) == sorted(names(routes(*weights)))
    idle = [route for route in routes(*weights) if not route.weight]
    assert order[len(order) - len(idle) :] == idle


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=6))
def test_by_price_is_cheapest_first_and_stable(prices: list[tuple[int, int]]) -> None:
    given = priced(*prices)
    order = by_price(given)
    keys = [(3 * route.pricing.prompt + route.pricing.completion, given.index(route)) for route in order]
    assert keys == sorted(keys)


def test_a_reserve_is_not_first_because_it_is_cheap() -> None:
    dear, cheap = priced((9, 9), (1, 1))
    assert by_price([replace(cheap, weight=0), dear]) == [dear, replace(cheap, weight=0)]


@given(st.lists(MEASURES, min_size=1, max_size=6))
def test_what_was_not_measured_is_tried_first_and_the_best_of_the_others_next(measures: list[float | None]) -> None:
    given = routes(*[1.0] * len(measures))
    told = ToldHealth({str(number): measure for number, measure in enumerate(measures)})
    unmeasured = [route for route in given if told.of(route).latency() is None]
    for order, sign in ((by_latency(given, told), 1), (by_throughput(given, told), -1)):
        assert order[: len(unmeasured)] == unmeasured
        keys = [(sign * (told.of(route).latency() or math.nan), given.index(route)) for route in order[len(unmeasured) :]]
        assert keys == sorted(keys)


def test_without_measurements_the_order_stays() -> None:
    given = routes(1, 1, 1)
    assert by_latency(given, None) == by_throughput(given, None) == usable_first(given, None) == given


@given(st.lists(st.booleans(), max_size=6))
def test_what_cannot_be_asked_now_is_last(usable: list[bool]) -> None:
    given = routes(*[1.0] * len(usable))
    told = ToldHealth(unusable={str(number) for number, good in enumerate(usable) if not good})
    good = [route for route, one in zip(given, usable, strict=True) if one]
    assert usable_first(given, told) == [*good, *(route for route in given if route not in good)]
