"""Which routes a caller's preferences leave: laws over all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperinfer.formats.routing import Routing
from hyperinfer.nodes.preferences import barred_by, by_name, none_left
from tests.support.routed import routed

if TYPE_CHECKING:
    from hyperinfer.providers.catalogue import Route

ROUTES = routed().routes_for("test/order")
NAMES = st.lists(st.sampled_from(["one", "two", "two/eu", "two/us", "three", "nowhere", "unheard"]), max_size=3).map(tuple)
PRICES = st.none() | st.integers(0, 20_000_000)
WISHES = st.builds(
    Routing,
    only=NAMES,
    ignore=NAMES,
    order=NAMES,
    allow_fallbacks=st.booleans(),
    max_prompt=PRICES,
    max_completion=PRICES,
    data_collection=st.sampled_from(["allow", "deny"]),
    locations=st.lists(st.sampled_from(["EU", "US"]), max_size=2, unique=True).map(tuple),
)


def means(name: str, route: Route) -> bool:
    return name == route.provider.name or (name == "two" and route.provider.name == "two/eu")


def left(routing: Routing) -> set[str]:
    return {route.provider.name for route in ROUTES if barred_by(route, routing) is None}


@given(WISHES)
def test_what_is_left_is_what_every_preference_leaves(wish: Routing) -> None:
    for route in ROUTES:
        where = {place.upper() for place in route.provider.locations}
        fits = (
            (not wish.only or any(means(name, route) for name in wish.only))
            and not any(means(name, route) for name in wish.ignore)
            and (wish.allow_fallbacks or not wish.order or any(means(name, route) for name in wish.order))
            and (wish.data_collection == "allow" or route.provider.data_collection == "deny")
            and (not wish.locations or (where != set() and where <= set(wish.locations)))
            and (wish.max_prompt is None or route.pricing.prompt <= wish.max_prompt)
            and (wish.max_completion is None or route.pricing.completion <= wish.max_completion)
        )
        assert (barred_by(route, wish) is None) is fits


@pytest.mark.parametrize(
    ("places", "names"),
    [
        ((), {"one", "two/eu", "three", "nowhere"}),
        (("EU",), {"one", "two/eu"}),  # `three` may serve from elsewhere too, and nobody says where `nowhere` is
        (("US",), set[str]()),
        (("US", "EU"), {"one", "two/eu", "three"}),
        (("CH",), set[str]()),
    ],
)
def test_every_place_of_a_provider_is_among_those_asked_for(places: tuple[str, ...], names: set[str]) -> None:
    assert left(Routing(locations=places)) == names


@given(NAMES)
def test_order_moves_and_keeps_every_route(names: tuple[str, ...]) -> None:
    order = by_name(ROUTES, names)
    assert sorted(route.model for route in order) == sorted(route.model for route in ROUTES)
    places = [min((p for p, name in enumerate(names) if means(name, route)), default=len(names)) for route in order]
    assert places == sorted(places)
    others = [route for route in order if not any(means(name, route) for name in names)]
    assert others == [route for route in ROUTES if route in others], "as they were"


@given(NAMES, NAMES)
def test_only_and_ignore_are_sets(first: tuple[str, ...], second: tuple[str, ...]) -> None:
    assert left(Routing(only=first)) == left(Routing(only=tuple(reversed(first))))
    assert left(Routing(ignore=first + second)) == left(Routing(ignore=first)) & left(Routing(ignore=second))
    if first and second:
        assert left(Routing(only=first + second)) == left(Routing(only=first)) | left(Routing(only=second))
    assert left(Routing(only=first, ignore=first)) == (set() if first else left(Routing()))


def test_the_preference_at_fault_is_named() -> None:
    assert none_left(ROUTES, Routing(only=("unheard",))) == ("provider.only", "provider.only 4")
    both = Routing(only=("one", "two"), locations=("US",))
    assert none_left(ROUTES, both) == ("provider", "provider.locations 2, provider.only 2")
