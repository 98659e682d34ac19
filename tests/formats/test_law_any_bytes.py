"""Whatever bytes an upstream sends: legal events that end, or a `PeerError`, and each client's stream of them is legal."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperinfer.formats import FORMATS, Dialect, Event, PeerError, Upstream
from hyperinfer.formats import events as ev
from hyperinfer.formats.lifecycle import Lifecycle
from hyperinfer.formats.opaque import DEFAULT_VENDOR
from tests.support.pair import Pair, decode_stream
from tests.support.recordings import DIALECTS, recordings
from tests.support.strategies import Walk, event_sequences
from tests.support.told import told

TELLING = b'\x00"\\{}[],:0-eE \n\r\xc3\xed\xff'
"""Bytes that mean something to JSON, to event streams or to UTF-8."""
MOST = 30_000
RECORDED = {
    (dialect, streamed): [
        found.response
        for found in recordings()
        if (found.dialect, found.streamed) == (dialect, streamed) and len(found.response) < MOST
    ]
    for dialect in DIALECTS
    for streamed in (True, False)
}


class Change(NamedTuple):
    """One byte put in the place of `removes` bytes."""

    place: float  # as a part of the whole
    removes: int
    byte: bytes

    def of(self, data: bytes) -> bytes:
        """The data with the change made."""
        place = int(self.place * len(data))
        return data[:place] + self.byte + data[place + self.removes :]


BYTES = st.sampled_from([bytes([value]) for value in TELLING]) | st.binary(min_size=1, max_size=1)
PLACES = st.floats(0, 1, exclude_max=True)
CHANGES = (
    st.builds(Change, PLACES, st.just(1), BYTES)
    | st.builds(Change, PLACES, st.just(0), BYTES)
    | st.builds(Change, PLACES, st.just(1), st.just(b""))
)


def walk(dialect: Dialect, further: int = 0) -> Walk:
    """All that a server of the format may say."""
    return Walk(dialect, rich=True, unknown=True, item_ids=dialect == "openai_responses", further=further)


def upstream(dialect: Dialect) -> Upstream:
    return Upstream(vendor=DEFAULT_VENDOR[dialect], id_seed="seed")


def whole(dialect: Dialect, body: bytes) -> list[Event | str]:
    """The events of a whole response, or why there are none."""
    try:
        return list(FORMATS[dialect].decode_response(body, upstream(dialect)))
    except PeerError as error:
        return [error.reason]


def check_outcome(dialect: Dialect, found: list[Event | str]) -> None:
    """Events in a legal order, over at last, and fit for every client."""
    events = [event for event in found if not isinstance(event, str)]
    life = Lifecycle()
    for event in events:
        life.step(event)
    assert life.finished == (len(events) == len(found))
    if events and isinstance(end := events[-1], ev.MessageEnd) and end.stop == "unfinished":
        Pair(dialect).whole(events)  # no other format, and no stream, can tell of it
        return
    for client in DIALECTS:
        pair = Pair(client, upstream=dialect)
        encoder = pair.codec.stream_encoder(pair.reply)
        for event in events:
            encoder.send(event)
        if events and isinstance(events[-1], ev.MessageEnd):
            encoder.end()
            pair.whole(events)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_changed_byte(dialect: Dialect) -> None:
    pair = Pair(dialect)
    further = 2 if dialect == "openai_chat" else 0

    @settings(max_examples=40, deadline=None)
    @given(event_sequences(walk(dialect, further)), st.lists(CHANGES, min_size=4, max_size=4))
    def check(made: tuple[Event, ...], changes: list[Change]) -> None:
        stream, body = pair.stream(made), pair.whole(made)
        for change in changes:
            check_outcome(dialect, decode_stream(dialect, [change.of(stream)]))
            check_outcome(dialect, whole(dialect, change.of(body)))

    check()


@pytest.mark.skipif(not any(RECORDED.values()), reason="the recordings are not on this machine")
@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_changed_byte_of_a_recording(dialect: Dialect) -> None:
    streams, bodies = RECORDED[dialect, True], RECORDED[dialect, False]

    @settings(max_examples=150, deadline=None)
    @given(st.sampled_from(streams), st.sampled_from(bodies), CHANGES)
    def check(stream: bytes, body: bytes, change: Change) -> None:
        check_outcome(dialect, decode_stream(dialect, [change.of(stream)]))
        check_outcome(dialect, whole(dialect, change.of(body)))

    check()


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_reply_that_breaks_off(dialect: Dialect) -> None:
    """Either all was there already, but for the counts, or it is an error: never a reply that seems to be whole."""
    pair = Pair(dialect)

    @settings(max_examples=25, deadline=None)
    @given(event_sequences(walk(dialect)), st.lists(PLACES, min_size=6, max_size=6))
    def check(made: tuple[Event, ...], places: list[float]) -> None:
        stream, body = pair.stream(made), pair.whole(made)
        said = [piece for piece in told(decode_stream(dialect, [stream])) if piece.kind != "usage"]
        for place in places:
            found = decode_stream(dialect, [stream[: int(place * len(stream))]])
            check_outcome(dialect, found)
            if found and isinstance(found[-1], ev.MessageEnd):
                assert [piece for piece in told(found) if piece.kind != "usage"] == said
            [reason] = whole(dialect, body[: int(place * len(body))])
            assert isinstance(reason, str)

    check()


@pytest.mark.parametrize("dialect", DIALECTS)
@settings(max_examples=150, deadline=None)
@given(data=st.binary(max_size=80))
def test_any_bytes_at_all(dialect: Dialect, data: bytes) -> None:
    check_outcome(dialect, decode_stream(dialect, [data]))
    check_outcome(dialect, decode_stream(dialect, [b"data: " + data + b"\n\n"]))
    check_outcome(dialect, whole(dialect, data))
