"""Fields of the wrong type, fields that are missing, and what the gateway cannot do: each named to the caller."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.limited import MODELS, post_json
from tests.support.formats import AUTHORIZED, CHAT, MESSAGES, RESPONSES, Route

if TYPE_CHECKING:
    from tests.support.served import Running

WRONG_TYPES: list[tuple[Route, dict[str, Any], str]] = [
    (CHAT, {"model": 17}, "model"),
    (CHAT, {"messages": "oops"}, "messages"),
    (CHAT, {"messages": {}}, "messages"),
    (CHAT, {"messages": ["oops"]}, "messages[0]"),
    (CHAT, {"messages": [{"role": "user", "content": 17}]}, "messages[0].content"),
    (CHAT, {"messages": [{"role": 1, "content": "a"}]}, "messages[0].role"),
    (CHAT, {"messages": [{"role": "user", "content": [{"type": "text", "text": 1}]}]}, "messages[0].content[0].text"),
    (
        CHAT,
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": 1}]}]},
        "messages[0].content[0].image_url",
    ),
    (CHAT, {"stream": "yes"}, "stream"),
    (CHAT, {"temperature": "hot"}, "temperature"),
    (CHAT, {"max_tokens": "many"}, "max_tokens"),
    (CHAT, {"max_completion_tokens": [1]}, "max_completion_tokens"),
    (CHAT, {"tools": {}}, "tools"),
    (CHAT, {"tools": [1]}, "tools[0]"),
    (CHAT, {"tools": [{"type": "function", "function": {"name": 1}}]}, "tools[0].function.name"),
    (CHAT, {"tools": [{"type": "function", "function": {"name": "a", "parameters": []}}]}, "tools[0].function.parameters"),
    (CHAT, {"stop": 17}, "stop"),
    (CHAT, {"stop": [17]}, "stop[0]"),
    (CHAT, {"n": "two"}, "n"),
    (CHAT, {"response_format": "json"}, "response_format"),
    (RESPONSES, {"model": []}, "model"),
    (RESPONSES, {"input": 17}, "input"),
    (RESPONSES, {"input": [17]}, "input[0]"),
    (RESPONSES, {"input": [{"role": "user", "content": 17}]}, "input[0].content"),
    (RESPONSES, {"input": [{"role": "user", "content": [{"type": "input_text", "text": 1}]}]}, "input[0].content[0].text"),
    (RESPONSES, {"instructions": {}}, "instructions"),
    (RESPONSES, {"max_output_tokens": "many"}, "max_output_tokens"),
    (RESPONSES, {"temperature": []}, "temperature"),
    (RESPONSES, {"stream": 1}, "stream"),
    (RESPONSES, {"tools": "search"}, "tools"),
    (RESPONSES, {"tools": [{"type": "function", "name": 1}]}, "tools[0].name"),
    (RESPONSES, {"reasoning": "high"}, "reasoning"),
    (RESPONSES, {"text": "json"}, "text"),
    (MESSAGES, {"model": {}}, "model"),
    (MESSAGES, {"messages": "oops"}, "messages"),
    (MESSAGES, {"messages": [17]}, "messages[0]"),
    (MESSAGES, {"messages": [{"role": "user", "content": 17}]}, "messages[0].content"),
    (MESSAGES, {"messages": [{"role": "user", "content": [{"type": "text", "text": 1}]}]}, "messages[0].content[0].text"),
    (MESSAGES, {"max_tokens": "many"}, "max_tokens"),
    (MESSAGES, {"max_tokens": None}, "max_tokens"),
    (MESSAGES, {"system": 17}, "system"),
    (MESSAGES, {"system": [{"type": "text", "text": 17}]}, "system[0].text"),
    (MESSAGES, {"stream": "true"}, "stream"),
    (MESSAGES, {"tools": 17}, "tools"),
    (MESSAGES, {"tools": [{"name": 17, "input_schema": {"type": "object"}}]}, "tools[0].name"),
    (MESSAGES, {"tools": [{"name": "a", "input_schema": "object"}]}, "tools[0].input_schema"),
    (MESSAGES, {"stop_sequences": "END"}, "stop_sequences"),
    (MESSAGES, {"thinking": "on"}, "thinking"),
]


@pytest.mark.parametrize(
    ("route", "fields", "path"),
    WRONG_TYPES,
    ids=[f"{route.name}-{json.dumps(fields)[:60]}" for route, fields, _ in WRONG_TYPES],
)
def test_wrong_types_are_named(server: Running, route: Route, fields: dict[str, Any], path: str) -> None:
    for model in MODELS:
        told = route.told(post_json(server, route, {**route.body(model), **fields}))
        assert told.code == "invalid_request"
        # The Anthropic envelope has no place for a path of its own: there it stands in the message.
        assert path in told.message if route is MESSAGES else told.param == path


MISSING: list[tuple[Route, str]] = [
    (CHAT, "model"),
    (CHAT, "messages"),
    (RESPONSES, "model"),
    (RESPONSES, "input"),
    (MESSAGES, "model"),
    (MESSAGES, "messages"),
    (MESSAGES, "max_tokens"),
]


@pytest.mark.parametrize(("route", "field"), MISSING, ids=[f"{route.name}-{field}" for route, field in MISSING])
def test_missing_fields_are_named(server: Running, route: Route, field: str) -> None:
    body = route.body("test/chat")
    del body[field]
    told = route.told(post_json(server, route, body))
    assert told.code == "invalid_request"
    assert field in told.message
    if route is not MESSAGES:
        assert told.param == field


# What the gateway cannot do

REFUSED: list[tuple[Route, dict[str, Any], str]] = [
    (CHAT, {"n": 2}, "n"),
    (CHAT, {"modalities": ["text", "audio"], "audio": {"voice": "alloy", "format": "wav"}}, "audio"),
    (RESPONSES, {"previous_response_id": "resp_1"}, "previous_response_id"),
    (RESPONSES, {"conversation": "conv_1"}, "conversation"),
    (RESPONSES, {"conversation": {"id": "conv_1"}}, "conversation"),
    (RESPONSES, {"background": True}, "background"),
    (RESPONSES, {"prompt": {"id": "pmpt_1"}}, "prompt"),
    (RESPONSES, {"input": [{"type": "item_reference", "id": "msg_1"}]}, "input[0]"),
    (RESPONSES, {"input": [{"id": "msg_1"}]}, "input[0]"),
    (MESSAGES, {"response_format": {"type": "json_object"}}, "response_format"),
    (MESSAGES, {"thread": {"type": "create"}}, "thread"),
    (
        CHAT,
        {"messages": [{"role": "user", "content": [{"type": "file", "file": {"file_id": "file-1"}}]}]},
        "messages[0].content[0]",
    ),
    (
        RESPONSES,
        {"input": [{"role": "user", "content": [{"type": "input_file", "file_id": "file-1"}]}]},
        "input[0].content[0]",
    ),
    (
        CHAT,
        {
            "messages": [
                {"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}}]}
            ]
        },
        "messages[0].content[0]",
    ),
    (
        CHAT,
        {
            "messages": [
                {"role": "user", "content": "a"},
                {
                    "role": "assistant",
                    "tool_calls": [
                        {"id": i, "type": "function", "function": {"name": "f", "arguments": "{}"}}
                        for i in ("call_1", "call_2")
                    ],
                },
                {"role": "tool", "content": "1"},
                {"role": "tool", "content": "2"},
            ]
        },
        "messages[2]",
    ),
]


@pytest.mark.parametrize("strict", [False, True], ids=["", "strict"])
@pytest.mark.parametrize(
    ("route", "fields", "param"), REFUSED, ids=[f"{route.name}-{json.dumps(fields)[:60]}" for route, fields, _ in REFUSED]
)
def test_what_is_always_refused(server: Running, route: Route, fields: dict[str, Any], param: str, *, strict: bool) -> None:
    headers = {**AUTHORIZED, "x-hyperinfer-strict": "true"} if strict else AUTHORIZED
    told = route.told(post_json(server, route, {**route.body("test/messages"), **fields}, headers))
    assert told.code == "invalid_request"
    if route is MESSAGES:
        assert param in told.message
    else:
        assert told.param is not None
        assert told.param.startswith(param)
    if "thread" in fields:
        assert told.details == {"error_code": "thread_unsupported_request"}


@pytest.mark.parametrize("model", ["no/such", "", "TEST/CHAT", "test/chat ", "test/chat\n", "../test/chat", "é" * 50_000])
def test_unknown_models(server: Running, route: Route, model: str) -> None:
    for stream in (False, True):
        told = route.told(post_json(server, route, route.body(model, stream=stream)))
        assert told.code == "invalid_request"
        if route is not MESSAGES:
            assert told.param == "model"
        assert len(told.message) < 2_000
