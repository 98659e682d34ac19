"""Breakers of two gateways, each with its own clock, on one real Valkey."""

from __future__ import annotations

import os
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
import trio

from hyperinfer.api.store.errors import StoreUnavailable
from hyperinfer.api.store.remote.breakers import EVERY_SECONDS, SharedBreakers
from hyperinfer.api.store.remote.bridge import open_bridge
from hyperinfer.api.store.remote.holds import Holds
from hyperinfer.formats.upstream_errors import UpstreamFault
from hyperinfer.nodes.health import LocalHealth
from hyperinfer.providers.catalogue import Breaker, Pricing, Provider, Route
from hyperinfer.providers.secret import Secret

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from hyperinfer.nodes.health import Vitals
    from tests.support.valkey import ValkeyServer

DOWN = UpstreamFault(code="provider_overloaded", message="no", status=503, retryable=True, failover=True)
SETTINGS = Breaker(faults=2, pause=20.0, longest_pause=90.0)


class Replica:
    """A gateway: what it knows of the one route, and its clock, which is put forward by hand."""

    def __init__(self, url: str, at: float, settings: Breaker = SETTINGS) -> None:
        self.ahead = at
        self.holds = Holds(Secret(url))
        self.health = LocalHealth(self.clock)
        self.shared = SharedBreakers(self.health, self.holds.actor, self.clock, os.urandom)
        provider = Provider("far", "openai_chat", "https://far.test/v1", breaker=settings)
        self.route = Route(provider, "a model, with “words”", Pricing(0, 0, 0, 0, 0))

    def clock(self) -> float:
        return trio.current_time() + self.ahead

    @property
    def vitals(self) -> Vitals:
        return self.health.of(self.route)

    def fail(self, times: int = 2) -> None:
        for _ in range(times):
            attempt = self.vitals.begin()
            self.vitals.failed(attempt, DOWN, answered=False)
            self.vitals.left(attempt)

    def succeed(self) -> None:
        self.vitals.answered(self.vitals.begin())


@asynccontextmanager
async def replicas(server: ValkeyServer, **settings: Breaker) -> AsyncGenerator[tuple[Replica, Replica]]:
    server.run("FLUSHALL")
    one, other = Replica(server.url, 0.0), Replica(server.url, 12345.0, **settings)
    async with open_bridge() as bridge:
        for replica in (one, other):
            bridge.start_soon(replica.holds.actor.run)
        yield one, other


async def exchanged(*replicas: Replica) -> None:
    for replica in replicas:
        await replica.shared.exchange()


async def test_what_one_opens_is_open_at_the_other_for_what_is_left_of_the_pause(valkey: ValkeyServer) -> None:
    async with replicas(valkey) as (one, other):
        one.fail()
        one.ahead += 5.0
        await exchanged(one, other)
        assert not other.vitals.usable()
        assert other.vitals.pause_left() == pytest.approx(15.0, abs=0.5)
        other.fail(9)
        assert other.vitals.pause_left() == pytest.approx(15.0, abs=0.5)


async def test_what_one_closes_is_closed_at_the_other(valkey: ValkeyServer) -> None:
    async with replicas(valkey) as (one, other):
        one.fail()
        await exchanged(one, other)
        other.ahead += 20.0
        other.succeed()
        await exchanged(other, one)
        assert (one.vitals.closed, other.vitals.closed) == (True, True)
        assert valkey.run("HLEN", "hi:breakers") == 1  # the name of its life
        one.fail(1)
        await exchanged(one, other, one)
        assert (one.vitals.closed, other.vitals.closed) == (True, True)


async def test_a_probe_that_fails_opens_it_for_twice_as_long_at_both(valkey: ValkeyServer) -> None:
    async with replicas(valkey) as (one, other):
        one.fail()
        await exchanged(one, other)
        one.ahead += 20.0
        other.ahead += 20.0
        other.fail(1)
        await exchanged(other, one)
        assert one.vitals.pause_left() == pytest.approx(40.0, abs=0.5)
        one.ahead += 40.0
        one.fail(1)
        assert one.vitals.pause_left() == pytest.approx(80.0, abs=0.5)


