"""Requests for an answer of a shape, to upstreams that cannot be bound to one."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from hyperinfer.formats import FORMATS
from hyperinfer.formats.codec import AnswerShape, Target
from hyperinfer.formats.quirks import PROTOCOL_QUIRKS
from tests.support.bench import DIALECTS
from tests.support.shapes import HIDDEN, LIST, SCHEMA, choice_of, function, shape_of, shaped, tools_of

if TYPE_CHECKING:
    from hyperinfer.formats import Dialect, Encoded

CHAT, RESPONSES, MESSAGES = DIALECTS
FREE: dict[Dialect, dict[str, Any]] = {
    CHAT: {"response_format": {"type": "json_object"}},
    RESPONSES: {"text": {"format": {"type": "json_object"}}},
}
PATHS: dict[Dialect, str] = {CHAT: "response_format", RESPONSES: "text.format", MESSAGES: "output_config.format"}

to = pytest.mark.parametrize("upstream", DIALECTS)
of = pytest.mark.parametrize("client", DIALECTS)


def sent(client: Dialect, upstream: Dialect, quirks: dict[str, str], **fields: Any) -> tuple[dict[str, Any], Encoded]:
    """The request as it goes up."""
    body: dict[str, Any] = {"model": "m", "input": "hi"} if client == RESPONSES else {"model": "m", "max_tokens": 9000}
    if client != RESPONSES:
        body["messages"] = [{"role": "user", "content": "hi"}]
    conversation = FORMATS[client].decode_request(json.dumps(body | fields).encode())
    target = Target(
        dialect=upstream,
        model="up",
        vendor="x",
        streamed=True,
        max_output_tokens=9000,
        quirks=replace(PROTOCOL_QUIRKS[upstream], **quirks),  # type: ignore[arg-type]
    )
    encoded = FORMATS[upstream].encode_request(conversation, target)
    return json.loads(encoded.body), encoded


def lost(encoded: Encoded) -> list[str]:
    return [loss.path for loss in encoded.losses]


def hidden_in(body: dict[str, Any], name: str = HIDDEN) -> dict[str, Any]:
    """The parameters of the hidden tool."""
    tool = next(tool for tool in body["tools"] if (tool.get("name") or tool.get("function", {}).get("name")) == name)
    found: dict[str, Any] = tool.get("input_schema") or tool.get("parameters") or tool["function"]["parameters"]
    return found


@to
@of
@pytest.mark.parametrize("rule", ["auto", "send"])
def test_an_api_that_takes_schemas_is_sent_them(client: Dialect, upstream: Dialect, rule: str) -> None:
    body, encoded = sent(client, upstream, {"json_schema": rule}, **shaped(client, strict=True))
    shape = shape_of(body)
    assert (shape.get("schema") or shape["json_schema"]["schema"]) == SCHEMA
    if MESSAGES not in (client, upstream):
        assert {"name": "answer", "strict": True}.items() <= (shape.get("json_schema") or shape).items()
    assert (encoded.answer, lost(encoded), "tools" in body) == (None, [], False)


@to
@pytest.mark.parametrize("rule", ["send", "tool", "instruction", "omit"])
def test_the_older_field_of_messages_is_read_too(upstream: Dialect, rule: str) -> None:
    older = {"output_format": shaped(MESSAGES)["output_config"]["format"]}
    body, encoded = sent(MESSAGES, upstream, {"json_schema": rule}, **older)
    expected, same = sent(MESSAGES, upstream, {"json_schema": rule}, **shaped(MESSAGES))
    if upstream == MESSAGES and rule == "send":
        assert (body["output_format"], body.get("output_config")) == (older["output_format"], None)
    else:
        assert body == expected
    assert (encoded.answer, encoded.losses) == (same.answer, same.losses)
    assert "output_format" in sent(MESSAGES, upstream, {"json_schema": rule}, output_format={"type": "other"})[0] or (
        upstream != MESSAGES
    )


@to
@of
def test_a_hidden_tool_has_the_schema_and_is_forced(client: Dialect, upstream: Dialect) -> None:
    body, encoded = sent(client, upstream, {"json_schema": "tool"}, **shaped(client))
    assert (shape_of(body), tools_of(body), choice_of(body)) == (None, [HIDDEN], HIDDEN)
    assert hidden_in(body) == SCHEMA
    assert (encoded.answer, lost(encoded)) == (AnswerShape(HIDDEN), [])


@to
@of
def test_a_schema_of_anything_but_an_object_is_put_into_one(client: Dialect, upstream: Dialect) -> None:
    body, encoded = sent(client, upstream, {"json_schema": "tool"}, **shaped(client, LIST))
    assert hidden_in(body)["properties"] == {"answer": LIST}
    assert encoded.answer == AnswerShape(HIDDEN, wrapped=True)


@to
@of
def test_an_instruction_tells_the_schema_and_that_it_need_not_bind(client: Dialect, upstream: Dialect) -> None:
    body, encoded = sent(client, upstream, {"json_schema": "instruction"}, **shaped(client))
    assert (shape_of(body), "tools" in body) == (None, False)
    assert json.dumps(SCHEMA, separators=(",", ":")) in json.dumps(body).replace("\\", "")
    assert (encoded.answer, lost(encoded)) == (AnswerShape(), [PATHS[client]])


@to
@of
def test_where_only_free_json_is_bound_the_schema_is_told_besides(client: Dialect, upstream: Dialect) -> None:
    body, encoded = sent(client, upstream, {"json_schema": "json_object"}, **shaped(client))
    assert shape_of(body) == (None if upstream == MESSAGES else {"type": "json_object"})
    assert "additionalProperties" in json.dumps(body)
    assert lost(encoded) == [PATHS[client]]


@to
@of
def test_a_wish_may_be_left_out(client: Dialect, upstream: Dialect) -> None:
    body, encoded = sent(client, upstream, {"json_schema": "omit"}, **shaped(client))
    assert (shape_of(body), encoded.answer, lost(encoded)) == (None, None, [PATHS[client]])
    assert "additionalProperties" not in json.dumps(body)


@to
@pytest.mark.parametrize("client", FREE)
@pytest.mark.parametrize("rule", ["send", "json_object", "tool", "instruction"])
def test_json_of_any_shape_is_told_where_there_is_no_such_mode(client: Dialect, upstream: Dialect, rule: str) -> None:
    body, encoded = sent(client, upstream, {"json_schema": rule}, **FREE[client])
    native = upstream != MESSAGES and rule in ("send", "json_object")
    assert shape_of(body) == ({"type": "json_object"} if native else None)
    assert ("JSON object" in json.dumps(body)) != native
    assert (encoded.answer, lost(encoded)) == (None if native else AnswerShape(), [])
    assert "tools" not in body


@to
@pytest.mark.parametrize(
    ("client", "path"), [(CHAT, "response_format.json_schema.strict"), (RESPONSES, "text.format.strict")]
)
def test_a_guarantee_that_was_asked_for_is_lost(client: Dialect, upstream: Dialect, path: str) -> None:
    body, encoded = sent(client, upstream, {"json_schema": "tool"}, **shaped(client, strict=True))
    assert lost(encoded) == [path]
    assert '"strict": true' in json.dumps(body)
    omits = {"json_schema": "tool", "strict_tools": "omit"}
    body, encoded = sent(client, upstream, omits, **shaped(client, strict=True))
    assert lost(encoded) == [path]
    assert '"strict": true' not in json.dumps(body)


def _choices(client: Dialect) -> dict[str, Any]:
    """The caller's choices, each in its format."""
    if client == MESSAGES:
        return {mode: {"type": "any" if mode == "required" else mode} for mode in ("auto", "none", "required")} | {
            "named": {"type": "tool", "name": "weather"}
        }
    named = {"type": "function", "name": "weather"}
    return {"auto": "auto", "none": "none", "required": "required"} | {
        "named": named if client == RESPONSES else {"type": "function", "function": {"name": "weather"}}
    }


