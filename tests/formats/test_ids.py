"""Call ids: legal in each dialect, and two ids never become one."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperinfer.formats.ids import (
    DistinctIds,
    alnum9_call_id,
    anthropic_call_id,
    chat_call_id,
    max40_call_id,
    responses_call_id,
)

RULES: dict[Callable[[str], str], str] = {
    chat_call_id: r"(?s).+",
    responses_call_id: r"(?s).{1,64}",
    anthropic_call_id: r"[a-zA-Z0-9_-]+",
    alnum9_call_id: r"[a-zA-Z0-9]{9}",
    max40_call_id: r"(?s).{1,40}",
}
SEEN = [
    "call_123",
    "fc_123",
    "toolu_01A",
    "call_49c89af0",
    "chatcmpl-tool-5f2",
    "functions.get_weather:0",
    "abc123XYZ",
    "abc123XY\n",
    "call_1\n",
    "call_" + "x" * 85,
    "call_" + "x" * 84 + "y",
    "ünïcödé",
    "a",
    "0",
    "x" * 40,
    "x" * 41,
    "x" * 64,
    "x" * 65,
]
IDS = st.one_of(
    st.sampled_from(SEEN),
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=80),
    st.from_regex(r"[a-zA-Z0-9_-]{1,80}", fullmatch=True),
)


@pytest.mark.parametrize("mapping", RULES)
@given(IDS)
def test_every_id_becomes_legal_and_a_legal_one_stays(mapping: Callable[[str], str], call_id: str) -> None:
    mapped = mapping(call_id)
    assert re.fullmatch(RULES[mapping], mapped)
    if re.fullmatch(RULES[mapping], call_id):
        assert mapped == call_id
    assert mapping(mapped) == mapped


@pytest.mark.parametrize("mapping", RULES)
@given(st.lists(IDS, unique=True))
def test_different_ids_stay_different(mapping: Callable[[str], str], ids: list[str]) -> None:
    assert len({mapping(call_id) for call_id in ids}) == len(ids)


@pytest.mark.parametrize("mapping", RULES)
def test_ids_seen_in_the_wild_stay_different_together(mapping: Callable[[str], str]) -> None:
    assert len({mapping(call_id) for call_id in SEEN}) == len(SEEN)


def test_distinct_ids_are_legal_and_none_comes_twice() -> None:
    ids = DistinctIds(anthropic_call_id)
    asked = ["a", "b", "a", anthropic_call_id("c#2"), "c", "c", "a", "x.y", "x.y"]
    given = [ids.give(each) for each in asked]
    assert given[:2] == ["a", "b"]
    assert len(set(given)) == len(asked)
    assert all(re.fullmatch(RULES[anthropic_call_id], each) for each in given)


def test_a_repeated_id_is_counted_on_and_not_anew() -> None:
    made: list[str] = []

    def legal(call_id: str) -> str:
        made.append(call_id)
        return call_id

    ids = DistinctIds(legal)
    for _ in range(4):
        ids.give("a")
    assert made == ["a", "a#2", "a#3", "a#4"]
