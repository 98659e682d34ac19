"""Each quirk changes what a Chat upstream gets, and what it takes away is told as a Loss (formats/quirks.py)."""

from __future__ import annotations

import json
from typing import Any, ClassVar

import pytest

from hyperinfer.formats import FORMATS, Encoded, Target
from hyperinfer.formats.quirks import Quirks, quirk_facts
from hyperinfer.formats.wire import is_array

CHAT = FORMATS["openai_chat"]
USER: dict[str, Any] = {"role": "user", "content": "u"}
CALL: dict[str, Any] = {"id": "call_1234567890", "type": "function", "function": {"name": "f", "arguments": "{}"}}
ROUND: list[dict[str, Any]] = [
    USER,
    {"role": "assistant", "content": None, "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": "call_1234567890", "content": "r"},
]
TOOL: dict[str, Any] = {"type": "function", "function": {"name": "f", "strict": True}}
MARK: dict[str, Any] = {"type": "ephemeral", "ttl": "1h"}
MARKED: list[dict[str, Any]] = [{"role": "user", "content": [{"type": "text", "text": "u", "cache_control": MARK}]}]
THOUGHT: list[dict[str, Any]] = [USER, {"role": "assistant", "content": "a", "reasoning": "r", "reasoning_content": "r"}]
SCHEMA: dict[str, Any] = {"type": "json_schema", "json_schema": {"name": "n", "schema": {}}}
NAMED: dict[str, Any] = {"type": "function", "function": {"name": "f"}}


def encode(quirks: dict[str, Any], messages: list[dict[str, Any]] | None = None, **fields: Any) -> Encoded:
    body = json.dumps({"model": "m", "messages": messages or [USER], **fields}).encode()
    conversation = CHAT.decode_request(body)
    target = Target(
        dialect="openai_chat",
        model="up",
        vendor="openai",
        streamed=conversation.streamed,
        max_output_tokens=9,
        quirks=Quirks(**quirks),
    )
    return CHAT.encode_request(conversation, target)


def at(result: Encoded, path: str) -> Any:
    """The value at a dotted path of the body; None where there is none."""
    value: Any = json.loads(result.body)
    for step in path.split("."):
        if value is None:
            return None
        value = value[int(step)] if is_array(value) else value.get(step)
    return value


