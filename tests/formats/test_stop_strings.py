"""Finding stop strings in a text that comes in pieces, against a search that looks at all of it at every place."""

from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperinfer.formats.stop_strings import LONGEST, Automaton, Placed, Search, place_stops

WORDS = st.text("ab", min_size=1, max_size=5)
STOPS = st.lists(WORDS, min_size=1, max_size=4)


def first_match(text: str, stops: list[str]) -> tuple[int, int] | None:
    """The definition: of all places where one stands the first, and there the longest."""
    for start in range(len(text)):
        if standing := [stop for stop in stops if text.startswith(stop, start)]:
            return start, start + max(map(len, standing))
    return None


def pieces_of(text: str, cuts: list[int]) -> list[str]:
    edges = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    return [text[a:b] for a, b in itertools.pairwise(edges)]


@given(st.text("abc", max_size=24), STOPS, st.lists(st.integers(0, 24), max_size=6))
def test_the_first_and_longest_is_found_whatever_the_pieces(text: str, stops: list[str], cuts: list[int]) -> None:
    search = Search(Automaton(stops))
    for piece in pieces_of(text, cuts):
        search.feed(piece)
    assert search.match == first_match(text, stops)


@given(st.text("abc", max_size=16), STOPS)
def test_no_more_is_unsettled_than_may_still_be_a_stop_string(text: str, stops: list[str]) -> None:
    search = Search(Automaton(stops))
    for end in range(len(text)):
        search.feed(text[end])
        so_far = text[: end + 1]
        begun = [n for n in range(len(so_far)) if any(len(s) > len(so_far[n:]) and s.startswith(so_far[n:]) for s in stops)]
        match = first_match(so_far, stops)
        assert search.settled == min([len(so_far), *begun, *([match[0]] if match else [])])
        assert search.final == (match is not None and not any(n <= match[0] for n in begun))
        if search.final:
            return


@given(st.text(min_size=1, max_size=4), st.text(max_size=4), st.text(max_size=4))
def test_any_characters(stop: str, before: str, after: str) -> None:
    search = Search(Automaton([stop]))
    for character in before + stop + after:
        search.feed(character)
    assert search.match == first_match(before + stop + after, [stop])


@pytest.mark.parametrize("stop", ["]", "^", "\\", "-", "[^", "a-z", "&&", "\n", "\x00", "😀", "e\u0301"])
def test_characters_that_mean_something_elsewhere(stop: str) -> None:
    search = Search(Automaton([stop, "zz"]))
    search.feed(f"m{stop}n")
    assert search.match == (1, 1 + len(stop))


def test_a_text_that_always_nearly_matches_takes_linear_time() -> None:
    """Looked at anew from each place, this were 3 × 10⁹ steps."""
    stop = "a" * 10_000 + "b"
    search = Search(Automaton([stop]))
    for _ in range(300_000):
        search.feed("a")
    assert (search.match, search.settled) == (None, 290_000)
    search.feed("b")
    assert search.match == (290_000, 300_001)


@pytest.mark.parametrize(
    ("stops", "quirk", "placed"),
    [
        (None, "max4", Placed()),
        ((), "none", Placed()),
        (tuple("abcd"), "max4", Placed(upstream=tuple("abcd"))),
        (tuple("abcde"), "max4", Placed(gateway=tuple("abcde"))),
        (tuple("abcde"), "max5", Placed(upstream=tuple("abcde"))),
        (tuple("abcdefghijklmnopq"), "max16", Placed(gateway=tuple("abcdefghijklmnopq"))),
        (tuple("abcdefghijklmnopq"), "unlimited", Placed(upstream=tuple("abcdefghijklmnopq"))),
        (("a", "a"), "none", Placed(gateway=("a",))),
        (("", "a"), "max4", Placed(upstream=("", "a"))),
        (("", "a"), "none", Placed(gateway=("a",), lost="an empty stop string stops nothing")),
    ],
)
def test_all_go_up_or_none(stops: tuple[str, ...] | None, quirk: str, placed: Placed) -> None:
    assert place_stops(stops, quirk) == placed


def test_white_space_where_the_upstream_refuses_it() -> None:
    assert place_stops(("\n", "END"), "unlimited", takes_blank=False) == Placed(gateway=("\n", "END"))
    assert place_stops(("END",), "unlimited", takes_blank=False) == Placed(upstream=("END",))


def test_what_is_looked_for_is_bounded() -> None:
    words = [str(random.Random(n).random()) for n in range(LONGEST)]
    placed = place_stops(words, "none")
    assert LONGEST - 100 < sum(map(len, placed.gateway)) <= LONGEST
    assert placed.lost == "stop strings of more than 16384 characters in all are not looked for"