@to
@of
@pytest.mark.parametrize(
    ("choice", "tools", "becomes"),
    [
        (None, ["weather", HIDDEN], "required"),
        ("auto", ["weather", HIDDEN], "required"),
        ("none", ["weather", HIDDEN], HIDDEN),
        ("required", ["weather"], "required"),
        ("named", ["weather"], "weather"),
    ],
)
def test_the_callers_tools_stand_beside_it(
    client: Dialect, upstream: Dialect, choice: str | None, tools: list[str], becomes: str
) -> None:
    fields = {} if choice is None else {"tool_choice": _choices(client)[choice]}
    body, encoded = sent(client, upstream, {"json_schema": "tool"}, tools=[function(client)], **shaped(client), **fields)
    assert (tools_of(body), choice_of(body)) == (tools, becomes)
    assert (encoded.answer, lost(encoded)) == (AnswerShape(HIDDEN) if HIDDEN in tools else None, [])


@to
@of
def test_a_call_that_cannot_be_forced_is_asked_for(client: Dialect, upstream: Dialect) -> None:
    quirks = {"json_schema": "tool", "tool_choice": "auto"}
    body, encoded = sent(client, upstream, quirks, tools=[function(client)], **shaped(client))
    assert (tools_of(body), choice_of(body)) == (["weather", HIDDEN], None)
    assert f"calling the tool `{HIDDEN}`" in json.dumps(body)
    assert (encoded.answer, lost(encoded)) == (AnswerShape(HIDDEN), [PATHS[client]])
    none = {"tools": [function(client)], "tool_choice": _choices(client)["none"]}
    assert tools_of(sent(client, upstream, quirks, **none, **shaped(client))[0]) == [HIDDEN]
    forced = {"tools": [function(client)], "tool_choice": _choices(client)["required"]}
    assert sent(client, upstream, quirks, **forced, **shaped(client))[1].answer == AnswerShape()