Case = tuple[str, str, dict[str, Any], str, Any, list[str]]
CASES: list[Case] = [
    # quirk, value, request, path in the body, what stands there, losses
    ("tool_id", "any", {"messages": ROUND}, "messages.2.tool_call_id", "call_1234567890", []),
    ("sampling", "send", {"temperature": 0.5, "top_k": 3}, "temperature", 0.5, []),
    ("sampling", "omit", {"temperature": 0.5, "top_k": 3}, "temperature", None, ["temperature", "top_k"]),
    ("sampling", "omit", {"temperature": 1, "top_p": 1, "presence_penalty": 0}, "temperature", None, []),
    ("cache_control", "as_sent", {"messages": MARKED}, "messages.0.content.0.cache_control", MARK, []),
    ("cache_control", "full", {"messages": MARKED}, "messages.0.content.0.cache_control", MARK, []),
    (
        "cache_control",
        "no_ttl",
        {"messages": MARKED},
        "messages.0.content.0.cache_control",
        {"type": "ephemeral"},
        ["messages[0].content[0].cache_control.ttl"],
    ),
    (
        "cache_control",
        "none",
        {"messages": MARKED},
        "messages.0.content.0.cache_control",
        None,
        ["messages[0].content[0].cache_control"],
    ),
    ("reasoning_effort", "effort", {"reasoning_effort": "low"}, "reasoning_effort", "low", []),
    ("reasoning_effort", "reasoning_object", {"reasoning_effort": "low"}, "reasoning", {"effort": "low"}, []),
    ("reasoning_effort", "reasoning_object", {"reasoning_effort": "none"}, "reasoning", {"enabled": False}, []),
    ("reasoning_effort", "thinking_object", {"reasoning_effort": "low"}, "thinking", {"type": "enabled"}, []),
    ("reasoning_effort", "thinking_object", {"reasoning_effort": "none"}, "thinking", {"type": "disabled"}, []),
    ("reasoning_effort", "thinking_object", {"reasoning": {"enabled": True}}, "thinking", {"type": "enabled"}, []),
    ("reasoning_effort", "omit", {"reasoning_effort": "low"}, "reasoning_effort", None, ["reasoning_effort"]),
    ("reasoning_effort", "omit", {"reasoning_effort": "none"}, "reasoning_effort", None, []),
    ("reasoning_field", "as_sent", {"messages": THOUGHT}, "messages.1.reasoning_content", "r", []),
    ("reasoning_field", "as_sent", {"messages": THOUGHT}, "messages.1.reasoning", None, []),
    ("reasoning_field", "omit", {"messages": THOUGHT}, "messages.1.reasoning_content", None, ["messages[1].reasoning"]),
    ("reasoning_field", "reasoning_content", {"messages": THOUGHT}, "messages.1.reasoning_content", "r", []),
    ("reasoning_field", "reasoning_content", {"messages": THOUGHT}, "messages.1.reasoning", None, []),
    ("reasoning_field", "reasoning", {"messages": THOUGHT}, "messages.1.reasoning", "r", []),
    ("reasoning_field", "reasoning", {"messages": THOUGHT}, "messages.1.reasoning_content", None, []),
    ("reasoning_field", "reasoning_details", {"messages": THOUGHT}, "messages.1.reasoning_details.0.text", "r", []),
    (
        "developer_role",
        "keep",
        {"messages": [{"role": "developer", "content": "d"}, USER]},
        "messages.0.role",
        "developer",
        [],
    ),
    (
        "developer_role",
        "system",
        {"messages": [{"role": "developer", "content": "d"}, USER]},
        "messages.0.role",
        "system",
        [],
    ),
    ("null_content", "null", {"messages": ROUND}, "messages.1.content", None, []),
    ("null_content", "empty", {"messages": ROUND}, "messages.1.content", "", []),
    ("max_tokens_field", "as_sent", {"max_tokens": 5}, "max_tokens", 5, []),
    ("max_tokens_field", "as_sent", {"max_completion_tokens": 5}, "max_completion_tokens", 5, []),
    ("max_tokens_field", "max_tokens", {"max_completion_tokens": 5}, "max_tokens", 5, []),
    ("max_tokens_field", "max_completion_tokens", {"max_tokens": 5}, "max_completion_tokens", 5, []),
    ("stop", "max4", {"stop": list("abcde")}, "stop", None, []),
    ("stop", "max5", {"stop": list("abcde")}, "stop", list("abcde"), []),
    ("stop", "max16", {"stop": list("abcdefghijklmnopq")}, "stop", None, []),
    ("stop", "unlimited", {"stop": list("abcdefghijklmnopq")}, "stop", list("abcdefghijklmnopq"), []),
    ("stop", "none", {"stop": "a"}, "stop", None, []),
    ("stream_usage", "send", {"stream": True}, "stream_options", {"include_usage": True}, []),
    ("stream_usage", "omit", {"stream": True, "stream_options": {"x": 1}}, "stream_options", None, []),
    ("strict_tools", "send", {"tools": [TOOL]}, "tools.0.function.strict", True, []),
    ("strict_tools", "omit", {"tools": [TOOL]}, "tools.0.function.strict", None, ["tools[0].strict"]),
    ("parallel_tool_calls", "send", {"tools": [TOOL], "parallel_tool_calls": False}, "parallel_tool_calls", False, []),
    (
        "parallel_tool_calls",
        "omit",
        {"tools": [TOOL], "parallel_tool_calls": False},
        "parallel_tool_calls",
        None,
        ["parallel_tool_calls"],
    ),
    ("parallel_tool_calls", "omit", {"tools": [TOOL], "parallel_tool_calls": True}, "parallel_tool_calls", None, []),
    ("tool_choice", "full", {"tools": [TOOL], "tool_choice": NAMED}, "tool_choice", NAMED, []),
    ("tool_choice", "no_named", {"tools": [TOOL], "tool_choice": NAMED}, "tool_choice", "required", ["tool_choice"]),
    ("tool_choice", "no_named", {"tools": [TOOL], "tool_choice": "required"}, "tool_choice", "required", []),
    ("tool_choice", "auto", {"tools": [TOOL], "tool_choice": NAMED}, "tool_choice", "auto", ["tool_choice"]),
    ("tool_choice", "auto", {"tools": [TOOL], "tool_choice": "required"}, "tool_choice", "auto", ["tool_choice"]),
    ("tool_choice", "auto", {"tools": [TOOL], "tool_choice": "none"}, "tool_choice", "none", []),
    ("json_schema", "send", {"response_format": SCHEMA}, "response_format", SCHEMA, []),
    (
        "json_schema",
        "json_object",
        {"response_format": SCHEMA},
        "response_format",
        {"type": "json_object"},
        ["response_format"],
    ),
    ("json_schema", "auto", {"response_format": SCHEMA}, "response_format", SCHEMA, []),
    ("json_schema", "tool", {"response_format": SCHEMA}, "response_format", None, []),
    ("json_schema", "tool", {"response_format": SCHEMA}, "tools.0.function.name", "final_answer", []),
    ("json_schema", "instruction", {"response_format": SCHEMA}, "messages.0.role", "system", ["response_format"]),
    ("json_schema", "instruction", {"response_format": {"type": "json_object"}}, "messages.0.role", "system", []),
    ("json_schema", "omit", {"response_format": SCHEMA}, "response_format", None, ["response_format"]),
    ("json_schema", "omit", {"response_format": {"type": "json_object"}}, "response_format", None, ["response_format"]),
    ("seed_field", "seed", {"seed": 3}, "seed", 3, []),
    ("seed_field", "random_seed", {"seed": 3}, "random_seed", 3, []),
    ("seed_field", "none", {"seed": 3}, "seed", None, ["seed"]),
    ("openai_only_fields", "send", {"user": "u", "metadata": {"a": "b"}}, "metadata", {"a": "b"}, []),
    (
        "openai_only_fields",
        "omit",
        {"user": "u", "store": False, "prompt_cache_key": "k", "service_tier": "auto"},
        "user",
        None,
        [],
    ),
    (
        "openai_only_fields",
        "omit",
        {"metadata": {"a": "b"}, "store": True, "verbosity": "low", "logit_bias": {"1": 1}, "service_tier": "flex"}
        | {"safety_identifier": "s", "prediction": {"type": "content"}, "moderation": {}},
        "metadata",
        None,
        ["logit_bias", "service_tier", "verbosity", "store", "metadata", "safety_identifier", "prediction", "moderation"],
    ),
]


