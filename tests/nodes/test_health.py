"""The circuit breaker of a route, by the clock, and what is remembered of how fast it was."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace

import pytest

from hyperinfer.formats.upstream_errors import UpstreamFault
from hyperinfer.nodes.health import HALF_LIFE, LocalHealth, Opening, speaks_of_provider
from hyperinfer.providers.catalogue import Breaker, Pricing, Provider, Route

DOWN = UpstreamFault(code="provider_overloaded", message="no", status=503, retryable=True, failover=True)


SETTINGS = Breaker(faults=3, window=30.0, pause=10.0, longest_pause=35.0)


@dataclass
class Kit:
    """A health whose clock is set by hand, and its one route."""

    settings: Breaker = SETTINGS
    now: float = 100.0
    told: list[Opening | None] = field(default_factory=list[Opening | None])

    def __post_init__(self) -> None:
        self.health = LocalHealth(lambda: self.now, lambda _, change: self.told.append(change))
        self.provider = Provider("far", "openai_chat", "https://far.test/v1", breaker=self.settings)
        self.vitals = self.health.of(self.route())

    def route(self, model: str = "up") -> Route:
        return Route(self.provider, model, Pricing(0, 0, 0, 0, 0))

    def fail(self, fault: UpstreamFault = DOWN, *, times: int = 1, answered: bool = False) -> None:
        for _ in range(times):
            attempt = self.vitals.begin()
            if answered:
                self.vitals.answered(attempt)
            self.vitals.failed(attempt, fault, answered=answered)
            self.vitals.left(attempt)

    def succeed(self) -> None:
        attempt = self.vitals.begin()
        self.vitals.answered(attempt)
        self.vitals.left(attempt)


def test_faults_in_a_row_open_it_for_a_pause_and_then_one_probe_goes() -> None:
    kit = Kit()
    kit.fail(times=2)
    assert kit.vitals.closed
    assert kit.vitals.usable()
    kit.fail()
    assert (kit.vitals.state, kit.vitals.usable(), kit.vitals.pause_left()) == ("open", False, 10.0)
    kit.now += 9.75
    assert not kit.vitals.usable()
    kit.now += 0.25
    assert (kit.vitals.state, kit.vitals.usable(), kit.vitals.pause_left()) == ("half_open", True, 0.0)
    probe = kit.vitals.begin()
    assert not kit.vitals.usable(), "exactly one"
    kit.vitals.answered(probe)
    assert kit.vitals.closed
    assert kit.vitals.usable()
    assert kit.told == [Opening(10.0), None]


def test_a_probe_that_fails_opens_it_for_twice_as_long_up_to_the_longest() -> None:
    kit = Kit()
    kit.fail(times=3)
    pauses: list[float] = []
    for _ in range(4):
        pauses.append(kit.vitals.pause_left())
        kit.now += kit.vitals.pause_left()
        kit.fail()
    assert pauses == [10.0, 20.0, 35.0, 35.0]
    kit.now += 35.0
    kit.succeed()
    kit.fail(times=3)
    assert kit.vitals.pause_left() == 10.0, "begun anew"


def test_a_probe_of_which_nothing_becomes_known_makes_room_for_the_next() -> None:
    kit = Kit()
    kit.fail(times=3)
    kit.now += 10.0
    probe = kit.vitals.begin()
    kit.vitals.left(probe)  # its client went away
    assert kit.vitals.usable()
    kit.fail(UpstreamFault(code="invalid_request", message="no", status=400))
    assert (kit.vitals.usable(), kit.vitals.state) == (True, "half_open")
    other = kit.vitals.begin()
    kit.vitals.left(probe)
    assert not kit.vitals.usable(), "it is of another attempt"
    kit.vitals.left(other)


def test_what_an_open_one_was_asked_all_the_same_closes_it_where_it_answers() -> None:
    kit = Kit()
    kit.fail(times=3)
    kit.fail(times=5)
    assert kit.vitals.pause_left() == 10.0, "no longer for it"
    kit.succeed()
    assert kit.vitals.closed


def test_attempts_from_before_a_change_say_nothing_of_what_is_since() -> None:
    kit = Kit()
    old = [kit.vitals.begin() for _ in range(4)]
    kit.fail(times=3)
    kit.vitals.answered(old[0])
    assert not kit.vitals.closed
    kit.now += 10.0
    kit.succeed()
    for attempt in old:
        kit.vitals.failed(attempt, DOWN, answered=False)
    assert kit.vitals.closed


def test_successes_count_against_faults() -> None:
    kit = Kit()
    for _ in range(20):
        kit.fail()
        kit.succeed()
    assert kit.vitals.closed
    kit.fail(times=2)
    kit.succeed()
    kit.fail(times=2)
    assert not kit.vitals.closed


def test_replies_that_break_off_are_no_successes() -> None:
    kit = Kit()
    kit.fail(times=2, answered=True)
    assert not kit.vitals.closed


def test_a_probe_that_breaks_off_counts_too() -> None:
    kit = Kit()
    kit.fail(times=3)
    kit.fail(times=1, answered=True)
    assert (kit.vitals.closed, kit.vitals.level) == (True, 2)
    kit.fail()
    assert not kit.vitals.closed


def test_faults_of_long_ago_do_not_count() -> None:
    kit = Kit()
    for _ in range(9):
        kit.fail()
        kit.now += 30.5
    assert kit.vitals.closed
    kit.fail(times=3)
    assert not kit.vitals.closed


@pytest.mark.parametrize(("asked", "pause"), [(5.0, 10.0), (20.0, 20.0), (3600.0, 35.0)])
def test_a_wait_that_the_provider_asks_for_is_kept_to_within_the_longest(asked: float, pause: float) -> None:
    kit = Kit()
    kit.fail(UpstreamFault(code="provider_rate_limit", message="no", status=429, retry_after=asked), times=3)
    assert kit.vitals.pause_left() == pause


@pytest.mark.parametrize(
    ("code", "status", "counts"),
    [
        ("invalid_request", 400, False),
        ("invalid_request", 0, False),
        ("provider_unavailable", 404, False),  # it has no such model, which is no matter of health
        ("context_length_exceeded", 400, False),
        ("content_filter", 200, False),
        ("payload_too_large", 413, False),
        ("provider_auth", 403, False),  # some refuse contents by it
        ("provider_auth", 401, True),
        ("provider_auth", 402, True),
        ("provider_timeout", 408, True),
        ("provider_rate_limit", 429, True),
        ("provider_unavailable", 500, True),
        ("provider_overloaded", 529, True),
        ("provider_unavailable", 0, True),  # no connection
        ("provider_timeout", 0, True),  # a deadline of ours
        ("provider_unavailable", 200, True),  # a reply that breaks off
    ],
)
def test_only_faults_that_speak_of_the_provider_count(code: str, status: int, counts: bool) -> None:
    kit, fault = Kit(), UpstreamFault(code=code, message="no", status=status)
    kit.fail(fault, times=10)
    assert speaks_of_provider(fault) is counts
    assert kit.vitals.closed is not counts


def test_none_opens_where_it_is_switched_off() -> None:
    kit = Kit(Breaker(faults=0))
    kit.fail(times=100)
    assert kit.vitals.closed


def test_each_model_of_a_provider_has_its_own_and_another_catalogue_keeps_it() -> None:
    kit = Kit()
    assert kit.health.of(kit.route()) is kit.vitals is not kit.health.of(kit.route("other"))
    kit.fail(times=2)
    kit.provider = replace(kit.provider, breaker=Breaker(faults=9))
    assert kit.health.of(kit.route()) is kit.vitals
    kit.fail()
    assert kit.vitals.closed
    assert [(r.provider, r.model, r.state) for r in kit.health.report()] == [
        ("far", "up", "closed"), ("far", "other", "closed"),
    ]  # fmt: skip


def test_an_operator_reads_of_it(caplog: pytest.LogCaptureFixture) -> None:
    kit = Kit()
    with caplog.at_level(logging.INFO, "hyperinfer.health"):
        kit.fail(times=3)
        kit.succeed()
    assert caplog.messages == ["far, up: left alone for 10 s, after provider_overloaded: no", "far, up: it answers again"]


def test_means_are_of_late() -> None:
    kit = Kit()
    assert (kit.vitals.latency(), kit.vitals.throughput()) == (None, None)
    kit.vitals.measured(kit.now, latency=1.0, throughput=None)
    kit.vitals.measured(kit.now, latency=3.0, throughput=50.0)
    assert (kit.vitals.latency(), kit.vitals.throughput()) == (2.0, 50.0)
    kit.now += HALF_LIFE
    kit.vitals.measured(kit.now, latency=8.0, throughput=None)
    assert kit.vitals.latency() == (0.5 * 4.0 + 8.0) / 2.0
    kit.now += 5 * HALF_LIFE
    assert kit.vitals.throughput() == 50.0
    kit.now += 2 * HALF_LIFE
    assert kit.vitals.throughput() is None
