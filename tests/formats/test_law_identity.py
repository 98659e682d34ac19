"""Writing and reading of one format are inverse, however a stream is cut; and no encoder takes events out of order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperinfer.formats import Dialect, EncodeError, Event
from hyperinfer.formats import events as ev
from hyperinfer.formats.lifecycle import Lifecycle, OrderError
from tests.formats.test_lifecycle import SAMPLES
from tests.support.chunks import byte_by_byte
from tests.support.heard import as_heard, spaced
from tests.support.pair import Pair, decode_stream
from tests.support.recordings import DIALECTS
from tests.support.strategies import BLOCKS, Walk, event_sequences
from tests.support.told import about_something, opened, told

_DELTAS = (ev.TextDelta, ev.ReasoningDelta, ev.RefusalDelta, ev.ArgumentsDelta)


def walk(dialect: Dialect) -> Walk:
    """All that a server of the format may say; Chat knows no hosted tools, Messages no custom ones."""
    return Walk(
        dialect,
        tuple(block for block in BLOCKS if block is not ev.ServerToolStart or dialect != "openai_chat"),
        rich=True,
        unknown=True,
        further=2 if dialect == "openai_chat" else 0,
        item_ids=dialect == "openai_responses",
        custom_tools=dialect != "anthropic_messages",
    )


def merged(events: Iterable[Event | str]) -> dict[int, list[Event | str]]:
    """The events of each choice, everything in them, with adjacent deltas merged.

    Where counts and events without structure stand between the others means nothing: they are put last.
    """
    out: dict[int, list[Event | str]] = {}
    loose: list[Event | str] = []
    for event in events:
        if isinstance(event, (str, ev.UsageUpdate, ev.Unknown)):
            loose.append(event)
            continue
        event = _untagged(event)
        choice = out.setdefault(event.choice, [])
        last = choice[-1] if choice else None
        if isinstance(event, _DELTAS) and isinstance(last, _DELTAS) and _go_on(last, event):
            choice[-1] = msgspec.structs.replace(event, text=last.text + event.text)
        else:
            choice.append(event)
    return {**out, -1: loose}


def _untagged(event: Event) -> Event:
    """A blob that is tagged already, by another gateway, is tagged again on its way."""
    if not isinstance(event, (ev.ReasoningEnd, ev.ToolCallStart)):
        return event
    blobs = tuple(msgspec.structs.replace(blob, data=opened(blob.data)) for blob in event.opaque)
    return msgspec.structs.replace(event, opaque=blobs)


def _go_on(last: Event, event: Event) -> bool:
    """Whether two deltas differ in nothing but their text, and have nothing that belongs to one piece of it."""
    bare = [msgspec.structs.replace(one, text="") for one in (last, event)]
    return bare[0] == bare[1] and not getattr(event, "logprobs", None)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_what_was_read_is_written_and_read_the_same(dialect: Dialect) -> None:
    pair = Pair(dialect)

    @settings(max_examples=60, deadline=None)
    @given(event_sequences(walk(dialect)), st.data())
    def check(made: Sequence[Event], data: st.DataObject) -> None:
        made = about_something(made)
        stream = pair.stream(made)
        read = decode_stream(dialect, [stream])
        assert spaced(told(read)) == spaced(as_heard(told(made), dialect, dialect, []))
        again = pair.stream([event for event in read if not isinstance(event, str)])
        assert merged(decode_stream(dialect, [again])) == merged(read)
        cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
        edges = [0, *cuts, len(stream)]
        assert decode_stream(dialect, [stream[a:b] for a, b in pairwise(edges)]) == read

    check()


@pytest.mark.parametrize("dialect", DIALECTS)
def test_one_byte_at_a_time(dialect: Dialect) -> None:
    pair = Pair(dialect)

    @settings(max_examples=10, deadline=None)
    @given(event_sequences(walk(dialect)))
    def check(made: tuple[Event, ...]) -> None:
        stream = pair.stream(made)
        assert decode_stream(dialect, byte_by_byte(stream)) == decode_stream(dialect, [stream])

    check()


@pytest.mark.parametrize("client", DIALECTS)
def test_an_encoder_takes_an_event_where_the_table_has_it_and_nowhere_else(client: Dialect) -> None:
    pair = Pair(client, upstream="openai_chat")

    @settings(max_examples=25, deadline=None)
    @given(event_sequences(Walk(failures=True, unknown=True)), st.data())
    def check(events: tuple[Event, ...], data: st.DataObject) -> None:
        place = data.draw(st.integers(0, len(events)))
        for event in SAMPLES.values():
            encoder, life = pair.codec.stream_encoder(pair.reply), Lifecycle()
            for before in events[:place]:
                encoder.send(before)
                life.step(before)
            try:
                life.step(event)
            except OrderError:
                with pytest.raises(EncodeError):
                    encoder.send(event)
            else:
                encoder.send(event)

    check()


@pytest.mark.parametrize("client", DIALECTS)
@settings(max_examples=25, deadline=None)
@given(events=event_sequences(Walk()), data=st.data())
def test_a_whole_response_is_made_of_a_whole_reply(client: Dialect, events: tuple[Event, ...], data: st.DataObject) -> None:
    pair = Pair(client, upstream="openai_chat")
    place = data.draw(st.integers(0, len(events) - 1))
    with pytest.raises(EncodeError):
        pair.whole(events[:place])
    with pytest.raises(EncodeError):
        pair.whole([*events[:place], ev.UpstreamError("internal_error", "x")])
