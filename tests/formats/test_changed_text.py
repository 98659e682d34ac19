"""`map_text`: what is changed is gone from the request to every upstream, wherever in the turns it stood."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hyperinfer.formats import (
    FORMATS,
    Dialect,
    RefusalPart,
    Target,
    TextDelta,
    TextEnd,
    TextPart,
    Turn,
    text_of,
)
from hyperinfer.formats.quirks import PROTOCOL_QUIRKS
from tests.support.recordings import DIALECTS

SECRET = "ann@example.org"
ARGUMENTS = json.dumps({"to": SECRET})
SCHEMA = {"type": "object", "properties": {"to": {"type": "string"}}}

BODIES: dict[Dialect, dict[str, Any]] = {
    "openai_chat": {
        "model": "m",
        "messages": [
            {"role": "system", "content": f"You write for {SECRET}."},
            {"role": "user", "content": [{"type": "text", "text": f"I am {SECRET}"}]},
            {
                "role": "assistant",
                "content": [{"type": "text", "text": f"To {SECRET}."}, {"type": "refusal", "refusal": f"Not {SECRET}"}],
            },
            {"role": "user", "content": "mail"},
            {
                "role": "assistant",
                "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "mail", "arguments": ARGUMENTS}}],
            },
            {"role": "tool", "tool_call_id": "c1", "content": f"sent to {SECRET}"},
        ],
        "tools": [{"type": "function", "function": {"name": "mail", "parameters": SCHEMA}}],
    },
    "openai_responses": {
        "model": "m",
        "instructions": f"You write for {SECRET}.",
        "input": [
            {"role": "user", "content": [{"type": "input_text", "text": f"I am {SECRET}"}]},
            {
                "type": "message",
                "role": "assistant",
                "content": [
                    {"type": "output_text", "text": f"To {SECRET}."},
                    {"type": "refusal", "refusal": f"Not {SECRET}"},
                ],
            },
            {"type": "function_call", "call_id": "c1", "name": "mail", "arguments": ARGUMENTS},
            {"type": "function_call_output", "call_id": "c1", "output": f"sent to {SECRET}"},
            {"type": "custom_tool_call", "call_id": "c2", "name": "note", "input": f"for {SECRET}"},
            {"type": "custom_tool_call_output", "call_id": "c2", "output": [{"type": "input_text", "text": SECRET}]},
        ],
        "tools": [{"type": "function", "name": "mail", "parameters": SCHEMA}, {"type": "custom", "name": "note"}],
    },
    "anthropic_messages": {
        "model": "m",
        "max_tokens": 10,
        "system": [{"type": "text", "text": f"You write for {SECRET}."}],
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": f"I am {SECRET}"},
                    {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": f"By {SECRET}"}},
                    {"type": "document", "source": {"type": "content", "content": [{"type": "text", "text": SECRET}]}},
                ],
            },
            {
                "role": "assistant",
                "content": [
                    {"type": "text", "text": f"To {SECRET}."},
                    {"type": "tool_use", "id": "c1", "name": "mail", "input": {"to": SECRET}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "c1", "content": [{"type": "text", "text": f"sent to {SECRET}"}]}
                ],
            },
        ],
        "tools": [{"name": "mail", "input_schema": SCHEMA}],
    },
}


@pytest.mark.parametrize("upstream", DIALECTS)
@pytest.mark.parametrize("client", DIALECTS)
def test_no_upstream_is_told_what_was_taken_out(client: Dialect, upstream: Dialect) -> None:
    conversation = FORMATS[client].decode_request(json.dumps(BODIES[client]).encode())
    target = Target(
        dialect=upstream, model="up", vendor="x", streamed=False, max_output_tokens=100, quirks=PROTOCOL_QUIRKS[upstream]
    )
    encoder = FORMATS[upstream]
    assert SECRET in encoder.encode_request(conversation, target).body.decode()
    changed = conversation.map_text(lambda text: text.replace(SECRET, "<1>"))
    body = encoder.encode_request(changed, target).body.decode()
    assert SECRET not in body
    assert "<1>" in body


@pytest.mark.parametrize("client", DIALECTS)
def test_what_is_not_changed_goes_out_as_it_came(client: Dialect) -> None:
    conversation = FORMATS[client].decode_request(json.dumps(BODIES[client]).encode())
    target = Target(dialect=client, model="up", vendor="x", streamed=False, max_output_tokens=100)
    sent = [FORMATS[client].encode_request(each, target) for each in (conversation, conversation.map_text(str))]
    if client == "anthropic_messages":  # a document in pieces is one piece then
        assert json.loads(sent[1].body)["messages"][0]["content"][2]["source"]["data"] == SECRET
    else:
        assert sent[0] == sent[1]


def test_the_text_of_a_turn_and_of_a_burst() -> None:
    turn = Turn(role="user", parts=(TextPart(text="a"), RefusalPart(text="no"), TextPart(text="b")), path="")
    assert text_of(turn.parts) == "ab"
    assert text_of((TextDelta("a"), TextDelta("other", choice=1), TextDelta("b"), TextEnd())) == "ab"
