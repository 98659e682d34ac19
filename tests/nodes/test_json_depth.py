"""Depth without parsing: right for JSON, and quick for anything."""

from __future__ import annotations

import json
import time
from typing import TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperinfer.nodes.json_depth import deeper_than

Value: TypeAlias = "str | list[Value] | dict[str, Value]"

VALUES: st.SearchStrategy[Value] = st.recursive(
    st.text('[]{}"\\ab'),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text('[]{}"\\ab', max_size=4), inner, max_size=3),
    max_leaves=30,
)


def depth_of(value: Value) -> int:
    if isinstance(value, str):
        return 0
    return 1 + max(map(depth_of, value.values() if isinstance(value, dict) else value), default=0)


@given(VALUES)
def test_depth(value: Value) -> None:
    body, depth = json.dumps(value).encode(), depth_of(value)
    assert not deeper_than(body, depth)
    if depth:
        assert deeper_than(body, depth - 1)


def test_over_many_pieces() -> None:
    body = b"[" + b"[[]]," * 40_000 + b"[[[]]]]"
    assert not deeper_than(body, 4)
    assert deeper_than(body, 3)


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 5_000_000,
        b"[]" * 2_500_000,
        b"[" * 200 + b'"' + b'\\"' * 2_500_000,
        b"[" * 200 + b'"' * 5_000_001,
        b"[" * 200 + b'"' + b"\\" * 5_000_000,
    ],
    ids=["deep", "wide", "a string without end", "quotes", "backslashes"],
)
def test_hostile_bodies_take_no_longer_than_others(body: bytes) -> None:
    began = time.process_time()
    deeper_than(body, 128)
    assert time.process_time() - began < 2.0
