"""Depth of values and of texts: right for JSON, alike, and quick for anything."""

from __future__ import annotations

import json
import time
from typing import TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperinfer.formats.errors import RequestError
from hyperinfer.formats.json_depth import deeper_than, text_deeper_than
from hyperinfer.formats.wire import parse_object

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
    for limit in range(depth + 3):
        assert deeper_than(value, limit) == text_deeper_than(body, limit) == (depth > limit)


def test_over_many_pieces() -> None:
    body = b"[" + b"[[]]," * 40_000 + b"[[[]]]]"
    assert not text_deeper_than(body, 4)
    assert text_deeper_than(body, 3)


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        (b'{"a":' * 7 + b"1" + b"}" * 7, "The body is nested deeper than 6 levels."),
        (b'{"a":' * 6 + b'"[[[["' + b"}" * 6, None),
        (b'{"a":' * 7, "The body is nested deeper than 6 levels."),
        (b"[" * 100_000 + b"]" * 100_000, "The body is nested deeper than 6 levels."),
        (b'{"a":' * 6, "the body is not valid JSON: Input data was truncated; it ends before its last brace"),
        (b"[" * 6 + b"]" * 6, "the body must be a JSON object, not an array"),
    ],
    ids=["deep", "just so", "deep and cut", "deeper than the parser", "cut", "no object"],
)
def test_what_is_too_deep_is_told_so_whatever_else_is_wrong(body: bytes, refusal: str | None) -> None:
    if refusal is None:
        parse_object(body, 6)
        return
    with pytest.raises(RequestError) as caught:
        parse_object(body, 6)
    assert caught.value.message == refusal


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
    text_deeper_than(body, 128)
    assert time.process_time() - began < 2.0
