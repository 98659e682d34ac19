"""In which order the routes of a model are tried. Pure.

Every order is a function of its arguments alone. By weight, that is weighted rendezvous hashing: each route draws a number
from the hash of the conversation and its own, stretched by its weight, and the least is first. So the shares of many
conversations are the weights, one conversation is always given the same route, by any replica and after a restart, and
where routes come or go only those move that must.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from hashlib import blake2b
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from hyperinfer.providers.catalogue import Route

_MASK = 2**64 - 1


class Vitals(Protocol):
    """What an order asks of how a route is doing (`ports.RouteHealth`)."""

    def usable(self) -> bool: ...

    def latency(self) -> float | None: ...

    def throughput(self) -> float | None: ...


class Vital(Protocol):
    """Where that is told (`ports.Health`)."""

    def of(self, route: Route) -> Vitals: ...


def by_weight(routes: Sequence[Route], point: int) -> list[Route]:
    """`point`: 64 bits, the hash of a conversation. Routes of weight 0 come last, as they were."""

    def drawn(route: Route) -> float:
        if not route.weight:
            return math.inf
        number = _mixed(point ^ _seed(route.provider.name, route.model))
        return -math.log((number + 1) * 2.0**-64) / route.weight

    return sorted(routes, key=drawn)


def by_price(routes: Sequence[Route]) -> list[Route]:
    """The cheapest first; equal ones as they were, those of weight 0 after all others."""
    return sorted(routes, key=lambda route: (not route.weight, route.pricing.for_sorting))


def by_latency(routes: Sequence[Route], health: Vital | None) -> list[Route]:
    """The quickest to begin first. One that has not been measured of late comes before all, and so is measured; else as
    `by_price`."""
    return _by_measure(routes, health, lambda vitals: vitals.latency())


def by_throughput(routes: Sequence[Route], health: Vital | None) -> list[Route]:
    """The one that writes fastest first; else as `by_latency`."""

    def slowness(vitals: Vitals) -> float | None:
        speed = vitals.throughput()
        return None if speed is None else -speed

    return _by_measure(routes, health, slowness)


def usable_first(routes: list[Route], health: Vital | None) -> list[Route]:
    """Those that may be asked now, then the others, both as they were."""
    if health is None:
        return routes
    usable = [health.of(route).usable() for route in routes]
    if all(usable):
        return routes
    return sorted(routes, key=lambda route: not health.of(route).usable())


def _by_measure(routes: Sequence[Route], health: Vital | None, measure: Callable[[Vitals], float | None]) -> list[Route]:
    def key(route: Route) -> tuple[bool, float]:
        value = None if health is None else measure(health.of(route))
        return not route.weight, -math.inf if value is None else value

    return sorted(routes, key=key)


@lru_cache(4096)
def _seed(provider: str, model: str) -> int:
    return int.from_bytes(blake2b(f"{provider}\n{model}".encode(), digest_size=8).digest())


def _mixed(number: int) -> int:
    """A bijection of 64 bits in which every bit of the result depends on every bit (the finaliser of SplitMix64)."""
    number = ((number ^ number >> 30) * 0xBF58476D1CE4E5B9) & _MASK
    number = ((number ^ number >> 27) * 0x94D049BB133111EB) & _MASK
    return number ^ number >> 31
