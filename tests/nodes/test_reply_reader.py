"""Streams and documents are told apart by how they begin, however the bytes are cut."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

import pytest

from hyperinfer.formats import FORMATS, Event, Upstream
from hyperinfer.formats import events as ev
from hyperinfer.nodes.reply_reader import BLANK_LIMIT, ReplyReader
from tests.support.bench import DIALECTS
from tests.support.chunks import byte_by_byte
from tests.support.replies import STREAMS, WHOLES

if TYPE_CHECKING:
    from hyperinfer.formats import Dialect


def read(dialect: Dialect, pieces: list[bytes]) -> tuple[list[Event], ReplyReader]:
    reader = ReplyReader(FORMATS[dialect], Upstream(vendor="v", id_seed="s"))
    found = list(chain.from_iterable(reader.receive_data(piece) for piece in pieces))
    if not reader.ended and reader.error is None:
        found += reader.receive_eof()
    return found, reader


@pytest.mark.parametrize("before", [b"", b"\xef\xbb\xbf", b"\r\n\n ", b"\xef\xbb\xbf\n"])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_both_forms(dialect: Dialect, before: bytes) -> None:
    for data in (b"".join(STREAMS[dialect]), WHOLES[dialect]):
        if before.endswith(b" ") and data[:1] != b"{":
            continue  # a field name may not be indented
        whole, reader = read(dialect, [before + data])
        assert reader.ended
        assert isinstance(whole[-1], ev.MessageEnd)
        assert "".join(event.text for event in whole if isinstance(event, ev.TextDelta)) == "Hello"
        again, reader = read(dialect, byte_by_byte(before + data))
        assert reader.ended
        assert again == whole


@pytest.mark.parametrize(
    ("data", "cut_short"),
    [
        (b"", True),
        (b"  \n", True),
        (b"\xef\xbb", True),
        (b"<html>", False),
        (b"\n<!doctype html>", False),
        (b'{"choices":', False),
        (b"[1]", False),
        (b"hello", True),
        (b"data: {}", True),
    ],
)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_what_is_no_reply(dialect: Dialect, data: bytes, cut_short: bool) -> None:
    for pieces in ([data], byte_by_byte(data)):
        events, reader = read(dialect, pieces)
        assert events == []
        assert not reader.ended
        assert reader.error is not None
        assert reader.cut_short == cut_short


@pytest.mark.parametrize("dialect", DIALECTS)
def test_events_before_an_error_stand(dialect: Dialect) -> None:
    frames = STREAMS[dialect]
    events, reader = read(dialect, [b"".join(frames[:3]) + b"data: {broken\n\n" + b"".join(frames[3:])])
    assert "".join(event.text for event in events if isinstance(event, ev.TextDelta)) == "Hello"
    assert reader.error is not None
    assert not reader.cut_short


def test_a_document_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hyperinfer.nodes.reply_reader.DOCUMENT_LIMIT", 100)
    _, reader = read("openai_chat", [b"{" + b" " * 60, b" " * 60])
    assert reader.error is not None
    assert not reader.cut_short


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_blanks_before_a_reply_are_bounded(mark: bytes) -> None:
    room = BLANK_LIMIT - len(mark)
    for count, ends in ((room, True), (room + 1, False)):
        data = mark + b" " * count + WHOLES["openai_chat"]
        for pieces in ([data], [data[n : n + 1000] for n in range(0, len(data), 1000)]):
            found, reader = read("openai_chat", pieces)
            assert (bool(found), reader.ended, reader.error is None) == (ends, ends, ends)
