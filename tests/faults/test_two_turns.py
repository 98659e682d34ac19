"""What a vendor wants back unread comes back to it byte for byte, through every client format, and to no other vendor."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.faults import wire as w
from tests.faults.kit import ALL, CHAT, MESSAGES, RESPONSES
from tests.faults.turns import PROTOCOLS, two_turns, vendor_of

if TYPE_CHECKING:
    from hyperinfer.formats import Dialect

SIGNATURES = ("EqQBCgIYAhIM+/==", "c2lnbmF0dXJlIG9mIHR3bw==")
REDACTED = "EmwKAhgBEgy3va3pzix/LafPsn4a"
SEALED = "gAAAAABo-_x/+=="
THOUGHT = "CtYBAQXYm1-/+=="

SIGNED: list[dict[str, Any]] = [
    {"type": "thinking", "thinking": "first \n thought ", "signature": SIGNATURES[0]},
    {"type": "redacted_thinking", "data": REDACTED},
    {"type": "text", "text": "Calling."},
    {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"q": "a"}},
    {"type": "thinking", "thinking": "", "signature": SIGNATURES[1]},
    {"type": "tool_use", "id": "toolu_2", "name": "f", "input": {}},
]
"""An assistant message of a Messages upstream: thinking before each call, once redacted, once not shown."""

ITEMS: list[dict[str, Any]] = [
    {
        "id": "rs_1",
        "type": "reasoning",
        "summary": [{"type": "summary_text", "text": "one"}, {"type": "summary_text", "text": "two"}],
        "encrypted_content": SEALED,
    },
    w.call_item("fc_1", "call_1", "f", '{"q":"a"}'),
    {"id": "rs_2", "type": "reasoning", "summary": [], "encrypted_content": SEALED + "2"},
    w.call_item("fc_2", "call_2", "f", "{}"),
]
"""The output of a Responses upstream."""

CALL: dict[str, Any] = {
    "id": "call_1",
    "type": "function",
    "function": {"name": "f", "arguments": '{"q":"a"}'},
    "extra_content": {"google": {"thought_signature": THOUGHT}},
}
PLAIN_CALL: dict[str, Any] = {"id": "call_2", "type": "function", "function": {"name": "f", "arguments": "{}"}}
DETAILS: list[dict[str, Any]] = [
    {"type": "reasoning.text", "text": "hm", "signature": THOUGHT + "s", "format": "gemini-v1", "id": "d0", "index": 0},
    {"type": "reasoning.encrypted", "data": THOUGHT + "e", "format": "gemini-v1", "id": "d1", "index": 1},
]


def signed_reply(stream: bool) -> bytes:
    """`SIGNED` as a Messages upstream says it."""
    if not stream:
        return w.message_whole(*SIGNED, stop="tool_use")
    frames = w.message_start()
    for index, block in enumerate(SIGNED):
        match block:
            case {"type": "thinking", "thinking": text, "signature": signature}:
                said = [("thinking", text)] if text else []
                frames += w.block(index, "thinking", *said, ("signature", signature))
            case {"type": "text", "text": text}:
                frames += w.block(index, "text", ("text", text))
            case {"type": "tool_use", "id": id, "input": given}:
                frames += w.block(index, "tool_use", ("input_json", json.dumps(given)), id=id, name="f")
            case _:
                frames += w.block(index, "redacted_thinking", data=REDACTED)
    return frames + w.message_ending("tool_use")


def sealed_reply(stream: bool) -> bytes:
    """`ITEMS` as a Responses upstream says them."""
    if not stream:
        return w.response_whole(*ITEMS)
    events: list[tuple[str, dict[str, Any]]] = []
    for index, item in enumerate(ITEMS):
        if item["type"] == "function_call":
            events += w.call_events(index, item["id"], item["call_id"], "f", item["arguments"])
            continue
        at: dict[str, Any] = {"output_index": index}
        events.append(("output_item.added", {**at, "item": {**item, "summary": [], "encrypted_content": "gAAAA-partial"}}))
        for number, part in enumerate(item["summary"]):
            of: dict[str, Any] = {**at, "item_id": item["id"], "summary_index": number}
            events += [
                ("reasoning_summary_part.added", {**of, "part": {"type": "summary_text", "text": ""}}),
                ("reasoning_summary_text.delta", {**of, "delta": part["text"]}),
                ("reasoning_summary_text.done", {**of, "text": part["text"]}),
                ("reasoning_summary_part.done", {**of, "part": part}),
            ]
        events.append(("output_item.done", {**at, "item": item}))
    return w.response_stream(*events, w.completed(*ITEMS))


def stateful_reply(stream: bool) -> bytes:
    """Calls as Google's OpenAI-compatible endpoint says them: the first of parallel ones brings the state."""
    if not stream:
        return w.chat_whole({"content": None, "tool_calls": [CALL, PLAIN_CALL]}, "tool_calls")
    pieces = [{"tool_calls": [{"index": index, **call}]} for index, call in enumerate((CALL, PLAIN_CALL))]
    return b"".join(w.chunk({"role": "assistant", **piece}) for piece in pieces) + w.chat_ending("tool_calls")


