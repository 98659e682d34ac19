"""How often somebody may try, on a clock of the test's own."""

from __future__ import annotations

import pytest

from hyperinfer.api.console.tries import ADDRESSES, Tries


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_ten_at_once_then_one_in_ten_seconds() -> None:
    clock = Clock()
    tries = Tries(clock)
    for _ in range(10):
        assert tries.wait("192.0.2.1") == 0
        tries.failed("192.0.2.1")
    assert tries.wait("192.0.2.1") == 10
    assert tries.wait("192.0.2.2") == 0, "others may"
    clock.now += 9.5
    assert tries.wait("192.0.2.1") == 0.5
    clock.now += 0.5
    assert tries.wait("192.0.2.1") == 0
    tries.failed("192.0.2.1")
    assert tries.wait("192.0.2.1") == 10
    clock.now += 100
    for _ in range(10):
        assert tries.wait("192.0.2.1") == 0
        tries.failed("192.0.2.1")
    assert tries.wait("192.0.2.1") == 10


def test_a_hundred_in_all_then_one_a_second() -> None:
    clock = Clock()
    tries = Tries(clock)
    for number in range(100):
        assert tries.wait(f"198.51.100.{number}") == 0
        tries.failed(f"198.51.100.{number}")
    assert tries.wait("203.0.113.1") == 1
    clock.now += 1
    assert tries.wait("203.0.113.1") == 0


def test_guesses_of_a_day_are_bounded() -> None:
    clock = Clock()
    tries = Tries(clock)
    made = 0
    while clock.now < 1000 + 3600:
        if tries.wait("192.0.2.1") == 0:
            tries.failed("192.0.2.1")
            made += 1
        clock.now += 1
    assert made == 10 + 360 - 1


def test_memory_is_bounded_and_the_most_eager_stay() -> None:
    clock = Clock()
    tries = Tries(clock)
    for _ in range(10):
        tries.failed("192.0.2.1")
    for number in range(ADDRESSES + 200):
        tries.failed(f"10.{number >> 8 & 255}.{number & 255}.1")
    assert len(tries) == ADDRESSES
    clock.now += ADDRESSES + 200  # those in all are over
    for _ in range(10):
        tries.failed("192.0.2.1")
    for number in range(ADDRESSES + 200):
        clock.now += 0.001
        tries.failed(f"10.{number >> 8 & 255}.{number & 255}.1")
    assert len(tries) <= ADDRESSES
    clock.now += 95
    tries.failed("10.0.0.2")
    assert len(tries) <= ADDRESSES


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("fe80::1%eth0", "fe80::2%eth1", True),
        ("", "no address", True),
    ],
)
def test_whose_tries_are_whose(one: str, other: str, same: bool) -> None:
    tries = Tries(Clock())
    for _ in range(10):
        tries.failed(one)
    assert (tries.wait(other) > 0) is same
