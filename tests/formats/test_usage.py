"""Counts and exact money."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperinfer.formats.usage import Usage, token_count, usd_json

PICO = 10**12


@pytest.mark.parametrize(
    ("pico", "text"),
    [
        (0, "0"),
        (1, "0.000000000001"),
        (-1, "-0.000000000001"),
        (PICO, "1"),
        (10 * PICO, "10"),
        (PICO // 2, "0.5"),
        (123_456_789, "0.000123456789"),
        (1_230_000, "0.00000123"),
        (-3 * PICO - PICO // 4, "-3.25"),
        (10**30, "1000000000000000000"),
    ],
)
def test_money_is_printed_exactly_and_without_an_exponent(pico: int, text: str) -> None:
    assert bytes(usd_json(pico)) == text.encode()


@given(st.integers(-(10**40), 10**40))
def test_printed_money_is_json_and_reads_back_exactly(pico: int) -> None:
    text = bytes(usd_json(pico)).decode()
    assert Decimal(text) * PICO == pico or len(text) > 28  # Decimal's default precision
    assert json.loads(text, parse_float=str, parse_int=str) == text
    assert "e" not in text.lower()
    assert not (("." in text) and text.endswith("0"))


def test_totals_and_the_uncached_part() -> None:
    usage = Usage(input_tokens=100, output_tokens=7, cache_read=60, cache_write=30)
    assert (usage.total_tokens, usage.uncached_input) == (107, 10)
    assert Usage(input_tokens=5, cache_read=9).uncached_input == 0


@pytest.mark.parametrize(
    ("value", "count"),
    [
        *[(3, 3), (0, 0), (-3, 0), (12.0, 12), (12.5, 0), (-1.0, 0)],
        *[(10**9, 10**9), (1e9, 10**9), (10**9 + 1, 0), (10**20, 0), (1e300, 0)],
        *[(True, 0), (None, 0), ("7", 0), ([1], 0), (float("inf"), 0), (float("nan"), 0)],
    ],
)
def test_counts_as_upstreams_write_them(value: object, count: int) -> None:
    assert token_count(value) == count
