"""Frames come out as they went in, however the bytes were cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperinfer.api.store.frames import FrameReader, FrameTooLong, frame


@given(st.lists(st.binary(max_size=300), max_size=8), st.data())
def test_chunks_do_not_matter(payloads: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(map(frame, payloads))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=10)))
    reader = FrameReader()
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        reader.feed(stream[start:end])
    assert reader.take(100) == payloads


def test_takes_at_most_what_was_asked() -> None:
    reader = FrameReader()
    reader.feed(frame(b"1") + frame(b"") + frame(b"3") + b"\0\0")
    assert reader.take(2) == [b"1", b""]
    assert len(reader) == 1


def test_an_absurd_length_is_refused() -> None:
    with pytest.raises(FrameTooLong):
        FrameReader(limit=10).feed(b"\x00\x00\x00\x0b")
