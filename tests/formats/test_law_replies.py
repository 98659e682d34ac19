"""A reply from one format to another, as an upstream of that would have sent it: nothing is changed but what is listed here.

All nine pairs, and each there and back again. What may differ is what a `Loss` names, and what `as_heard` says of a pair.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import pytest
from hypothesis import given, settings

from hyperinfer.formats import Dialect, Event, Loss
from hyperinfer.formats import events as ev
from hyperinfer.formats.ids import DistinctIds, anthropic_call_id, chat_call_id, responses_call_id
from hyperinfer.formats.restore import wrap_input
from tests.support.pair import Pair, decode_stream
from tests.support.recordings import DIALECTS
from tests.support.strategies import Walk, event_sequences
from tests.support.told import Piece, arguments, joined, told

PAIRS = [(upstream, client) for upstream in DIALECTS for client in DIALECTS]
_CALL_IDS = {
    "openai_chat": chat_call_id,
    "openai_responses": responses_call_id,
    "anthropic_messages": anthropic_call_id,
}
_STOPS: dict[Dialect, dict[ev.StopReason, ev.StopReason]] = {
    "openai_chat": {"context_window": "length", "pause": "stop"},
    "openai_responses": {"context_window": "length", "pause": "stop", "stop_sequence": "stop"},
    "anthropic_messages": {},
}
"""The ends that a format has no word for, and the word that it uses (wire facts 4.1)."""

_SEARCH = "web_search_call"
"""What Responses calls the one hosted tool of a walk."""


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


def about_something(events: Iterable[Event]) -> list[Event]:
    """The events without the sources of texts that say nothing: Chat tells them with the next text, or not at all."""
    out: list[Event] = []
    block: list[Event] = []
    for event in events:
        block.append(event)
        if isinstance(event, ev.TextEnd):
            silent = not any(isinstance(inner, ev.TextDelta) and inner.text for inner in block)
            out += [inner for inner in block if not (silent and isinstance(inner, ev.Citation))]
            block = []
    return [*out, *block]


def as_heard(pieces: list[Piece], upstream: Dialect, client: Dialect, losses: list[Loss]) -> list[Piece]:
    """What is left of a reply, and in which words, towards a client of another format.

    - Blocks of hosted tools go as a loss tells; Responses has forms of its own for some of them.
    - Messages has no refusals: they are text, and the reason to stop. Why a reply was refused stands there in
      `stop_details`, elsewhere as a refusal.
    - A custom tool that the client has not declared is a function of one string on Chat and Messages.
    - Ids of calls are made legal, and no two are the same.
    - Reasons to stop, by `_STOPS`.
    - Blocks of reasoning that nothing parts are one text, set apart by an empty line (`spaced`).
    """
    if upstream == client:
        return pieces
    lost = {loss.path.removeprefix("response.") for loss in losses}
    ids = DistinctIds(_CALL_IDS[client])
    out: list[Piece] = []
    for piece in pieces:
        match piece.kind:
            case "native":
                if client == "openai_responses":
                    out.append(Piece("native", "", (_SEARCH,)))
                else:
                    assert piece.what[0] in lost
            case "refusal" if client == "anthropic_messages":
                out.append(piece._replace(kind="text"))
            case "call":
                call_id, name, kind = piece.what
                text = piece.text
                if kind == "custom" and client != "openai_responses":
                    kind, text = "function", arguments(wrap_input(text), "function")
                out.append(Piece("call", text, (ids.give(call_id), name, kind)))
            case "end":
                out = _with_the_end(out, piece, client, [said for said in pieces if said.kind == "refusal"])
            case _:
                out.append(piece)
    return joined(out)


def _with_the_end(out: list[Piece], end: Piece, client: Dialect, refusals: list[Piece]) -> list[Piece]:
    stop, matched = end.what
    *said, usage = out
    why = end.text
    if client == "anthropic_messages":
        if refusals:
            stop = stop if stop in ("length", "context_window") else "refusal"
            why = why or "".join(refusal.text for refusal in refusals)
        why = why if stop == "refusal" else ""
        stop, matched = ("stop", None) if stop == "stop_sequence" and matched is None else (stop, matched)
        return [*said, usage, Piece("end", why, (stop, matched))]
    cited = [piece for piece in said if piece.kind == "citation"]
    if why and not refusals:
        said = [*(piece for piece in said if piece.kind != "citation"), Piece("refusal", why), *cited]
    stop = _STOPS[client].get(stop, stop)
    if stop == "stop_sequence" and matched is None:
        stop = "stop"
    return [*said, usage, Piece("end", "", (stop, matched if stop == "stop_sequence" else None))]


def spaced(pieces: list[Piece]) -> list[Piece]:
    """Reasoning without the empty lines between its parts."""
    return [piece._replace(text=piece.text.replace("\n\n", "")) if piece.kind == "reasoning" else piece for piece in pieces]


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