async def test_a_probe_that_failed_elsewhere_since_is_not_undone(valkey: ValkeyServer) -> None:
    """Both probe: the one's fails, the other's succeeds, and is told later."""
    async with replicas(valkey) as (one, other):
        one.fail()
        await exchanged(one, other)
        one.ahead += 20.0
        other.ahead += 20.0
        one.fail(1)
        other.succeed()
        await exchanged(one, other)
        assert not one.vitals.usable()
        assert not other.vitals.usable()
        one.ahead += 40.0
        one.succeed()
        await exchanged(one, other)
        assert other.vitals.closed


async def test_both_open_it_at_once_and_one_closes_it(valkey: ValkeyServer) -> None:
    async with replicas(valkey) as (one, other):
        one.fail()
        other.fail()
        await exchanged(one, other, one)
        one.ahead += 20.0
        one.succeed()
        await exchanged(one, other)
        assert (one.vitals.closed, other.vitals.closed) == (True, True)


async def test_one_that_was_closed_before_it_was_told_is_never_told(valkey: ValkeyServer) -> None:
    async with replicas(valkey) as (one, other):
        one.fail()
        one.succeed()  # it was asked all the same
        await exchanged(one, other)
        assert (one.vitals.closed, other.vitals.closed) == (True, True)


async def test_one_that_starts_later_knows_it_too(valkey: ValkeyServer) -> None:
    async with replicas(valkey) as (one, other):
        one.fail()
        await exchanged(one)
        one.ahead += 1.0
        await exchanged(other)
        assert not other.vitals.usable()
        assert [report.state for report in other.health.report()] == ["open"]


async def test_one_that_has_its_breakers_switched_off_heeds_nobody(valkey: ValkeyServer) -> None:
    async with replicas(valkey, settings=Breaker(faults=0)) as (one, other):
        assert other.vitals.closed
        one.fail()
        await exchanged(one, other)
        assert other.vitals.closed


async def test_an_emptied_redis_is_told_again(valkey: ValkeyServer) -> None:
    async with replicas(valkey) as (one, other):
        one.fail()
        await exchanged(one)
        valkey.run("FLUSHALL")
        await exchanged(one)
        assert not one.vitals.usable()
        await exchanged(one, other)
        assert not other.vitals.usable()


async def test_what_nobody_has_closed_for_long_is_dropped(valkey: ValkeyServer) -> None:
    async with replicas(valkey) as (one, other):
        one.fail()
        await exchanged(one, other)
        (route,) = (field for field in valkey.run("HKEYS", "hi:breakers") if field)
        opening = valkey.run("HGET", "hi:breakers", route).split()[0]
        valkey.run("HSET", "hi:breakers", route, opening + b" 1000000 20000")
        await exchanged(one, other)
        assert (one.vitals.closed, other.vitals.closed) == (True, True)


async def test_without_redis_each_goes_on_alone_and_tells_afterwards(valkey: ValkeyServer) -> None:
    async with replicas(valkey) as (one, other):
        one.fail()
        await exchanged(one, other)
        valkey.stop()
        try:
            with pytest.raises((StoreUnavailable, TimeoutError)):
                await one.shared.exchange()
            one.ahead += 20.0
            one.succeed()
            assert one.vitals.closed
            one.fail()
            assert not one.vitals.usable()
            with pytest.raises((StoreUnavailable, TimeoutError)):
                await one.shared.exchange()
            other.ahead += 20.0
            assert other.vitals.usable()
        finally:
            valkey.start()
        await exchanged(one, other)
        assert not one.vitals.usable()
        assert not other.vitals.usable()


async def test_it_is_told_at_once_and_heard_within_a_second_or_so(valkey: ValkeyServer) -> None:
    async with replicas(valkey) as (one, other), trio.open_nursery() as nursery:
        nursery.start_soon(one.shared.run)
        nursery.start_soon(other.shared.run)
        await trio.sleep(0.2)
        began = trio.current_time()
        one.fail()
        while other.vitals.usable():
            assert trio.current_time() < began + EVERY_SECONDS + 1.0
            await trio.sleep(0.01)
        nursery.cancel_scope.cancel()
