"""Anthropic's thinking through clients of the OpenAI dialects: what they send back reaches Anthropic byte for byte."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from hyperinfer.formats import FORMATS
from tests.support.messages_codec import UPSTREAM, decode_stream, encode_whole, encoded_request, reply
from tests.support.messages_recordings import cases, needs_recordings

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from hyperinfer.formats.events import Dialect, Event

pytestmark = needs_recordings
ASKED = {"role": "user", "content": "x"}
KEPT = ("thinking", "redacted_thinking", "tool_use")


def events_of(case: Path) -> Sequence[Event]:
    whole = case / "response.json"
    if whole.exists():
        return FORMATS["anthropic_messages"].decode_response(whole.read_bytes(), UPSTREAM)
    return decode_stream([(case / "response.sse").read_bytes()])


def kept(blocks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: value for name, value in block.items() if name != "caller"} for block in blocks if block["type"] in KEPT]


def next_request(dialect: Dialect, body: dict[str, Any]) -> dict[str, Any]:
    """What a client sends after this reply: its items as they came, and a result for each call."""
    if dialect == "openai_chat":
        message = body["choices"][0]["message"]
        calls: list[dict[str, Any]] = message.get("tool_calls") or []
        results = [{"role": "tool", "tool_call_id": call["id"], "content": "ok"} for call in calls]
        return {"model": "m", "messages": [ASKED, message, *results]}
    calls = [item for item in body["output"] if item["type"] == "function_call"]
    outputs = [{"type": "function_call_output", "call_id": call["call_id"], "output": "ok"} for call in calls]
    return {"model": "m", "input": [ASKED, *body["output"], *outputs]}


THINKING = [case for case in cases("meta.json") if 'thinking"' in (case / "meta.json").read_text().partition("features")[2]]


@pytest.mark.parametrize("dialect", ["openai_chat", "openai_responses"])
@pytest.mark.parametrize("case", THINKING, ids=lambda case: case.name)
def test_thinking_comes_back_byte_for_byte(case: Path, dialect: Dialect) -> None:
    events = events_of(case)
    client = FORMATS[dialect]
    first = client.decode_request(json.dumps({"model": "m", "messages": [ASKED], "input": [ASKED]}).encode())
    answer = reply("anthropic_messages", first)
    body = json.loads(client.encode_response(events, answer).body)
    second = client.decode_request(json.dumps(next_request(dialect, body)).encode())
    sent = json.loads(encoded_request(second).body)
    found = [
        block
        for message in sent["messages"]
        if message["role"] == "assistant" and isinstance(message["content"], list)
        for block in message["content"]
    ]
    assert kept(found) == kept(encode_whole(events)["content"])
    assert kept(found)
