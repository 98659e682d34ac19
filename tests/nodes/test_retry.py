"""The policy of retries and failover, as pure arithmetic."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hyperinfer.formats.upstream_errors import UpstreamFault
from hyperinfer.nodes.concurrency import QUEUE_SECONDS, Rooms
from hyperinfer.nodes.health import LocalHealth
from hyperinfer.nodes.retry import PATIENCE, Jitter, Retrying
from hyperinfer.providers.catalogue import Pricing, Provider, Route


def fault(*, retryable: bool = True, failover: bool = True, retry_after: float | None = None) -> UpstreamFault:
    return UpstreamFault(
        code="provider_unavailable", message="no", retryable=retryable, failover=failover, retry_after=retry_after
    )


class Kit:
    """Routes with their breakers and places, at a time that is set by hand."""

    def __init__(self, routes: int, concurrency: int | None = None) -> None:
        self.now = 0.0
        health, rooms = LocalHealth(lambda: self.now), Rooms()
        providers = [Provider(f"p{n}", "openai_chat", "https://p.test/v1", concurrency=concurrency) for n in range(routes)]
        self.healths = [health.of(Route(provider, "up", Pricing(0, 0, 0, 0, 0))) for provider in providers]
        self.rooms = [rooms.of(provider) for provider in providers]

    def retrying(self, *, retries: int = 2, jitter: Jitter = lambda: 1.0) -> Retrying:
        return Retrying(self.healths, self.rooms, retries=retries, jitter=jitter)

    def fill(self, route: int) -> None:
        room = self.rooms[route]
        assert room is not None
        while room.enter():
            pass


def retrying_of(routes: int, *, retries: int, jitter: Jitter) -> Retrying:
    return Kit(routes).retrying(retries=retries, jitter=jitter)


def test_one_route_waits_longer_each_time_until_the_retries_are_used_up() -> None:
    retrying = retrying_of(1, retries=3, jitter=lambda: 1.0)
    assert [retrying.failed(fault(), 10.0) for _ in range(4)] == [0.25, 0.5, 1.0, None]
    assert retrying.route == 0


def test_jitter_takes_up_to_half_of_a_pause() -> None:
    assert retrying_of(1, retries=1, jitter=lambda: 0.0).failed(fault(), 0.0) == 0.125
    assert retrying_of(1, retries=1, jitter=lambda: 0.5).failed(fault(), 0.0) == 0.1875


def test_what_no_repetition_helps_is_final() -> None:
    retrying = retrying_of(2, retries=2, jitter=lambda: 1.0)
    assert retrying.failed(fault(retryable=False, failover=False), 0.0) is None


def test_a_wait_that_was_asked_for_is_kept_to_unless_it_is_too_long() -> None:
    assert retrying_of(1, retries=1, jitter=lambda: 0.0).failed(fault(retry_after=3.5), 0.0) == 3.5
    assert retrying_of(1, retries=1, jitter=lambda: 0.0).failed(fault(retry_after=0.0), 0.0) == 0.0
    assert retrying_of(1, retries=1, jitter=lambda: 0.0).failed(fault(retry_after=5.1), 0.0) is None


def test_the_waits_together_are_bounded() -> None:
    retrying = retrying_of(1, retries=9, jitter=lambda: 1.0)
    assert retrying.failed(fault(retry_after=3.0), 0.0) == 3.0
    assert retrying.failed(fault(retry_after=2.5), 3.0) is None


def test_another_route_is_tried_at_once_and_in_order() -> None:
    retrying = retrying_of(3, retries=4, jitter=lambda: 1.0)
    seen = [(retrying.failed(fault(retry_after=60.0), 0.0), retrying.route) for _ in range(2)]
    assert seen == [(0.0, 1), (0.0, 2)]
    assert retrying.failed(fault(retry_after=2.0), 0.0) == 2.0
    assert retrying.route == 2  # the one that may be asked soonest


def test_time_that_passed_meanwhile_counts() -> None:
    retrying = retrying_of(2, retries=4, jitter=lambda: 1.0)
    assert (retrying.failed(fault(retry_after=2.0), 0.0), retrying.route) == (0.0, 1)
    assert (retrying.failed(fault(retry_after=9.0), 1.5), retrying.route) == (0.5, 0)


def test_a_route_that_only_others_can_replace_is_left_out() -> None:
    retrying = retrying_of(2, retries=4, jitter=lambda: 1.0)
    assert (retrying.failed(fault(retryable=False), 0.0), retrying.route) == (0.0, 1)
    assert (retrying.failed(fault(), 0.0), retrying.route) == (0.25, 1)
    assert retrying.failed(fault(retryable=False), 0.0) is None


def test_a_route_that_cannot_express_the_request_was_no_attempt() -> None:
    retrying = retrying_of(2, retries=0, jitter=lambda: 1.0)
    assert (retrying.unfit(0.0), retrying.route) == (0.0, 1)
    assert retrying.failed(fault(), 0.0) is None
    assert retrying_of(1, retries=2, jitter=lambda: 1.0).unfit(0.0) is None


@given(
    st.integers(1, 4),
    st.integers(0, 5),
    st.lists(st.tuples(st.booleans(), st.booleans(), st.none() | st.floats(0, 20), st.floats(0, 9)), max_size=12),
)
def test_never_more_attempts_or_patience_than_there_is(
    routes: int, retries: int, faults: list[tuple[bool, bool, float | None, float]]
) -> None:
    retrying = retrying_of(routes, retries=retries, jitter=lambda: 0.5)
    waited, now, attempts = 0.0, 0.0, 1
    for retryable, failover, retry_after, took in faults:
        now += took
        wait = retrying.failed(fault(retryable=retryable, failover=failover, retry_after=retry_after), now)
        if wait is None:
            break
        assert wait >= 0
        attempts += 1
        waited += wait
        now += wait
        assert 0 <= retrying.route < routes
    assert attempts <= retries + 1
    assert waited <= PATIENCE + 1e-9


def test_an_open_route_is_passed_over_at_once() -> None:
    kit = Kit(3)
    kit.healths[0].open(10.0, 10.0)
    retrying = kit.retrying()
    assert (retrying.choose(0.0), retrying.route) == (0.0, 1)
    assert (retrying.failed(fault(), 0.0), retrying.route) == (0.0, 2)
    assert (retrying.failed(fault(), 0.0), retrying.route) == (0.25, 1), "there are others"


def test_when_all_are_open_they_are_asked_as_usual_and_the_nearest_to_half_open_first() -> None:
    kit = Kit(2)
    kit.healths[0].open(10.0, 10.0)
    kit.healths[1].open(5.0, 10.0)
    retrying = kit.retrying(retries=2)
    assert (retrying.choose(0.0), retrying.route) == (0.0, 1)
    assert (retrying.failed(fault(), 0.0), retrying.route) == (0.0, 0)
    assert (retrying.failed(fault(retry_after=1.0), 0.0), retrying.route) == (0.25, 1)


def test_an_open_route_is_tried_before_one_that_asks_for_more_than_there_is_patience_for() -> None:
    kit = Kit(2)
    kit.healths[1].open(10.0, 10.0)
    retrying = kit.retrying()
    assert (retrying.choose(0.0), retrying.route) == (0.0, 0)
    assert (retrying.failed(fault(retry_after=60.0), 0.0), retrying.route) == (0.0, 1)


def test_a_route_that_was_opened_meanwhile_is_left_for_another() -> None:
    kit = Kit(2)
    retrying = kit.retrying(retries=9)
    assert (retrying.failed(fault(retry_after=0.5), 0.0), retrying.route) == (0.0, 1)
    kit.healths[0].open(10.0, 10.0)
    assert (retrying.failed(fault(retry_after=4.0), 0.0), retrying.route) == (4.0, 1)
    kit.healths[1].open(10.0, 10.0)
    assert (retrying.choose(4.0), retrying.route) == (0.0, 0), "none is usable: the first of equals"


def test_a_half_open_route_is_asked_by_one_alone() -> None:
    kit = Kit(2)
    kit.healths[0].open(10.0, 10.0)
    kit.now = 10.0
    retrying = kit.retrying()
    assert (retrying.choose(10.0), retrying.route) == (0.0, 0)
    kit.healths[0].begin()
    other = kit.retrying()
    assert (other.choose(10.0), other.route) == (0.0, 1)


def test_a_full_route_is_passed_over_for_one_that_is_ready_before_a_place_is() -> None:
    kit = Kit(2, concurrency=1)
    kit.fill(0)
    retrying = kit.retrying(retries=9)
    assert (retrying.choose(0.0), retrying.route) == (0.0, 1)
    assert (retrying.failed(fault(retry_after=1.0), 0.0), retrying.route) == (1.0, 1)
    assert (retrying.failed(fault(retry_after=3.0), 1.0), retrying.route) == (0.0, 0)
    assert retrying.queue == QUEUE_SECONDS
    retrying.queued(3.0, 1.0)
    assert retrying.queue == PATIENCE - 1.0 - 2.0
    retrying.queued(4.5, 3.0)
    assert retrying.queue == 0.5


def test_one_that_was_not_asked_comes_before_one_that_may_be_asked_again() -> None:
    retrying = retrying_of(3, retries=2, jitter=lambda: 1.0)
    assert (retrying.failed(fault(), 0.0), retrying.route) == (0.0, 1)
    assert (retrying.failed(fault(), 10.0), retrying.route) == (0.0, 2), "though the pause of the first is long over"


def test_before_other_models_nothing_is_waited_for_and_nothing_open_is_asked() -> None:
    kit = Kit(3, concurrency=1)
    retrying = Retrying(kit.healths, kit.rooms, retries=5, jitter=lambda: 1.0, last=False)
    kit.healths[1].open(10.0, 10.0)
    assert (retrying.choose(0.0), retrying.route, retrying.queue) == (0.0, 0, 0.0)
    assert (retrying.failed(fault(), 0.0), retrying.route) == (0.0, 2)
    assert retrying.failed(fault(retry_after=0.1), 0.0) is None
