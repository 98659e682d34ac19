"""Tools of every dialect for an upstream that speaks Messages, and the calls that come back."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from hyperinfer.formats import events as ev
from hyperinfer.formats.codec import ToolAlias
from hyperinfer.formats.conversation import Conversation, Tool, ToolCallPart, ToolChoice
from hyperinfer.formats.restore import ToolRestorer
from tests.support.messages_codec import assistant, chat, decode_stream, encode, encoded_request, target, user, wire

SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}


def function(name: str = "f", **fields: Any) -> Tool:
    return Tool(kind="function", name=name, path=fields.pop("path", "tools[0]"), parameters=SCHEMA, **fields)


def tools(*declared: Tool, **fields: Any) -> tuple[list[dict[str, Any]], list[str]]:
    body, losses = encode(chat(user(), tools=declared, **fields))
    return body.get("tools", []), losses


def test_functions() -> None:
    found, losses = tools(
        function(description="d", strict=True),
        function("g", strict=False),
        Tool(kind="function", name="h", path="tools[2]"),
        Tool(kind="function", name="i", path="tools[3]", parameters={"properties": {}}),
    )
    assert found == [
        {"name": "f", "description": "d", "input_schema": SCHEMA, "strict": True},
        {"name": "g", "input_schema": SCHEMA},
        {"name": "h", "input_schema": {"type": "object", "properties": {}}},
        {"name": "i", "input_schema": {"type": "object", "properties": {}}},
    ]
    assert losses == []


def test_schemas_keep_the_order_of_their_keys() -> None:
    schema: dict[str, Any] = {"required": ["z", "a"], "type": "object", "properties": {"z": {}, "a": {}}}
    tool = Tool(kind="function", name="f", path="tools[0]", parameters=schema)
    body = encoded_request(chat(user(), tools=(tool,))).body
    assert json.dumps(schema, separators=(",", ":")).encode() in body


def test_custom_tools_are_functions_with_one_string_and_come_back_as_themselves() -> None:
    grammar = {"type": "grammar", "syntax": "lark", "definition": "start: x"}
    tool = Tool(kind="custom", name="apply_patch", path="tools[0]", type="custom", description="Patch.", grammar=grammar)
    earlier = ToolCallPart(call_id="c", name="apply_patch", arguments='say "x"', kind="custom")
    encoded = encoded_request(chat(user(), assistant(earlier), tools=(tool,)))
    body = msgspec.json.decode(encoded.body)
    assert body["tools"][0]["input_schema"]["required"] == ["input"]
    assert "start: x" in body["tools"][0]["description"]
    assert [loss.path for loss in encoded.losses] == ["tools[0].format"]
    assert body["messages"][1]["content"][0]["input"] == {"input": 'say "x"'}
    assert encoded.aliases == {"apply_patch": ToolAlias("apply_patch", "custom")}

    restorer = ToolRestorer(encoded.aliases)
    events = [event for one in _call_events("apply_patch") for event in restorer.push(one)]
    start = next(event for event in events if isinstance(event, ev.ToolCallStart))
    assert (start.name, start.kind) == ("apply_patch", "custom")
    assert [event.text for event in events if isinstance(event, ev.ArgumentsDelta)] == ["*** Begin"]


def _call_events(name: str) -> list[ev.Event]:
    block: dict[str, Any] = {"type": "tool_use", "id": "t", "name": name, "input": {}}
    return decode_stream(
        [
            wire(
                {"type": "message_start", "message": {"id": "m", "content": []}},
                {"type": "content_block_start", "index": 0, "content_block": block},
                *(
                    {"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": piece}}
                    for piece in ('{"inp', 'ut": "*** Begin"}')
                ),
                {"type": "content_block_stop", "index": 0},
                {"type": "message_delta", "delta": {"stop_reason": "tool_use"}},
                {"type": "message_stop"},
            )
        ]
    )


def test_namespaces_are_flattened_and_come_back() -> None:
    long = "n" * 40
    declared = (
        function("run", namespace="mcp", namespace_description="Server.", description="Runs.", path="tools[0].tools[0]"),
        function("list", namespace="mcp", namespace_description="Server."),
        function("x" * 40, namespace=long),
        function("mcp__run"),
        function("dotted.name"),
    )
    earlier = ToolCallPart(call_id="c", name="run", arguments="{}", namespace="mcp")
    conversation = Conversation(dialect="openai_responses", model="m", turns=(user(), assistant(earlier)), tools=declared)
    encoded = encoded_request(conversation)
    body = msgspec.json.decode(encoded.body)
    names = [tool["name"] for tool in body["tools"]]
    assert len(set(names)) == 5
    assert all(len(name) <= 64 for name in names)
    assert names[1] == "mcp__list"
    assert names[3] == "mcp__run"
    assert names[0].startswith("mcp__run_")
    assert names[4] == "dotted_name"
    assert body["messages"][1]["content"][0]["name"] == names[0]
    assert encoded.aliases[names[0]] == ToolAlias("run", "function", "mcp")
    assert encoded.aliases[names[2]] == ToolAlias("x" * 40, "function", long)
    assert encoded.aliases[names[4]] == ToolAlias("dotted.name", "function")
    assert names[3] not in encoded.aliases
    assert [tool.get("description") for tool in body["tools"][:2]] == ["Server.\n\nRuns.", None]


@pytest.mark.parametrize(
    ("fields", "choice"),
    [
        ({}, None),
        ({"tool_choice": ToolChoice(mode="auto")}, {"type": "auto"}),
        ({"tool_choice": ToolChoice(mode="required")}, {"type": "any"}),
        ({"tool_choice": ToolChoice(mode="none")}, {"type": "none"}),
        ({"tool_choice": ToolChoice(mode="named", name="f")}, {"type": "tool", "name": "f"}),
        ({"parallel_tool_calls": False}, {"type": "auto", "disable_parallel_tool_use": True}),
        ({"parallel_tool_calls": True}, None),
        (
            {"parallel_tool_calls": False, "tool_choice": ToolChoice(mode="required")},
            {"type": "any", "disable_parallel_tool_use": True},
        ),
        ({"parallel_tool_calls": False, "tool_choice": ToolChoice(mode="none")}, {"type": "none"}),
    ],
)
def test_choices(fields: dict[str, Any], choice: dict[str, Any] | None) -> None:
    body, losses = encode(chat(user(), tools=(function(),), **fields))
    assert body.get("tool_choice") == choice
    assert losses == []


def test_without_tools_there_is_no_choice() -> None:
    body, losses = encode(chat(user(), parallel_tool_calls=False, tool_choice=ToolChoice(mode="none")))
    assert "tool_choice" not in body
    assert losses == []


def test_allowed_tools_filter_the_list() -> None:
    choice = ToolChoice(mode="allowed", allowed=("g",), allowed_mode="required")
    body, losses = encode(chat(user(), tools=(function(), function("g")), tool_choice=choice))
    assert [tool["name"] for tool in body["tools"]] == ["g"]
    assert body["tool_choice"] == {"type": "any"}
    assert losses == []


def test_a_named_tool_of_a_namespace() -> None:
    choice = ToolChoice(mode="named", name="run")
    body, _ = encode(chat(user(), tools=(function("run", namespace="mcp"),), tool_choice=choice))
    assert body["tool_choice"] == {"type": "tool", "name": "mcp__run"}


def test_what_a_provider_cannot_force() -> None:
    conversation = chat(
        user(), tools=(function(),), tool_choice=ToolChoice(mode="named", name="f"), parallel_tool_calls=False
    )
    body, losses = encode(conversation, target(tool_choice="no_named", parallel_tool_calls="omit"))
    assert body["tool_choice"] == {"type": "any"}
    assert losses == ["tool_choice", "parallel_tool_calls"]


def test_hosted_tools_go_where_the_route_runs_them() -> None:
    raw = {"type": "web_search", "filters": {"allowed_domains": ["a.org"]}, "search_context_size": "low"}
    tool = Tool(kind="native", name="web_search", path="tools[0]", type="web_search", raw=raw)
    conversation = Conversation(dialect="openai_responses", model="m", turns=(user(),), tools=(tool,))
    body, losses = encode(conversation)
    assert "tools" not in body
    assert losses == ["tools[0]"]

    runs = msgspec.structs.replace(target(), native_tools=frozenset({"web_search_20250305", "code_execution_20250825"}))
    body, losses = encode(conversation, runs)
    assert body["tools"] == [{"type": "web_search_20250305", "name": "web_search", "allowed_domains": ["a.org"]}]
    assert losses == ["tools[0].search_context_size"]


def test_cache_marks_and_unmodelled_fields_of_tools() -> None:
    found, losses = tools(function(extra={"defer_loading": True}))
    assert found == [{"name": "f", "input_schema": SCHEMA}]
    assert losses == ["tools[0].defer_loading"]