@pytest.mark.parametrize(("quirk", "value", "request_", "path", "there", "lost"), CASES, ids=lambda item: str(item)[:40])
def test_effect(quirk: str, value: str, request_: dict[str, Any], path: str, there: Any, lost: list[str]) -> None:
    result = encode({quirk: value}, **request_)
    assert at(result, path) == there
    assert [loss.path for loss in result.losses] == lost


ELSEWHERE = {"thinking"}
"""Quirks of Messages upstreams alone."""
BELOW = {
    ("tool_id", "alnum9"),
    ("tool_id", "max40"),
    *(("files", value) for value in ("file", "file_or_url", "document_url")),  # tests/formats/test_media.py
    ("content", "string"),
    ("content", "parts"),
    ("turns", "free"),
    ("turns", "alternate"),
    ("system_role", "keep"),
    ("system_role", "fold"),
    ("system_role", "fold_later"),
}


def test_every_value_of_every_quirk_has_a_case() -> None:
    tested = {(quirk, value) for quirk, value, *_ in CASES} | BELOW
    known = {(fact.name, value) for fact in quirk_facts() if fact.name not in ELSEWHERE for value in fact.values}
    assert tested == known


@pytest.mark.parametrize(("shape", "pattern"), [("alnum9", 9), ("max40", 15)])
def test_call_ids_are_renamed_alike_in_call_and_result(shape: str, pattern: int) -> None:
    """Fault F136."""
    body = json.loads(encode({"tool_id": shape}, ROUND).body)
    call_id = body["messages"][1]["tool_calls"][0]["id"]
    assert call_id == body["messages"][2]["tool_call_id"]
    assert len(call_id) == pattern
    assert shape != "alnum9" or call_id.isalnum()
    longest = [{**ROUND[1], "tool_calls": [{**CALL, "id": "x" * 60}]}, {**ROUND[2], "tool_call_id": "x" * 60}]
    assert len(json.loads(encode({"tool_id": "max40"}, longest).body)["messages"][0]["tool_calls"][0]["id"]) <= 40


