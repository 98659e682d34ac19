"""A history from one format to another, and back: ids, order, signatures and cache marks stay, but for what a loss names.

All nine pairs. Each hop is held to the same law: what the upstream reads is what the client said, less the losses, in the
words that `as_sent` lists.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings

from hyperinfer.formats import FORMATS, Target
from hyperinfer.formats.ids import anthropic_call_id, chat_call_id, responses_call_id
from hyperinfer.formats.opaque import DEFAULT_VENDOR
from hyperinfer.formats.quirks import PROTOCOL_QUIRKS
from tests.support.facts import Fact, facts, joined, marks, without
from tests.support.histories import History, histories, wire
from tests.support.recordings import DIALECTS

if TYPE_CHECKING:
    from hyperinfer.formats import Conversation, Dialect

PAIRS = [(client, upstream) for client in DIALECTS for upstream in DIALECTS]
_CALL_IDS = {
    "openai_chat": chat_call_id,
    "openai_responses": responses_call_id,
    "anthropic_messages": anthropic_call_id,
}
_ORDER = {"thought": 0, "blob": 1, "says": 2, "state": 3, "call": 3}


def target(dialect: Dialect, vendor: str) -> Target:
    """An upstream of the protocol without quirks."""
    quirks = PROTOCOL_QUIRKS[dialect]
    return Target(dialect=dialect, model="up", vendor=vendor, streamed=False, max_output_tokens=1000, quirks=quirks)


def as_sent(found: list[Fact], client: Dialect, upstream: Dialect) -> list[Fact]:
    """The facts in the words of the upstream's format.

    - Ids of calls are made legal, the same way in a call and its result.
    - OpenAI's formats do not say that a result is an error: its text does.
    - In one assistant message of Chat reasoning comes first, with all its text in one field, then words, then calls.
    """
    legal = {fact.what[0]: _CALL_IDS[upstream](fact.what[0]) for fact in found if fact.kind == "call"}
    out: list[Fact] = []
    for fact in found:
        if fact.kind in ("call", "result"):
            fact = replace(fact, what=(legal[fact.what[0]], *fact.what[1:]))
        if fact.kind == "result" and fact.what[1] and upstream != "anthropic_messages":
            fact = replace(fact, text=f"Error: {fact.text}", what=(fact.what[0], False))
        out.append(fact)
    return list(_in_messages(out)) if upstream == "openai_chat" else out


def _in_messages(found: Iterable[Fact]) -> Iterable[Fact]:
    for is_model, run in groupby(found, key=lambda fact: fact.kind in _ORDER):
        said = list(run)
        yield from sorted(said, key=lambda fact: _ORDER[fact.kind]) if is_model else said


def hop(conversation: Conversation, upstream: Dialect, vendor: str) -> Conversation:
    """The conversation as the upstream reads it. Checks that it lost what the losses say and nothing else."""
    encoded = FORMATS[upstream].encode_request(conversation, target(upstream, vendor))
    heard = FORMATS[upstream].decode_request(encoded.body)
    left = as_sent(without(facts(conversation), encoded.losses, vendor), conversation.dialect, upstream)
    found = as_sent(facts(heard), upstream, upstream)
    assert joined(found) == joined(left)
    assert marks(found) == marks(left)
    return heard


@pytest.mark.parametrize(("client", "upstream"), PAIRS)
def test_a_history_arrives_and_comes_back(client: Dialect, upstream: Dialect) -> None:
    vendor = DEFAULT_VENDOR[upstream]

    @settings(max_examples=25, deadline=None)
    @given(histories())
    def check(history: History) -> None:
        there = hop(FORMATS[client].decode_request(wire(client, history)), upstream, vendor)
        hop(there, client, vendor)

    check()
