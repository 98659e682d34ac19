"""Token buckets: what a key may do within a minute, and that memory is bounded."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperinfer.nodes.limits import RateLimits
from hyperinfer.nodes.ports import Principal


def key(name: str = "k", rate: int | None = None, burst: int | None = None) -> Principal:
    return Principal(workspace="w", workspace_name="w", key_id=name, rate_per_minute=rate, burst=burst)


def test_a_burst_and_then_the_rate() -> None:
    limits = RateLimits(60, 3)
    assert [limits.take(key(), 0.0) for _ in range(4)] == [None, None, None, pytest.approx(1.0)]
    assert limits.take(key(), 0.75) == pytest.approx(0.25)
    assert limits.take(key(), 1.0) is None
    assert limits.take(key(), 1.0) == pytest.approx(1.0)
    assert [limits.take(key(), 1000.0) for _ in range(4)] == [None, None, None, pytest.approx(1.0)]


def test_keys_do_not_share() -> None:
    limits = RateLimits(60, 1)
    assert [limits.take(key(name), 0.0) for name in "aab"] == [None, pytest.approx(1.0), None]


def test_a_keys_own_values_and_new_defaults() -> None:
    limits = RateLimits(60, 1)
    assert [limits.take(key(rate=6, burst=2), 0.0) for _ in range(3)] == [None, None, pytest.approx(10.0)]
    limits.set_defaults(60, 5)
    assert [limits.take(key("other"), 0.0) for _ in range(6)].count(None) == 5


def test_slow_buckets_are_not_forgotten_before_they_are_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hyperinfer.nodes.limits._FORGET_ABOVE", 10)
    limits = RateLimits(60, 1)
    assert limits.take(key("slow", rate=1, burst=1), 0.0) is None
    for number in range(1000):
        limits.take(key(str(number)), 50.0)
    assert limits.take(key("slow", rate=1, burst=1), 50.0) == pytest.approx(10.0)


@given(st.lists(st.floats(0, 5), max_size=80), st.integers(1, 5), st.integers(1, 120))
def test_never_more_than_burst_and_rate_allow(pauses: list[float], burst: int, rate: int) -> None:
    limits, now, taken = RateLimits(rate, burst), 0.0, 0
    for pause in pauses:
        now += pause
        wait = limits.take(key(), now)
        if wait is None:
            taken += 1
        else:
            assert limits.take(key(), now + wait * 1.0001) is None or wait > 0
            break
        assert taken <= burst + now * rate / 60 + 1e-6
