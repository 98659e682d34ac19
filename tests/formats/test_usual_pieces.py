"""Pieces of text, arguments and reasoning that go on with an open block are written by a short way: as by the long one."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperinfer.formats import FORMATS, Dialect, EncodeError, ErrorReport, Loss
from hyperinfer.formats import events as ev
from hyperinfer.formats.anthropic_messages.stream_encode import MessagesStreamEncoder
from hyperinfer.formats.openai_chat.piece_frames import PieceFrames
from hyperinfer.formats.openai_responses.stream_encode import ResponsesStreamEncoder
from hyperinfer.formats.usage import Usage
from tests.support.pair import Pair
from tests.support.strategies import Walk, event_sequences

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from hyperinfer.formats import Event
    from hyperinfer.formats.codec import StreamEncoder

SHORT_WAYS: tuple[tuple[Any, str], ...] = (
    (PieceFrames, "one"),
    (PieceFrames, "more"),
    (MessagesStreamEncoder, "_usual"),
    (MessagesStreamEncoder, "_more"),
    (ResponsesStreamEncoder, "_more"),
)
DIALECTS: tuple[Dialect, ...] = ("openai_chat", "openai_responses", "anthropic_messages")


def written(encoder: StreamEncoder, bursts: Iterable[Sequence[Event]]) -> tuple[list[bytes], list[Loss], bytes]:
    """(what is written for each burst, what is lost, the end or what there is after an error)."""
    out: list[bytes] = []
    for burst in bursts:
        pieces: list[bytes] = []
        encoder.send_burst(burst, pieces)
        out.append(b"".join(pieces))
    report = ErrorReport("internal_error", "no", "r")
    return out, list(encoder.losses), encoder.fail(report)


def both_ways(client: Dialect, upstream: Dialect, bursts: Sequence[Sequence[Event]]) -> tuple[object, object, int]:
    """(what is written by the short ways, by the long one, how many times a short one was taken)."""
    reply, codec, taken = Pair(client, upstream=upstream).reply, FORMATS[client], 0

    def counted(short: Callable[..., bytes]) -> Callable[..., bytes]:
        def counting(*args: Any) -> bytes:
            nonlocal taken
            frames = short(*args)
            taken += bool(frames)
            return frames

        return counting

    def nothing(*args: Any) -> bytes:
        return b""

    with pytest.MonkeyPatch.context() as patch:
        for owner, name in SHORT_WAYS:
            patch.setattr(owner, name, counted(getattr(owner, name)))
        short = written(codec.stream_encoder(reply), bursts)
        for owner, name in SHORT_WAYS:
            patch.setattr(owner, name, nothing)
        long = codec.stream_encoder(reply)
        frames = [b"".join([long.send(event) for event in burst]) for burst in bursts]
        assert (frames, list(long.losses)) == written(codec.stream_encoder(reply), bursts)[:2]
        return short, (frames, list(long.losses), long.fail(ErrorReport("internal_error", "no", "r"))), taken


def cut(events: Sequence[Event], places: Iterable[int]) -> list[Sequence[Event]]:
    edges = [0, *sorted(place % (len(events) + 1) for place in places), len(events)]
    return [events[start:end] for start, end in itertools.pairwise(edges)]


@settings(max_examples=60)
@given(st.data(), st.sampled_from(DIALECTS), st.sampled_from(DIALECTS), st.lists(st.integers(0, 99), max_size=4))
def test_any_reply(data: st.DataObject, client: Dialect, upstream: Dialect, cuts: list[int]) -> None:
    walk = Walk(upstream, further=1, unknown=True, failures=True, item_ids=True, rich=True, most_blocks=4)
    short, long, _ = both_ways(client, upstream, cut(data.draw(event_sequences(walk)), cuts))
    assert short == long


TEXTS = st.sampled_from(
    ["a", "", ",", '"', '","', "\\", '\\"', "{", '},{"delta":', "\0", "\n", "é😀", "\u2028", "  ", '{"a":', "}"]
)
PIECES: list[st.SearchStrategy[Event]] = [
    st.builds(ev.TextDelta, TEXTS),
    st.builds(ev.ReasoningDelta, TEXTS, st.sampled_from(["text", "text", "summary"]), st.sampled_from([0, 0, 0, 1])),
    st.builds(ev.ArgumentsDelta, TEXTS),
]
OTHERS: list[st.SearchStrategy[Event]] = [
    st.just(ev.UsageUpdate(Usage(input_tokens=1))),
    TEXTS.map(lambda text: ev.TextDelta(text, extra={"delta": {"x": 1}})),
    TEXTS.map(lambda text: ev.TextDelta(text, logprobs=[{"token": "a", "logprob": 0.0}])),
    st.just(ev.Citation("openai_chat", {"url": "http://x"}, url="http://x", start=0, end=1)),
]
BLOCKS: list[tuple[Event, Event]] = [
    (ev.TextStart(), ev.TextEnd()),
    (ev.ReasoningStart(), ev.ReasoningEnd()),
    (ev.ToolCallStart("c1", "f"), ev.ToolCallEnd()),
    (ev.ToolCallStart("c1", "f", "custom"), ev.ToolCallEnd()),
]


@st.composite
def runs(draw: st.DrawFn, upstream: Dialect) -> list[Event]:
    """Blocks of many pieces, some of which hold more than their text."""
    events: list[Event] = [ev.MessageStart(upstream)]
    for number in draw(st.lists(st.integers(0, len(BLOCKS) - 1), min_size=1, max_size=3)):
        start, end = BLOCKS[number]
        pieces: st.SearchStrategy[Event] = PIECES[min(number, 2)]
        pieces = st.one_of(pieces, pieces, pieces, pieces, *(OTHERS if number == 0 else OTHERS[:1]))
        events += [start, *draw(st.lists(pieces, max_size=12)), end]
    return events


@settings(max_examples=150)
@given(st.data(), st.sampled_from(DIALECTS), st.sampled_from(DIALECTS), st.lists(st.integers(0, 99), max_size=3))
def test_any_runs(data: st.DataObject, client: Dialect, upstream: Dialect, cuts: list[int]) -> None:
    short, long, _ = both_ways(client, upstream, cut(data.draw(runs(upstream)), cuts))
    assert short == long


@pytest.mark.parametrize("client", DIALECTS)
def test_a_piece_that_is_not_legal_is_an_error_in_its_place(client: Dialect) -> None:
    events: list[Event] = [ev.MessageStart(client), ev.TextStart(), *(ev.TextDelta(text) for text in "ab"), ev.TextEnd()]
    encoder, other = (FORMATS[client].stream_encoder(Pair(client).reply) for _ in range(2))
    pieces: list[bytes] = []
    with pytest.raises(EncodeError):
        encoder.send_burst([*events, *(ev.TextDelta(text) for text in "cde")], pieces)
    assert b"".join(pieces) == b"".join(map(other.send, events))


DELTAS: list[tuple[Event, ...]] = [
    (ev.TextStart(), *(ev.TextDelta(text) for text in "abcd"), ev.TextEnd()),
    (ev.ReasoningStart(), *(ev.ReasoningDelta(text) for text in "abcd"), ev.ReasoningEnd()),
    (ev.ToolCallStart("c1", "f"), *(ev.ArgumentsDelta(text) for text in ('{"a":', "[", "]", "}")), ev.ToolCallEnd()),
]


@pytest.mark.parametrize("client", DIALECTS)
@pytest.mark.parametrize("upstream", DIALECTS)
@pytest.mark.parametrize("block", DELTAS, ids=["text", "reasoning", "arguments"])
def test_the_usual_pieces_take_the_short_way(client: Dialect, upstream: Dialect, block: tuple[Event, ...]) -> None:
    short, long, taken = both_ways(client, upstream, [(ev.MessageStart(upstream), *block)])
    assert short == long
    assert taken == 1
    short, long, taken = both_ways(client, upstream, [[event] for event in (ev.MessageStart(upstream), *block)])
    assert short == long
    assert taken >= (0 if client == "openai_responses" else 3)
