"""When the arguments of a call in a Chat stream are complete, however they are cut."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperinfer.formats.openai_chat import calls_decode
from hyperinfer.formats.openai_chat.calls_decode import CallBook, CallPiece

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(0, 99) | st.text('"\\{}[]a,é', max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text('"\\{}', max_size=3), inner, max_size=3),
    max_leaves=8,
)


def is_json(text: str) -> bool:
    try:
        msgspec.json.decode(text)
    except msgspec.DecodeError:
        return False
    return True


@given(JSON.map(json.dumps) | st.text('{}[]"\\,1 ', max_size=12), st.text('{}[]" ', max_size=3), st.lists(st.booleans()))
def test_arguments_are_complete_when_they_are_json(text: str, more: str, asked: list[bool]) -> None:
    """Character by character, asked after any of them and twice."""
    book = CallBook("seed")
    book.open(CallPiece(0, "", begins=True))
    for place, character in enumerate(text + more):
        book.add(character)
        if place >= len(asked) or asked[place]:
            expected = is_json((text + more)[: place + 1])
            assert (book.complete, book.complete) == (expected, expected)


@pytest.mark.parametrize("piece", ['{"a": [1, {"b": 2}]},', "{}"], ids=["an array of objects", "no JSON"])
def test_arguments_that_go_on_are_not_parsed_again_with_each_piece(piece: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each piece ends like an object, and something waits for the end of the call."""
    parsed: list[int] = []

    class Counting:
        DecodeError = msgspec.DecodeError
        Raw = msgspec.Raw

        class json:
            @staticmethod
            def decode(text: str, *, type: type[msgspec.Raw]) -> msgspec.Raw:
                parsed.append(len(text))
                return msgspec.json.decode(text, type=type)

    monkeypatch.setattr(calls_decode, "msgspec", Counting)
    book = CallBook("seed")
    book.open(CallPiece(0, "", begins=True))
    book.add("[" if piece.endswith(",") else "")
    for _ in range(500):
        book.add(piece)
        _ = book.complete
    assert len(parsed) <= 2
