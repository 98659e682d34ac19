"""A reply from one format to another, as an upstream of that would have sent it: nothing is changed but what is listed here.

All nine pairs, and each there and back again. What may differ is what a `Loss` names, and what `as_heard` says of a pair.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

import pytest
from hypothesis import given, settings

from tests.support.heard import as_heard, spaced
from tests.support.pair import Pair, decode_stream
from tests.support.recordings import DIALECTS
from tests.support.strategies import Walk, event_sequences
from tests.support.told import about_something, told

if TYPE_CHECKING:
    from hyperinfer.formats import Dialect, Event, Loss

PAIRS = [(upstream, client) for upstream in DIALECTS for client in DIALECTS]


class Hop(NamedTuple):
    """A reply after one hop."""

    events: list[Event]
    losses: list[Loss]


def hop(events: Iterable[Event], upstream: Dialect, client: Dialect) -> Hop:
    """A stream of `upstream` written for a client, and read by one who takes it for an upstream of the client's format."""
    pair = Pair(client, upstream=upstream)
    encoder = pair.codec.stream_encoder(pair.reply)
    stream = b"".join(encoder.send(event) for event in events) + encoder.end()
    found = decode_stream(client, [stream])
    return Hop([event for event in found if not isinstance(event, str)], list(encoder.losses))


def walk(upstream: Dialect) -> Walk:
    """Replies of an upstream of the protocol; Messages has no custom tools."""
    custom = upstream != "anthropic_messages"
    return Walk(upstream, rich=True, item_ids=upstream == "openai_responses", custom_tools=custom)


@pytest.mark.parametrize(("upstream", "client"), PAIRS)
def test_a_reply_arrives_and_comes_back(upstream: Dialect, client: Dialect) -> None:
    @settings(max_examples=25, deadline=None)
    @given(event_sequences(walk(upstream)))
    def check(made: tuple[Event, ...]) -> None:
        events = hop(about_something(made), upstream, upstream).events  # as the protocol says it
        there = hop(events, upstream, client)
        assert spaced(told(there.events)) == spaced(as_heard(told(events), upstream, client, there.losses))
        back = hop(there.events, client, upstream)
        assert spaced(told(back.events)) == spaced(as_heard(told(there.events), client, upstream, back.losses))

    check()