@to
@of
def test_a_call_that_cannot_be_forced_by_name_is_forced_as_any(client: Dialect, upstream: Dialect) -> None:
    quirks = {"json_schema": "tool", "tool_choice": "no_named"}
    assert choice_of(sent(client, upstream, quirks, **shaped(client))[0]) == "required"
    none = {"tools": [function(client)], "tool_choice": _choices(client)["none"]}
    body, encoded = sent(client, upstream, quirks, **none, **shaped(client))
    assert (tools_of(body), choice_of(body), lost(encoded)) == ([HIDDEN], "required", [])


THINKING: dict[Dialect, dict[str, Any]] = {
    CHAT: {"reasoning_effort": "low"},
    RESPONSES: {"reasoning": {"effort": "low"}},
    MESSAGES: {"thinking": {"type": "enabled", "budget_tokens": 2000}},
}


@of
@pytest.mark.parametrize("style", ["budget", "adaptive"])
def test_beside_thinking_messages_is_not_forced(client: Dialect, style: str) -> None:
    fields = {**THINKING[client], **shaped(client)}
    body, encoded = sent(client, MESSAGES, {"json_schema": "tool", "thinking": style}, **fields)
    assert (tools_of(body), choice_of(body)) == ([HIDDEN], None)
    assert body["thinking"]["type"] != "disabled"
    assert f"`{HIDDEN}`" in json.dumps(body["system"])
    assert lost(encoded) == [PATHS[client]]
    body, _ = sent(client, MESSAGES, {"json_schema": "tool", "thinking": "none"}, **fields)
    assert choice_of(body) == HIDDEN


