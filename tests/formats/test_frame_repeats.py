"""Lines around a string: what is read of many at once is what is read of each."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperinfer.formats import events as ev
from hyperinfer.formats.repeats import Around, around, repeats
from hyperinfer.formats.runs import FrameRun
from tests.support.chat_stream import DONE, chunk
from tests.support.pair import decode_stream

if TYPE_CHECKING:
    from collections.abc import MutableSequence, Sequence

    from hyperinfer.formats import Event

BEFORE, AFTER = b'data: {"a":[1,{"b":', b'}],"c":null'
WORDS = [
    b'"a"',
    b'"b"',
    b'""',
    b' "c"',
    b'"\\n"',
    b'"\\""',
    b'"',
    b'"a',
    b'b"',
    b'a","b',
    b'"a","b"',
    b"[]",
    b"1",
    b"",
    b",",
    b"\xff",
]
PADS = [b"", b"x", b"Zz0+/=_-", b'"', b"}", b'"}', b" ", b"\xc3\xa9", AFTER]


def by_themselves(lines: list[bytes], padded: bool) -> list[str]:
    """The texts of the lines up to one that is of another form, each line looked at alone."""
    form = re.escape(BEFORE) + rb"(.*)" + re.escape(AFTER)
    form += rb',"obfuscation":"[A-Za-z0-9+/=_-]*"\}' if padded else rb"\}"
    texts: list[str] = []
    for line in lines:
        found = re.fullmatch(form, line, re.DOTALL)
        try:
            text = msgspec.json.decode(found[1], type=str) if found else None
        except (msgspec.DecodeError, UnicodeDecodeError):
            text = None
        if text is None:
            break
        texts.append(text)
    return texts


def line(word: bytes, pad: bytes, padded: bool) -> bytes:
    return BEFORE + word + AFTER + (b',"obfuscation":"' + pad + b'"}' if padded else b"}")


def texts(lines: list[bytes], padded: bool) -> list[str]:
    first = line(b'"first"', b"p", padded)
    data = first.removeprefix(b"data: ")
    place = around(data, "first", [b'"b":'])
    assert place is not None
    assert place.padded is padded
    run = repeats([first], data, place, lambda texts: ())
    assert run is not None
    return run.texts(lines)


USUAL = st.sampled_from(WORDS[:6])
LINES = st.booleans().flatmap(
    lambda padded: st.tuples(
        st.lists(
            st.one_of(
                *[st.builds(line, USUAL, st.sampled_from(PADS[:3]), st.just(padded))] * 6,
                st.builds(line, st.sampled_from(WORDS), st.sampled_from(PADS), st.just(padded)),
                st.builds(line, USUAL, st.just(b""), st.just(not padded)),
                st.sampled_from([b"data: [DONE]", b"", BEFORE, b"x" + line(b'"a"', b"", padded)]),
            ),
            max_size=24,
        ),
        st.just(padded),
    )
)


@given(LINES)
def test_many_lines(lines: tuple[list[bytes], bool]) -> None:
    assert texts(*lines) == by_themselves(*lines)


@pytest.mark.parametrize("padded", [True, False])
@pytest.mark.parametrize("count", [2, 9])
def test_strings_that_only_together_are_as_many(padded: bool, count: int) -> None:
    usual = [line(b'"a"', b"", padded)] * count
    for pair in ((b'"a","b', b'c"'), (b'"a', b'b","c"'), (b'"a","b"', b'"a'), (b'"a', b'b"')):
        lines = [*usual, *(line(word, b"", padded) for word in pair), *usual]
        assert texts(lines, padded) == by_themselves(lines, padded) == ["a"] * count


def test_a_string_with_two_homes_or_none_has_no_place() -> None:
    assert around(b'{"b":"x","b":"x"}', "x", [b'"b":']) is None
    assert around(b'{"b":"x"}', "y", [b'"b":']) is None
    assert around(b'{"c":"x"}', "x", [b'"b":']) is None
    assert around(b'{"b":"x\\q"}', "x", [b'"b":']) is None
    assert around(b'{"b": "x" }', "x", [b'"b":']) == Around(b'{"b": ', b" }", padded=False)


@pytest.mark.parametrize("lines", [(b"data: %b", b"event: %b"), (b"event: %b", b"x: 1"), (b"a", b"b", b"data: %b")])
def test_frames_of_another_form_make_no_run(lines: tuple[bytes, ...]) -> None:
    data = b'{"b":"x"}'
    place = around(data, "x", [b'"b":'])
    assert place is not None
    assert repeats([line.replace(b"%b", data) for line in lines], data, place, lambda texts: ()) is None


def test_a_stream_without_runs_is_read_without_looking_for_more() -> None:
    """Each delta with a count of its own, then many without: those few that were in vain are all that is tried."""
    tried, take = 0, FrameRun.take

    def counted(run: FrameRun, lines: Sequence[bytes], at: int, into: MutableSequence[Event]) -> int:
        nonlocal tried
        tried += 1
        return take(run, lines, at, into)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FrameRun, "take", counted)
        raw = b"".join(chunk({"content": "a"}, usage={"completion_tokens": n}) for n in range(100))
        texts = [event for event in decode_stream("openai_chat", [raw + DONE]) if isinstance(event, ev.TextDelta)]
    assert len(texts) == 100
    assert tried <= 20
