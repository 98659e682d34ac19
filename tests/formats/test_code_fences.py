"""A JSON answer without the code fence around it."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hyperinfer.formats.code_fences import MOST_WORDS, FenceStripper
from tests.support.strategies import JSON_VALUES
from tests.support.text_cuts import pieces_of


def strip(pieces: list[str]) -> tuple[str, bool, bool]:
    stripper = FenceStripper()
    text = "".join([stripper.push(piece) for piece in pieces]) + stripper.end()
    return text, stripper.changed, stripper.dropped


FENCED = ["```json\n{}\n```", "```\n{}\n```", "```JSON\r\n{}\r\n```\n", "  \n```json {}```", "````json\n{}\n````"]


@given(
    JSON_VALUES,
    st.sampled_from([*FENCED, "{}"]),
    st.sampled_from(["", "Sure! Here it is:\n\n", "`answer`:\n", "The `` answer:\n"]),
    st.sampled_from(["", "\n\nHope this helps! ```x```"]),
    st.booleans(),
    st.data(),
)
def test_what_stands_in_the_block_is_the_answer(
    value: object, form: str, before: str, after: str, plain: bool, data: st.DataObject
) -> None:
    fenced = form != "{}"
    inner = json.dumps({"code": '```py\nx\n``` " \\', "value": value}, indent=None if plain else 2, ensure_ascii=plain)
    words = (before, after) if fenced else ("", "")
    text = words[0] + form.replace("{}", inner) + words[1]
    found, changed, dropped = strip(data.draw(pieces_of(text)))
    assert found.strip() == inner
    assert changed == fenced
    assert dropped == any(words)


@given(st.text(alphabet='``json\n\r "\\{}a.', max_size=40), st.data())
@example("```jso", None)
@example("````json\n1\n````", None)
@example('```json\n"\\"```"\n```', None)
def test_any_text_comes_out_alike_however_it_is_cut(text: str, data: st.DataObject | None) -> None:
    whole = strip([text])
    assert strip(list(text)) == whole
    if data is not None:
        assert strip(data.draw(pieces_of(text))) == whole
    if not whole[1]:
        assert whole == (text, False, False)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "I cannot help with that.",
        "  \n",
        '{"a": "```json"}',
        "[1]\n```json\n2\n```",
        "true",
        "```python\nprint()\n```",
        "In `code`: ``x``",
        "```json",
        "```jsonish",
        "`" * 3 + "j" * 100 + "\n{}",
    ],
)
def test_a_text_without_a_block_of_json_stays(text: str) -> None:
    assert strip([text]) == (text, False, False)
    assert strip(list(text)) == (text, False, False)


def test_json_and_the_content_of_a_block_are_not_held_back() -> None:
    stripper = FenceStripper()
    assert [stripper.push(piece) for piece in (' {"a"', ": 1", "}")] == [' {"a"', ": 1", "}"]
    stripper = FenceStripper()
    assert [stripper.push(piece) for piece in ("```js", "on\n", '{"a": ', "[1]}", "\n``", "`")] == [
        "",
        "",
        '{"a": ',
        "[1]}",
        "",
        "",
    ]


def test_a_block_that_was_cut_short_keeps_what_came() -> None:
    assert strip(['```json\n{"a": "b'])[0] == '{"a": "b'
    assert strip(['```json\n{"a": 1}\n``'])[0] == '{"a": 1}'


@pytest.mark.parametrize("edge", [-3, -2, -1, 0, 1, 2])
def test_nobody_waits_for_a_block_for_ever(edge: int) -> None:
    words = "w" * (MOST_WORDS + edge)
    text = words + "```json\n{}\n```"
    found = strip([text])
    assert found == (("{}", True, True) if edge <= 0 else (text, False, False))
    assert strip(list(text)) == found
    stripper = FenceStripper()
    assert stripper.push(words + "w" * 10)
    assert stripper.push("more") == "more"


def test_long_texts_take_linear_time() -> None:
    prose, block = "word " * 40_000, "```json\n[" + " " * 100_000 + '"' + "\n" * 100_000 + "\n```"
    assert strip(list(prose))[0] == prose
    assert strip(list(block))[1]
