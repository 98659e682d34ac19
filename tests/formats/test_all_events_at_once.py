"""All events of a read are those that come one by one, with the same answer or error behind them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperinfer.formats import FORMATS, Dialect, Event, PeerError, Upstream, Wait
from tests.support.frame_runs import in_reads
from tests.support.recordings import Recording, recordings

STREAMS = [recording for recording in recordings() if recording.streamed][::7]
Told = list["Event | Wait | str"]


def told(dialect: Dialect, reads: list[bytes], alone: list[bool]) -> Told:
    """What is told for each read and for the end. `alone`: for which reads the events are asked for one by one."""
    decoder = FORMATS[dialect].stream_decoder(Upstream(vendor="openai", id_seed="s"))
    out: Told = []
    for read, one_by_one in zip([*reads, None], alone, strict=True):
        if read is None:
            decoder.receive_eof()
        else:
            decoder.receive_data(read)
        try:
            if not one_by_one:
                events: list[Event] = []
                try:
                    answer = decoder.take_events(events)
                finally:
                    out += events
                out.append(answer)
                continue
            while not isinstance(event := decoder.next_event(), Wait):
                out.append(event)
            out.append(event)
        except PeerError as error:
            out.append(error.reason)
    return out


@pytest.mark.parametrize("recording", STREAMS, ids=str)
@pytest.mark.parametrize("size", [1, 5, 1_000_000])
@pytest.mark.parametrize("whole", [True, False], ids=["whole", "cut short"])
def test_recordings(recording: Recording, size: int, whole: bool) -> None:
    raw = recording.response if whole else recording.response[: len(recording.response) // 2]
    reads = in_reads(raw, size)
    count = len(reads) + 1
    one_by_one = told(recording.dialect, reads, [True] * count)
    assert told(recording.dialect, reads, [False] * count) == one_by_one
    assert told(recording.dialect, reads, [bool(n % 2) for n in range(count)]) == one_by_one


BROKEN = st.sampled_from([b"", b"x", b"\n", b'"', b"\xff"])


@pytest.mark.skipif(not STREAMS, reason="no recordings")
@given(st.integers(0, 999), st.integers(0, 10**6), BROKEN, st.integers(1, 9))
def test_broken_bytes(number: int, place: int, other: bytes, size: int) -> None:
    recording = STREAMS[number % len(STREAMS)]
    raw = recording.response
    place %= len(raw)
    reads = in_reads(raw[:place] + other + raw[place + 1 :], size)
    count = len(reads) + 1
    assert told(recording.dialect, reads, [False] * count) == told(recording.dialect, reads, [True] * count)


def test_events_that_were_left_come_first() -> None:
    decoder = FORMATS["openai_chat"].stream_decoder(Upstream(vendor="openai", id_seed="s"))
    decoder.receive_data(b'data: {"id":"x","choices":[{"index":0,"delta":{"content":"a"}}]}\n\n')
    first, events = decoder.next_event(), list[Event]()
    decoder.take_events(events)
    assert [type(event).__name__ for event in (first, *events)] == ["MessageStart", "TextStart", "TextDelta"]
