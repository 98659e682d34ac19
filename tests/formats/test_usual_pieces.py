"""Pieces of text, arguments and reasoning that go on with an open block are written by a short way: as by the long one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperinfer.formats import FORMATS, Dialect, Loss
from hyperinfer.formats import events as ev
from hyperinfer.formats.anthropic_messages.stream_encode import MessagesStreamEncoder
from hyperinfer.formats.openai_chat.stream_encode import ChatStreamEncoder
from tests.support.pair import Pair
from tests.support.strategies import Walk, event_sequences

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hyperinfer.formats import Event
    from hyperinfer.formats.codec import StreamEncoder

ENCODERS: tuple[Any, ...] = (ChatStreamEncoder, MessagesStreamEncoder)
CLIENTS: tuple[Dialect, ...] = ("openai_chat", "anthropic_messages")
UPSTREAMS: tuple[Dialect, ...] = ("openai_chat", "openai_responses", "anthropic_messages")


def written(encoder: StreamEncoder, events: Sequence[Event]) -> tuple[list[bytes], list[Loss]]:
    return [encoder.send(event) for event in events], list(encoder.losses)


def both_ways(client: Dialect, upstream: Dialect, events: Sequence[Event]) -> tuple[object, object, int]:
    """(what is written by the short way, by the long one, how many events took the short one)."""
    reply, codec, taken = Pair(client, upstream=upstream).reply, FORMATS[client], 0

    def counted(usual: Callable[[Any, Event], bytes]) -> Callable[[Any, Event], bytes]:
        def counting(encoder: Any, event: Event) -> bytes:
            nonlocal taken
            frame = usual(encoder, event)
            taken += bool(frame)
            return frame

        return counting

    def nothing(encoder: Any, event: Event) -> bytes:
        return b""

    with pytest.MonkeyPatch.context() as patch:
        for encoder in ENCODERS:
            patch.setattr(encoder, "_usual", counted(encoder._usual))
        short = written(codec.stream_encoder(reply), events)
        for encoder in ENCODERS:
            patch.setattr(encoder, "_usual", nothing)
        return short, written(codec.stream_encoder(reply), events), taken


@settings(max_examples=60)
@given(st.data(), st.sampled_from(CLIENTS), st.sampled_from(UPSTREAMS))
def test_any_reply(data: st.DataObject, client: Dialect, upstream: Dialect) -> None:
    walk = Walk(upstream, further=1, unknown=True, failures=True, item_ids=True, rich=True, most_blocks=4)
    short, long, _ = both_ways(client, upstream, data.draw(event_sequences(walk)))
    assert short == long


DELTAS: list[tuple[Event, ...]] = [
    (ev.TextStart(), *(ev.TextDelta(text) for text in "abcd"), ev.TextEnd()),
    (ev.ReasoningStart(), *(ev.ReasoningDelta(text) for text in "abcd"), ev.ReasoningEnd()),
    (ev.ToolCallStart("c1", "f"), *(ev.ArgumentsDelta(text) for text in ('{"a":', "[", "]", "}")), ev.ToolCallEnd()),
]


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("upstream", UPSTREAMS)
@pytest.mark.parametrize("block", DELTAS, ids=["text", "reasoning", "arguments"])
def test_the_usual_pieces_take_the_short_way(client: Dialect, upstream: Dialect, block: tuple[Event, ...]) -> None:
    short, long, taken = both_ways(client, upstream, (ev.MessageStart(upstream), *block))
    assert short == long
    assert taken >= 3
