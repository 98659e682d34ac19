"""Token buckets: what a key may do within a minute, and that memory is bounded."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperinfer.api.store.token_buckets import TokenBuckets
from hyperinfer.nodes.ports import Rate


def test_a_burst_and_then_the_rate() -> None:
    buckets, rate = TokenBuckets(), Rate(60, 3)
    assert [buckets.take("k", rate, 0.0) for _ in range(4)] == [None, None, None, pytest.approx(1.0)]
    assert buckets.take("k", rate, 0.75) == pytest.approx(0.25)
    assert buckets.look("k", rate, 1.0)[0] is None
    assert buckets.take("k", rate, 1.0) is None
    assert buckets.look("k", rate, 1.0)[0] == pytest.approx(1.0)
    assert buckets.take("k", rate, 1.0) == pytest.approx(1.0)
    assert [buckets.take("k", rate, 1000.0) for _ in range(4)] == [None, None, None, pytest.approx(1.0)]


def test_keys_do_not_share() -> None:
    buckets = TokenBuckets()
    assert [buckets.take(name, Rate(60, 1), 0.0) for name in "aab"] == [None, pytest.approx(1.0), None]


def test_slow_buckets_are_not_forgotten_before_they_are_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hyperinfer.api.store.token_buckets._FORGET_ABOVE", 10)
    buckets, slow = TokenBuckets(), Rate(1, 1)
    assert buckets.take("slow", slow, 0.0) is None
    for number in range(1000):
        buckets.take(str(number), Rate(60, 1), 50.0)
    assert buckets.take("slow", slow, 50.0) == pytest.approx(10.0)


@given(st.lists(st.floats(0, 5), max_size=80), st.integers(1, 5), st.integers(1, 120))
def test_never_more_than_burst_and_rate_allow(pauses: list[float], burst: int, rate: int) -> None:
    buckets, allowed, now, taken = TokenBuckets(), Rate(rate, burst), 0.0, 0
    for pause in pauses:
        now += pause
        wait = buckets.take("k", allowed, now)
        if wait is None:
            taken += 1
        else:
            assert buckets.take("k", allowed, now + wait * 1.0001) is None or wait > 0
            break
        assert taken <= burst + now * rate / 60 + 1e-6


def test_a_rate_that_was_made_faster_does_not_wait_for_the_slower_one() -> None:
    buckets = TokenBuckets()
    for _ in range(100):
        buckets.take("k", Rate(1, 100), 0.0)
    assert buckets.take("k", Rate(60, 3), 0.0) == pytest.approx(1.0)
    assert buckets.take("k", Rate(60, 3), 1.0) is None
