"""What a model said comes back to it: a reply, sent back by its client with the next request, is the reply.

All nine pairs. Words, calls and their ids, and the order of it all; what a vendor wants back with its reasoning, to the
byte.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import given, settings

from hyperinfer.formats import FORMATS
from hyperinfer.formats import events as ev
from hyperinfer.formats.opaque import DEFAULT_VENDOR
from tests.formats.test_law_replies import hop as reply_hop
from tests.formats.test_law_requests import PAIRS, as_sent, hop
from tests.support.facts import Fact, facts, joined
from tests.support.heard import as_heard
from tests.support.pair import ASKED, Pair
from tests.support.strategies import Walk, event_sequences
from tests.support.told import Piece, opened, told

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hyperinfer.formats import Dialect, Event

KINDS = {"text": "says", "refusal": "says", "reasoning": "thought", "blob": "blob", "call": "call"}

AND = {"role": "user", "content": "And?"}


def walk(upstream: Dialect) -> Walk:
    """Replies of functions, words and reasoning: what every format has in one order."""
    blocks = (ev.TextStart, ev.ReasoningStart, ev.ToolCallStart)
    items = upstream == "openai_responses"
    return Walk(upstream, blocks, rich=True, citations=False, custom_tools=False, item_ids=items)


def next_request(client: Dialect, reply: dict[str, Any]) -> bytes:
    """What a client asks next: the conversation so far, with results for all calls."""
    body: dict[str, Any] = json.loads(ASKED[client])
    results: list[dict[str, Any]]
    calls: list[dict[str, Any]]
    match client:
        case "openai_chat":
            message = reply["choices"][0]["message"]
            calls = message.get("tool_calls") or []
            results = [{"role": "tool", "tool_call_id": call["id"], "content": "done"} for call in calls]
            body["messages"] += [message, *results, AND]
        case "openai_responses":
            calls = [item for item in reply["output"] if item["type"] == "function_call"]
            results = [{"type": "function_call_output", "call_id": call["call_id"], "output": "done"} for call in calls]
            body["input"] = [{"role": "user", "content": body["input"]}, *reply["output"], *results, AND]
        case "anthropic_messages":
            calls = [block for block in reply["content"] if block["type"] == "tool_use"]
            results = [{"type": "tool_result", "tool_use_id": call["id"], "content": "done"} for call in calls]
            answer = {"role": "assistant", "content": reply["content"]}
            body["messages"] += [answer, *([{"role": "user", "content": results}] if results else []), AND]
            body["max_tokens"] = 100
    return json.dumps(body).encode()


def as_facts(pieces: list[Piece]) -> list[Fact]:
    """The pieces of a reply as what a conversation says."""
    return [
        Fact(KINDS[piece.kind], piece.text, piece.what[:2] if piece.kind == "call" else ())
        for piece in pieces
        if piece.kind in KINDS
    ]


def plainly(events: Iterable[Event], upstream: Dialect) -> list[Event]:
    """The events with blobs of no other vendor than the upstream itself, and words that are no white space, which formats
    may not take back."""
    out: list[Event] = []
    for event in events:
        if isinstance(event, (ev.ReasoningEnd, ev.ToolCallStart)):
            blobs = tuple(msgspec.structs.replace(blob, vendor=DEFAULT_VENDOR[upstream]) for blob in event.opaque)
            event = msgspec.structs.replace(event, opaque=blobs)
        elif isinstance(event, (ev.TextDelta, ev.ReasoningDelta)) and event.text:
            event = msgspec.structs.replace(event, text=event.text.strip() or "w")
        out.append(event)
    return out


def letters(found: list[Fact]) -> list[tuple[str, str, tuple[Any, ...]]]:
    """What was said, without the white space that sets blocks apart where a format has one text for all."""
    visible = (replace(fact, text="".join(fact.text.split())) for fact in found)
    return [(kind, "".join(text.split()), what) for kind, text, what in joined(fact for fact in visible if fact.text)]


def _named(fact: Fact) -> Fact:
    """State of a call as what it was in the reply, and a blob without the tags of gateways."""
    if fact.kind not in ("blob", "state"):
        return fact
    return replace(fact, kind="blob", text=opened(fact.text))


@pytest.mark.parametrize(("client", "upstream"), PAIRS)
def test_a_reply_comes_back_to_the_model(client: Dialect, upstream: Dialect) -> None:
    pair = Pair(client, upstream=upstream)

    @settings(max_examples=25, deadline=None)
    @given(event_sequences(walk(upstream)))
    def check(made: tuple[Event, ...]) -> None:
        events = reply_hop(plainly(made, upstream), upstream, upstream).events
        reply = json.loads(pair.whole(events))
        conversation = FORMATS[client].decode_request(next_request(client, reply))
        said = as_sent(as_facts(as_heard(told(events), upstream, client, [])), upstream, client)
        back = [_named(fact) for fact in facts(conversation) if fact.kind not in ("user", "result")]
        assert letters(as_sent(back, client, client)) == letters(said)
        hop(conversation, upstream, DEFAULT_VENDOR[upstream])

    check()
