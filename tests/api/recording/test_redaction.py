"""Secrets are found wherever they lie, and nothing else is touched."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperinfer.api.recording.redaction import REDACTED, Pieces, Redactor

SECRETS = ("sk-abab", "abacus", 'quo"ted', "ab")
WORD = REDACTED.encode()


@pytest.mark.parametrize(
    ("data", "clean"),
    [
        (b"a sk-abab!", b"a " + WORD + b"!"),
        (b"sk-ababacus", WORD + b"acus"),
        (b"an abacus", b"an " + WORD),
        (b'{"k": "quo\\"ted"} quo"ted', b'{"k": "' + WORD + b'"} ' + WORD),
        (b"ab is no secret, nor sk-aba", b"ab is no secret, nor sk-aba"),
    ],
)
def test_in_one_piece(data: bytes, clean: bytes) -> None:
    redactor = Redactor(SECRETS)
    assert redactor.clean(data) == clean
    assert redactor.found == clean.count(WORD)
    assert Redactor(()).clean(data) == data


@st.composite
def _cut(draw: st.DrawFn) -> list[bytes]:
    data = b"".join(
        draw(st.lists(st.sampled_from([b"sk-abab", b"sk-", b"ab", b"acus", b"a", b"x", b'quo"ted', b"-", b"sk-aba"])))
    )
    cuts = sorted(draw(st.lists(st.integers(0, len(data)))))
    return [data[begin:end] for begin, end in pairwise([0, *cuts, len(data)])]


@settings(max_examples=150)
@given(_cut())
def test_in_any_pieces(pieces: list[bytes]) -> None:
    """The whole is as if it had come at once; every piece comes out, in order; one without a part of a secret as it was."""
    redactor = Redactor(SECRETS)
    reading = Pieces[int](redactor)
    given_out = [each for key, piece in enumerate(pieces) for each in reading.take(key, piece)]
    given_out += reading.end()
    whole = b"".join(pieces)
    assert b"".join(data for _, data in given_out) == redactor.clean(whole)
    assert [key for key, _ in given_out] == list(range(len(pieces)))
    places = redactor.places(whole)
    begin = 0
    for (_, data), piece in zip(given_out, pieces, strict=True):
        end = begin + len(piece)
        if not any(first < end and last > begin for first, last in places):
            assert data == piece
        begin = end


def test_nothing_is_kept_that_cannot_go_on() -> None:
    reading = Pieces[int](Redactor(SECRETS))
    assert reading.take(0, b"sk-x") == [(0, b"sk-x")]
    assert reading.take(1, b"sk-") == ()
    assert reading.take(2, b"a") == ()
    assert reading.take(3, b"x") == [(1, b"sk-"), (2, b"a"), (3, b"x")]
    assert reading.end() == []
