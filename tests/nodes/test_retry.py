"""The policy of retries and failover, as pure arithmetic."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hyperinfer.formats.upstream_errors import UpstreamFault
from hyperinfer.nodes.retry import PATIENCE, Retrying


def fault(*, retryable: bool = True, failover: bool = True, retry_after: float | None = None) -> UpstreamFault:
    return UpstreamFault(
        code="provider_unavailable", message="no", retryable=retryable, failover=failover, retry_after=retry_after
    )


def test_one_route_waits_longer_each_time_until_the_retries_are_used_up() -> None:
    retrying = Retrying(1, retries=3, jitter=lambda: 1.0)
    assert [retrying.failed(fault(), 10.0) for _ in range(4)] == [0.25, 0.5, 1.0, None]
    assert retrying.route == 0


def test_jitter_takes_up_to_half_of_a_pause() -> None:
    assert Retrying(1, retries=1, jitter=lambda: 0.0).failed(fault(), 0.0) == 0.125
    assert Retrying(1, retries=1, jitter=lambda: 0.5).failed(fault(), 0.0) == 0.1875


def test_what_no_repetition_helps_is_final() -> None:
    retrying = Retrying(2, retries=2, jitter=lambda: 1.0)
    assert retrying.failed(fault(retryable=False, failover=False), 0.0) is None


def test_a_wait_that_was_asked_for_is_kept_to_unless_it_is_too_long() -> None:
    assert Retrying(1, retries=1, jitter=lambda: 0.0).failed(fault(retry_after=3.5), 0.0) == 3.5
    assert Retrying(1, retries=1, jitter=lambda: 0.0).failed(fault(retry_after=0.0), 0.0) == 0.0
    assert Retrying(1, retries=1, jitter=lambda: 0.0).failed(fault(retry_after=5.1), 0.0) is None


def test_the_waits_together_are_bounded() -> None:
    retrying = Retrying(1, retries=9, jitter=lambda: 1.0)
    assert retrying.failed(fault(retry_after=3.0), 0.0) == 3.0
    assert retrying.failed(fault(retry_after=2.5), 3.0) is None


def test_another_route_is_tried_at_once_and_in_order() -> None:
    retrying = Retrying(3, retries=4, jitter=lambda: 1.0)
    seen = [(retrying.failed(fault(retry_after=60.0), 0.0), retrying.route) for _ in range(2)]
    assert seen == [(0.0, 1), (0.0, 2)]
    assert retrying.failed(fault(retry_after=2.0), 0.0) == 2.0
    assert retrying.route == 2  # the one that may be asked soonest


def test_time_that_passed_meanwhile_counts() -> None:
    retrying = Retrying(2, retries=4, jitter=lambda: 1.0)
    assert (retrying.failed(fault(retry_after=2.0), 0.0), retrying.route) == (0.0, 1)
    assert (retrying.failed(fault(retry_after=9.0), 1.5), retrying.route) == (0.5, 0)


def test_a_route_that_only_others_can_replace_is_left_out() -> None:
    retrying = Retrying(2, retries=4, jitter=lambda: 1.0)
    assert (retrying.failed(fault(retryable=False), 0.0), retrying.route) == (0.0, 1)
    assert (retrying.failed(fault(), 0.0), retrying.route) == (0.25, 1)
    assert retrying.failed(fault(retryable=False), 0.0) is None


def test_a_route_that_cannot_express_the_request_was_no_attempt() -> None:
    retrying = Retrying(2, retries=0, jitter=lambda: 1.0)
    assert (retrying.unfit(0.0), retrying.route) == (0.0, 1)
    assert retrying.failed(fault(), 0.0) is None
    assert Retrying(1, retries=2, jitter=lambda: 1.0).unfit(0.0) is None


@given(
    st.integers(1, 4),
    st.integers(0, 5),
    st.lists(st.tuples(st.booleans(), st.booleans(), st.none() | st.floats(0, 20), st.floats(0, 9)), max_size=12),
)
def test_never_more_attempts_or_patience_than_there_is(
    routes: int, retries: int, faults: list[tuple[bool, bool, float | None, float]]
) -> None:
    retrying = Retrying(routes, retries=retries, jitter=lambda: 0.5)
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