@to
@of
def test_no_name_is_taken_twice(client: Dialect, upstream: Dialect) -> None:
    tools = [function(client, HIDDEN), function(client, f"{HIDDEN}_2")]
    body, encoded = sent(client, upstream, {"json_schema": "tool"}, tools=tools, **shaped(client))
    assert tools_of(body) == [HIDDEN, f"{HIDDEN}_2", f"{HIDDEN}_3"]
    assert encoded.answer == AnswerShape(f"{HIDDEN}_3")
    history = [
        {"type": "function_call", "call_id": "c1", "name": HIDDEN, "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c1", "output": "x"},
    ]
    _, encoded = sent(RESPONSES, upstream, {"json_schema": "tool"}, **shaped(RESPONSES), input=history)
    assert encoded.answer == AnswerShape(f"{HIDDEN}_2")


@pytest.mark.parametrize("upstream", [CHAT, MESSAGES])
def test_names_that_are_made_legal_do_not_become_its_name(upstream: Dialect) -> None:
    spaced: dict[str, Any] = {"type": "function", "name": "final.answer", "parameters": {}}
    namespace: dict[str, Any] = {
        "type": "namespace",
        "name": "final",
        "tools": [{"type": "function", "name": "x", "parameters": {}}],
    }
    body, encoded = sent(RESPONSES, upstream, {"json_schema": "tool"}, tools=[spaced, namespace], **shaped(RESPONSES))
    assert encoded.answer is not None
    names = tools_of(body)
    assert len(set(names)) == len(names) == 3
    assert names[-1] == encoded.answer.tool
    assert encoded.answer.tool not in encoded.aliases


@to
def test_allowed_tools_stay_the_only_ones(upstream: Dialect) -> None:
    allowed = {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "b"}]}
    tools = [function(RESPONSES, name) for name in "abc"]
    fields = {"tools": tools, "tool_choice": allowed, **shaped(RESPONSES)}
    body, encoded = sent(RESPONSES, upstream, {"json_schema": "tool"}, **fields)
    assert (tools_of(body), choice_of(body), lost(encoded)) == (["b", HIDDEN], "required", [])


def test_a_choice_of_one_format_alone_leaves_an_instruction() -> None:
    fields = {"tools": [{"type": "new_tool"}], "tool_choice": {"type": "new_tool"}, **shaped(RESPONSES)}
    body, encoded = sent(RESPONSES, RESPONSES, {"json_schema": "tool"}, **fields)
    assert body["tool_choice"] == {"type": "new_tool"}
    assert encoded.answer == AnswerShape()


@to
def test_a_demand_for_a_tool_that_is_not_there_leaves_an_instruction(upstream: Dialect) -> None:
    fields = {"tools": [{"type": "web_search"}], "tool_choice": "required", **shaped(RESPONSES)}
    _, encoded = sent(RESPONSES, upstream, {"json_schema": "tool"}, **fields)
    assert encoded.answer == AnswerShape()
    assert "text.format" in lost(encoded)


@to
def test_an_instruction_joins_the_callers_own(upstream: Dialect) -> None:
    """Chat templates know one system message, at the beginning."""
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "hi"}]
    body, _ = sent(CHAT, upstream, {"json_schema": "instruction"}, **shaped(CHAT), messages=messages)
    if upstream == CHAT:
        assert [message["role"] for message in body["messages"]] == ["system", "user"]
    told = body.get("system") or body.get("instructions") or body["messages"][0]["content"]
    assert told.startswith("Be brief.\n\n")
    blocks = [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}]
    body, _ = sent(MESSAGES, MESSAGES, {"json_schema": "instruction"}, **shaped(MESSAGES), system=blocks)
    assert body["system"][0] == blocks[0]
    assert len(body["system"]) == 2
    later = [{"role": "system", "content": "later"}, {"role": "user", "content": "hi"}]
    body, _ = sent(MESSAGES, MESSAGES, {"json_schema": "instruction"}, **shaped(MESSAGES), messages=later)
    assert isinstance(body["system"], str)
    assert body["messages"] == later
