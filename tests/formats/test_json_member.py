"""The value of the one member of an object, taken out of its text as it comes."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hyperinfer.formats.json_member import MemberReader
from tests.support.strategies import JSON_VALUES
from tests.support.text_cuts import pieces_of

NAME = "answer"
SPACES = st.sampled_from(["", " ", "\n", "\t \r\n"])


def read(pieces: list[str]) -> tuple[str, bool]:
    reader = MemberReader(NAME)
    return "".join([reader.push(piece) for piece in pieces]) + reader.end(), reader.trailed


@given(JSON_VALUES, st.lists(SPACES, min_size=6, max_size=6), st.booleans(), st.data())
def test_the_value_comes_out_wherever_the_text_is_cut(
    value: object, gaps: list[str], ascii: bool, data: st.DataObject
) -> None:
    a, b, c, d, e, f = gaps
    inner = json.dumps(value, ensure_ascii=ascii, indent=2 if ascii else None)
    text = f'{a}{{{b}"answer"{c}:{d}{inner}{e}}}{f}'
    found, trailed = read(data.draw(pieces_of(text)))
    assert json.loads(found) == value
    assert found.strip() == inner
    assert not trailed


@given(st.text(alphabet='{}[]":,\\ answer\n1', max_size=30), st.data())
@example('{"answ\\u0065r": 1}', None)
def test_any_text_comes_out_alike_however_it_is_cut(text: str, data: st.DataObject | None) -> None:
    whole = read([text])
    assert read(list(text)) == whole
    if data is not None:
        assert read(data.draw(pieces_of(text))) == whole


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[1, 2]",
        '"a"',
        "null",
        '{"other": 1}',
        '{"answer"}',
        '{"answer" 1}',
        "not JSON",
        '{"answer": ',
        "{" + " " * 999,
    ],
)
def test_what_is_no_such_object_comes_out_as_it_is(text: str) -> None:
    assert read([text]) == (text, False)
    assert read(list(text)) == (text, False)


def test_a_name_may_be_escaped_and_a_value_cut_short() -> None:
    assert read(['{"answ\\u006', '5r": [1, "a\\', '"b"'])[0] == '[1, "a\\"b"'


@pytest.mark.parametrize("text", ['{"answer": 1, "more": 2}', '{"answer": 1} and so on', '{"answer": 1}}'])
def test_what_follows_the_value_is_dropped_and_told(text: str) -> None:
    assert read([text]) == ("1", True)
    assert read(list(text)) == ("1", True)


def test_long_values_take_linear_time() -> None:
    text = json.dumps({"answer": ["x" * 50] * 20_000})
    found, _ = read(list(text))
    assert found == text[len('{"answer": ') : -1]
