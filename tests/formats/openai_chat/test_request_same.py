"""Requests of Chat clients reach a Chat upstream as they were (RULES: same format in and out loses nothing)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hyperinfer.formats import FORMATS, Encoded, Target
from hyperinfer.formats.quirks import Quirks
from tests.support.compare import missing
from tests.support.recordings import Recording, recordings

CHAT = FORMATS["openai_chat"]
CAPTURED = Path(__file__).parents[3].parent / "shared" / "judges" / "captured"
REQUESTS = [r for r in recordings() if r.dialect == "openai_chat" and r.request is not None]
IGNORED = {
    "model",  # the upstream's name of it
    "stream",  # `false` is what no word means
    "messages[].tool_calls[].index",  # left over from a stream; no field of a request
    "messages[].tool_calls[].type",
    "extra_body",
}


def captured() -> list[Any]:
    found: list[Any] = []
    for file in sorted(CAPTURED.glob("*.json")):
        for index, request in enumerate(json.loads(file.read_text())["requests"]):
            if request["path"].endswith("/chat/completions") and not request.get("expect"):
                found.append(pytest.param(request["body"], id=f"{file.stem}-{index}"))
    return found


def target(*, streamed: bool = False, vendor: str = "openai", **quirks: Any) -> Target:
    return Target(
        dialect="openai_chat",
        model="upstream-model",
        vendor=vendor,
        streamed=streamed,
        max_output_tokens=4_096,
        quirks=Quirks(**quirks),
    )


def encoded(body: dict[str, Any], **options: Any) -> tuple[dict[str, Any], Encoded]:
    conversation = CHAT.decode_request(json.dumps(body).encode())
    result = CHAT.encode_request(conversation, target(streamed=conversation.streamed, **options))
    sent: dict[str, Any] = json.loads(result.body)
    return sent, result


def check(body: dict[str, Any]) -> None:
    sent, result = encoded(body)
    assert result.losses == ()
    assert result.aliases == {}
    assert missing(body, sent, ignore=IGNORED) == []
    assert missing(sent, body, ignore=IGNORED | {"stream_options", "messages[].content"}) == []


@pytest.mark.parametrize("recording", REQUESTS, ids=str)
def test_recorded_requests(recording: Recording) -> None:
    check(json.loads(recording.request or b""))


@pytest.mark.parametrize("body", captured())
def test_captured_requests(body: dict[str, Any]) -> None:
    check(body)


USER = {"role": "user", "content": "hi"}
CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
MESSAGES: dict[str, list[dict[str, Any]]] = {
    "a reply sent back as it was (wire facts 5.3)": [
        USER,
        {
            "role": "assistant",
            "content": "x",
            "refusal": None,
            "annotations": [],
            "audio": None,
            "function_call": None,
            "tool_calls": None,
        },
        USER,
    ],
    "reasoning in every field": [
        USER,
        {
            "role": "assistant",
            "content": "x",
            "reasoning_content": "r",  # `reasoning` with the same text would be our own copy, which goes up once
            "reasoning_details": [
                {"type": "reasoning.text", "text": "r", "format": None},
                {"type": "reasoning.encrypted", "data": "z"},
            ],
            "thinking_blocks": [{"type": "thinking", "thinking": "r", "signature": "s"}],
        },
    ],
    "state and unknown fields of calls": [
        USER,
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{**CALL, "extra_content": {"google": {"thought_signature": "sig"}}, "x": 1}],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "r", "name": "f"},
    ],
    "custom calls": [
        USER,
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [{"id": "c1", "type": "custom", "custom": {"name": "f", "input": "ls"}}],
        },
        {"role": "tool", "tool_call_id": "c1", "content": [{"type": "text", "text": "r"}]},
    ],
    "the deprecated function_call": [
        USER,
        {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": '{"a":1}'}},
        {"role": "function", "name": "f", "content": "r"},
        {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}},
        {"role": "function", "name": "f", "content": "r2"},
    ],
    "refusals in both forms": [
        USER,
        {"role": "assistant", "content": None, "refusal": "no"},
        {"role": "assistant", "content": [{"type": "refusal", "refusal": "no"}, {"type": "text", "text": "t"}]},
    ],
    "marks on parts, messages and results": [
        {
            "role": "system",
            "content": [{"type": "text", "text": "s", "cache_control": {"type": "ephemeral", "ttl": "1h", "scope": "x"}}],
        },
        {"role": "user", "content": "u", "cache_control": {"type": "ephemeral"}},
        {"role": "user", "content": [{"type": "text", "text": "u", "prompt_cache_breakpoint": {"mode": "explicit"}}]},
        {"role": "assistant", "content": "a", "tool_calls": [CALL], "cache_control": {"type": "ephemeral"}},
        {"role": "tool", "tool_call_id": "c1", "content": "r", "cache_control": {"type": "ephemeral"}},
    ],
    "every kind of part": [
        {
            "role": "user",
            "name": "ann",
            "content": [
                {"type": "text", "text": "a", "x": 1},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA==", "detail": "low", "format": "png"}},
                {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}},
                {"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}},
                {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,AA=="}},
                {"type": "file", "file": {"file_id": "file-1", "file_data": "AA==", "mime_type": "application/pdf"}},
                {"type": "file", "file": {"file_url": "https://example.org/a.pdf"}},
                {"type": "video_url", "video_url": {"url": "https://example.org/a.mp4"}},
            ],
        }
    ],
    "images in a result": [
        USER,
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {
            "role": "tool",
            "tool_call_id": "c1",
            "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}],
        },
    ],
    "roles, known and not": [
        {"role": "developer", "content": "d"},
        {"role": "system", "content": "s", "name": "n"},
        USER,
        {"role": "system", "content": "later"},
        {"role": "critic", "content": "c", "x": {"y": None}},
    ],
    "system turns between a call and its result": [
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "system", "content": "s"},
        {"role": "tool", "tool_call_id": "c1", "content": "r"},
    ],
    "assistant turns in a row and at the start": [
        {"role": "assistant", "content": "a", "id": "msg_1"},
        {"role": "assistant", "content": [{"type": "text", "text": "b"}]},
    ],
}


@pytest.mark.parametrize("name", MESSAGES)
def test_messages(name: str) -> None:
    check({"model": "m", "messages": MESSAGES[name]})


FIELDS: list[dict[str, Any]] = [
    {"max_tokens": 5},
    {"max_completion_tokens": 5},
    {"temperature": 2, "top_p": 0, "top_k": 3, "seed": -1, "n": 2, "frequency_penalty": -2, "presence_penalty": 1.5},
    {"stop": ["a", "b"]},
    {"stop": ["a"]},
    {"stop": "a"},
    {"logprobs": True, "top_logprobs": 3, "logit_bias": {"50256": -100}},
    {"response_format": {"type": "text"}},
    {"response_format": {"type": "json_object"}},
    {
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "n", "schema": {"type": "object"}, "strict": True, "x": 1},
        }
    },
    {"response_format": {"type": "grammar", "grammar": "x"}},
    {"reasoning_effort": "xhigh", "verbosity": "low"},
    {"reasoning": {"effort": "high", "exclude": True, "x": 1}},
    {"reasoning": {"max_tokens": 10}, "reasoning_effort": "low"},
    {
        "user": "u",
        "metadata": {"a": "b"},
        "service_tier": "flex",
        "prompt_cache_key": "k",
        "store": True,
        "safety_identifier": "s",
    },
    {
        "modalities": ["text", "audio"],
        "audio": {"voice": "x", "format": "wav"},
        "prediction": {"type": "content", "content": "x"},
    },
    {
        "web_search_options": {"search_context_size": "low"},
        "functions": [{"name": "f"}],
        "function_call": "auto",
        "usage": {"include": True},
    },
    {"stream": True, "stream_options": {"include_usage": True, "include_obfuscation": False}},
    {"tools": [{"type": "function", "function": {"name": "f"}}], "tool_choice": "none", "parallel_tool_calls": False},
    {
        "tools": [
            {
                "type": "function",
                "function": {"name": "f", "description": "d", "parameters": {"b": 1, "a": [2]}, "strict": False, "x": 1},
                "cache_control": {"type": "ephemeral"},
                "y": 2,
            },
            {"type": "custom", "custom": {"name": "g", "format": {"type": "text"}, "x": 1}},
            {"type": "web_search", "x": 1},
        ],
        "tool_choice": {"type": "function", "function": {"name": "f"}},
    },
    {"tool_choice": {"type": "custom", "custom": {"name": "g"}}},
    {
        "tool_choice": {
            "type": "allowed_tools",
            "allowed_tools": {"mode": "auto", "tools": [{"type": "custom", "custom": {"name": "g"}}]},
        }
    },
    {"tool_choice": "any"},
    {"tool_choice": {"type": "web_search"}},
    {"anything": {"at": ["all", None]}},
]


@pytest.mark.parametrize("fields", FIELDS, ids=lambda fields: "-".join(fields))
def test_fields(fields: dict[str, Any]) -> None:
    check({"model": "m", "messages": [USER], **fields})


def test_keys_of_schemas_keep_their_order_and_tools_theirs() -> None:
    """Fault F130: a prompt cache lives from equal bytes."""
    schema = '{"type":"object","properties":{"z":{"type":"string"},"a":{"enum":[2,1]}},"required":["z","a"]}'
    tools = ",".join(f'{{"type":"function","function":{{"name":"{name}","parameters":{schema}}}}}' for name in "cab")
    body = f'{{"model":"m","messages":[{{"role":"user","content":"x"}}],"tools":[{tools}]}}'.encode()
    first = CHAT.encode_request(CHAT.decode_request(body), target()).body
    assert first == CHAT.encode_request(CHAT.decode_request(body), target()).body
    assert tools.encode() in first


def test_usage_is_always_asked_for_and_the_callers_options_stay() -> None:
    sent, _ = encoded({"model": "m", "messages": [USER], "stream": True, "stream_options": {"include_usage": False, "x": 1}})
    assert sent["stream_options"] == {"include_usage": True, "x": 1}


def test_what_the_gateway_runs_itself_does_not_go_up() -> None:
    plugins = [{"id": "web_search", "max_results": 3}, {"id": "pdf"}]
    sent, result = encoded({"model": "m", "messages": [USER], "plugins": plugins, "hi_tool_events": True, "extra_body": {}})
    assert set(sent) == {"model", "messages"}
    assert [loss.path for loss in result.losses] == ["plugins[0]", "plugins[1]"]