class TestTurns:
    """System turns, and turns of one role in a row, for servers with strict chat templates."""

    MESSAGES: ClassVar[list[dict[str, Any]]] = [
        {"role": "system", "content": "s"},
        USER,
        *ROUND[1:],
        {"role": "developer", "content": [{"type": "text", "text": "later"}]},
        {"role": "user", "content": [{"type": "text", "text": "v"}]},
    ]

    def messages(self, messages: list[dict[str, Any]], **quirks: Any) -> list[tuple[str, Any]]:
        result = encode(quirks, messages)
        assert result.losses == ()
        return [(message["role"], message["content"]) for message in json.loads(result.body)["messages"]]

    def test_keep(self) -> None:
        assert [role for role, _ in self.messages(self.MESSAGES)] == [
            *["system", "user", "assistant", "tool", "developer", "user"]
        ]

    def test_fold_later(self) -> None:
        assert self.messages(self.MESSAGES, system_role="fold_later") == [
            ("system", "s"),
            ("user", "u"),
            ("assistant", None),
            ("tool", "r"),
            ("user", [{"type": "text", "text": "[System message]\nlater"}, {"type": "text", "text": "v"}]),
        ]

    def test_fold(self) -> None:
        """Never into the middle of a call and its result (wire facts 4.3; fault F137)."""
        between = [self.MESSAGES[0], USER, ROUND[1], {"role": "system", "content": "x"}, ROUND[2]]
        assert self.messages(between, system_role="fold") == [
            ("user", "[System message]\ns\n\nu"),
            ("assistant", None),
            ("tool", "r"),
            ("user", "[System message]\nx"),
        ]

    def test_alternate(self) -> None:
        row = [
            USER,
            USER,
            {"role": "assistant", "content": "a", "tool_calls": [CALL]},
            {"role": "assistant", "content": "b", "tool_calls": [{**CALL, "id": "2"}]},
            {**ROUND[2], "tool_call_id": "2"},
            ROUND[2],
            USER,
            {"role": "user", "content": [{"type": "text", "text": "v"}]},
        ]
        body = json.loads(encode({"turns": "alternate"}, row).body)["messages"]
        assert [message["role"] for message in body] == ["user", "assistant", "tool", "tool", "user"]
        assert body[0]["content"] == "u\n\nu"
        assert (body[1]["content"], len(body[1]["tool_calls"])) == ("a\n\nb", 2)
        assert body[4]["content"] == [{"type": "text", "text": "u"}, {"type": "text", "text": "v"}]
        assert len(json.loads(encode({"turns": "free"}, row).body)["messages"]) == 8

    def test_content_as_one_string(self) -> None:
        image = {"type": "image_url", "image_url": {"url": "https://x/a"}}
        texts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
        messages: list[dict[str, Any]] = [
            {"role": "user", "content": texts},
            {"role": "assistant", "content": texts},
            {"role": "user", "content": [*texts, image]},
        ]
        assert self.messages(messages, content="string") == [
            ("user", "a\n\nb"),
            ("assistant", "a\n\nb"),
            ("user", [*texts, image]),
        ]
        assert self.messages(messages, content="parts")[0] == ("user", texts)


def test_allowed_tools_are_narrowed_where_the_server_does_not_know_the_word() -> None:
    """Fault F047."""
    tools = [{"type": "function", "function": {"name": name}} for name in "abc"]
    choice = {
        "type": "allowed_tools",
        "allowed_tools": {"mode": "required", "tools": [{"type": "function", "function": {"name": "b"}}]},
    }
    kept = json.loads(encode({}, tools=tools, tool_choice=choice).body)
    assert (kept["tool_choice"], len(kept["tools"])) == (choice, 3)
    narrowed = json.loads(encode({"tool_choice": "no_named"}, tools=tools, tool_choice=choice).body)
    assert (narrowed["tool_choice"], narrowed["tools"]) == ("required", [tools[1]])
