"""The weight of text: laws that hold for any text, and real texts whose tokens were counted."""

from __future__ import annotations

import itertools
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperinfer.formats.tokens import TextWeight
from hyperinfer.formats.tokens.text import text_weight
from tests.support.lines_run import lines_run

_ALPHABET = st.sampled_from(string.printable + "äßñž абв αβ שלום عرب हिन्दी ไทย 日本語 한국 — “€ 😀")
TEXTS = st.text(_ALPHABET, max_size=40) | st.text(max_size=20)


@given(TEXTS, st.lists(st.integers(0, 40), max_size=6))
def test_the_same_however_it_is_cut(text: str, cuts: list[int]) -> None:
    pieces = TextWeight()
    places = sorted({0, len(text), *(cut for cut in cuts if cut < len(text))})
    for start, end in itertools.pairwise(places):
        pieces.add(text[start:end])
    pieces.add("")
    assert pieces.total == text_weight(text)


@given(TEXTS, TEXTS, st.integers(0, 40))
def test_more_text_never_weighs_less(text: str, more: str, place: int) -> None:
    assert text_weight(text[:place] + more + text[place:]) >= text_weight(text)


@given(TEXTS)
def test_nothing_weighs_nothing_and_only_that(text: str) -> None:
    assert (text_weight(text) > 0) == bool(text)


@given(TEXTS, st.integers(2, 5))
def test_it_grows_as_the_text_does(text: str, times: int) -> None:
    """Where one copy meets the next a word may end or begin: no more than that."""
    assert abs(text_weight(text * times) - times * text_weight(text)) <= 1300 * (times - 1)


COUNTED = {
    "The quick brown fox jumps over the lazy dog. It was not amused, and neither was the dog.": 21,
    "def total(values: list[int]) -> int:\n    return sum(value * 2 for value in values if value > 10)\n": 27,
    '{"type":"object","properties":{"city":{"type":"string","description":"The name of a city"}},"required":["city"]}': 27,
    "Alle Menschen sind frei und gleich an Würde und Rechten geboren.": 14,
    "Все люди рождаются свободными и равными в своем достоинстве и правах.": 17,  # noqa: RUF001 - Russian is meant
    "人人生而自由,在尊严和权利上一律平等。": 16,
    "すべての人間は、生まれながらにして自由であり、かつ、尊厳と権利とについて平等である。": 35,
    "모든 인간은 태어날 때부터 자유로우며 그 존엄과 권리에 있어 동등하다.": 24,
    "يولد جميع الناس أحرارا متساوين في الكرامة والحقوق.": 17,
    "c29tZSByYW5kb20gYnl0ZXMgdGhhdCBhcmUgd3JpdHRlbiBpbiBiYXNlNjQ=": 37,
    "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08": 43,
}
"""Texts with their tokens in OpenAI's o200k vocabulary."""


@pytest.mark.parametrize("text", COUNTED)
def test_counted_texts(text: str) -> None:
    assert 0.7 <= text_weight(text) / 1000 / COUNTED[text] <= 1.7


def test_a_long_text_takes_no_loop() -> None:
    """As many lines of Python run for a long text as for a short one."""
    text = "Plain words, and 12 numbers; “some” marks.\n"
    assert lines_run(text_weight, text) == lines_run(text_weight, text * 10_000)


def test_text_that_is_no_valid_unicode() -> None:
    assert text_weight("\ud800 and more") > 0
