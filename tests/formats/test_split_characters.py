"""Characters that an upstream put into two frames."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperinfer.formats.split_characters import SplitCharacters


def _said(*frames: bytes) -> str:
    split = SplitCharacters()
    return "".join(split.decode(b'{"a":"%b"}' % frame)["a"] for frame in frames)


@given(st.text(st.characters(exclude_characters='"\\', exclude_categories=("Cs", "Cc"))), st.data())
def test_bytes_in_any_frames(text: str, data: st.DataObject) -> None:
    raw = text.encode()
    cuts = data.draw(st.lists(st.integers(0, len(raw)), max_size=6).map(sorted))
    edges = [0, *cuts, len(raw)]
    assert _said(*(raw[a:b] for a, b in pairwise(edges))) == text


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_utf_16_units_one_by_one(text: str) -> None:
    raw = text.encode("utf-16-be")
    units = [chr(int.from_bytes(raw[at : at + 2])) for at in range(0, len(raw), 2)]
    assert _said(*(json.dumps(unit)[1:-1].encode() for unit in units)) == text


def test_the_same_part_twice_in_a_frame() -> None:
    split = SplitCharacters()
    first: Any = split.decode(b'{"x":"a\\ud83d","y":"a\\ud83d"}')
    between: Any = split.decode(b'{"type":"ping"}')
    second: Any = split.decode(b'{"x":"\\ude00","y":"\\ude00"}')
    assert (first, between, second) == ({"x": "a", "y": "a"}, {"type": "ping"}, {"x": "😀", "y": "😀"})


def test_what_is_broken_otherwise_stays_an_error() -> None:
    for frame in (b'{"a":', b'{"a":"\xff"}', b'{"a":"\xe4 "}', b'{"a":"\\ud83d", "b":}'):
        with pytest.raises((msgspec.DecodeError, UnicodeDecodeError)):
            SplitCharacters().decode(frame)
    assert SplitCharacters().decode(b'{"a":"\\ude00b"}') == {"a": "\ufffdb"}  # the half of a pair that never began
    assert SplitCharacters().decode(b'{"a":"\\\\ud83d"}') == {"a": "\\ud83d"}
