"""Which header is the key, and what request ids look like."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperinfer.api.client_key import key_of
from hyperinfer.api.ids import RequestIds, bare_id


@pytest.mark.parametrize(
    ("headers", "key"),
    [
        ({}, None),
        ({"authorization": "Bearer hi-a"}, "hi-a"),
        ({"authorization": "bEaReR   hi-a "}, "hi-a"),
        ({"authorization": "Basic hi-a"}, None),
        ({"authorization": "hi-a"}, None),
        ({"authorization": "Bearer"}, None),
        ({"x-api-key": " hi-b "}, "hi-b"),
        ({"x-api-key": ""}, None),
        ({"authorization": "Bearer sk-a", "x-api-key": "hi-b"}, "hi-b"),
        ({"authorization": "Bearer hi-a", "x-api-key": "sk-b"}, "hi-a"),
        ({"authorization": "Bearer hi-a", "x-api-key": "hi-b"}, "hi-a"),
        ({"authorization": "Bearer sk-a", "x-api-key": "sk-b"}, "sk-a"),
    ],
)
def test_key_of(headers: dict[str, str], key: str | None) -> None:
    assert key_of(headers) == key


def test_ids_are_ordered_by_time_and_differ() -> None:
    now, count = 1_795_600_000.0, 0

    def entropy(size: int) -> bytes:
        nonlocal count
        count += 1
        return b"\xff" * (size - 1) + bytes([255 - count])

    ids = RequestIds(lambda: now, entropy)
    made: list[str] = []
    for _ in range(50):
        made.append(ids.next())
        now += 0.002
    assert made == sorted(made)
    assert len(set(made)) == 50
    assert all(re.fullmatch(r"[a-z0-9]{25}", each) for each in made)


@given(st.integers(0, 36**9 - 1), st.integers(0, 2**80 - 1))
def test_an_id_is_the_millisecond_and_all_of_the_randomness(millisecond: int, bits: int) -> None:
    ids = RequestIds(lambda: (millisecond + 0.5) / 1000, lambda size: bits.to_bytes(size))
    ids.next()
    made = ids.next()
    assert len(made) == 25
    assert int(made[:9], 36) == millisecond
    assert int(made[9:], 32) == bits


@pytest.mark.parametrize("text", ["gen-abc", "resp_abc", "msg_abc", "abc"])
def test_bare_id(text: str) -> None:
    assert bare_id(text) == "abc"