def detailed_reply(stream: bool) -> bytes:
    """Reasoning details as OpenRouter says them."""
    if not stream:
        message: dict[str, Any] = {"content": None, "reasoning": "hm", "reasoning_details": DETAILS}
        return w.chat_whole({**message, "tool_calls": [PLAIN_CALL]}, "tool_calls")
    text, sealed = DETAILS
    unsigned = {name: value for name, value in text.items() if name != "signature"}
    frames = w.chunk({"reasoning": "hm", "reasoning_details": [unsigned]})
    frames += w.chunk({"reasoning_details": [{**text, "text": ""}]}) + w.chunk({"reasoning_details": [sealed]})
    return frames + w.chunk({"tool_calls": [{"index": 0, **PLAIN_CALL}]}) + w.chat_ending("tool_calls")


both = pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
clients = pytest.mark.parametrize("client", ALL)


@both
@clients
async def test_signed_thinking(client: Dialect, stream: bool, autojump_clock: object) -> None:
    back = (await two_turns(client, "anthropic", signed_reply(stream), stream=stream)).back
    (assistant,) = [message for message in back["messages"] if message["role"] == "assistant"]
    assert assistant["content"] == SIGNED


@both
@clients
async def test_sealed_reasoning(client: Dialect, stream: bool, autojump_clock: object) -> None:
    back = (await two_turns(client, "openai", sealed_reply(stream), stream=stream)).back
    items = [item for item in back["input"] if item.get("type") in ("reasoning", "function_call")]
    kept = ("type", "summary", "encrypted_content", "call_id", "name", "arguments")
    told = [{name: item[name] for name in kept if name in item} for item in items]
    wanted = [{name: item[name] for name in kept if name in item} for item in ITEMS]
    if client != RESPONSES:  # one text where a summary had several parts
        wanted[0]["summary"] = [{"type": "summary_text", "text": "one\n\ntwo"}]
    assert told == wanted
    assert "reasoning.encrypted_content" in back["include"]


@both
@clients
async def test_state_of_a_call(client: Dialect, stream: bool, autojump_clock: object) -> None:
    back = (await two_turns(client, "google", stateful_reply(stream), stream=stream)).back
    (calls,) = [message["tool_calls"] for message in back["messages"] if "tool_calls" in message]
    assert calls == [CALL, PLAIN_CALL]


@both
@clients
async def test_reasoning_details(client: Dialect, stream: bool, autojump_clock: object) -> None:
    back = (await two_turns(client, "google", detailed_reply(stream), stream=stream)).back
    (details,) = [message["reasoning_details"] for message in back["messages"] if "reasoning_details" in message]
    named = ("signature", "data", "format", "id", "type", "index")
    sealed = [detail for detail in details if "signature" in detail or "data" in detail]
    assert [[detail.get(name) for name in named] for detail in sealed] == [
        [detail.get(name) for name in named] for detail in DETAILS
    ]
    texts = [detail.get("text") for detail in details if detail.get("text")]
    assert "".join(texts) in ("hm", ""), texts


REPLIES = {
    "anthropic": (signed_reply, [*SIGNATURES, REDACTED]),
    "openai": (sealed_reply, [SEALED]),
    "google": (stateful_reply, [THOUGHT]),
}


@both
@pytest.mark.parametrize(
    ("model", "then"),
    [(model, then) for model in REPLIES for then in PROTOCOLS if vendor_of(then) != model],
)
@clients
async def test_no_other_vendor_sees_it(client: Dialect, model: str, then: str, stream: bool, autojump_clock: object) -> None:
    says, blobs = REPLIES[model]
    turns = await two_turns(client, model, says(stream), stream=stream, then=then)
    for blob in blobs:
        assert blob.encode() in turns.reply.body
        assert blob not in json.dumps(turns.back)
    assert "hi1." not in json.dumps(turns.back)


async def test_the_other_details_of_google_stay_there_too(autojump_clock: object) -> None:
    for client in (CHAT, RESPONSES, MESSAGES):
        turns = await two_turns(client, "google", detailed_reply(False), stream=False, then="openai-chat")
        assert THOUGHT not in json.dumps(turns.back)
