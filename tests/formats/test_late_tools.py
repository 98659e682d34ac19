"""Tools that a Responses conversation declares in an item reach upstreams of the other formats, and calls come back."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hyperinfer.formats import FORMATS, Dialect, RequestError, Target
from hyperinfer.formats import events as ev
from hyperinfer.formats.search_calls import SearchCalls

FUNCTION = {"type": "function", "name": "wait", "parameters": {"type": "object", "properties": {"ms": {"type": "number"}}}}
CUSTOM = {"type": "custom", "name": "exec", "description": "Runs a script."}
DECLARED = {
    "type": "additional_tools",
    "role": "developer",
    "tools": [{"type": "namespace", "name": "functions", "description": "", "tools": [CUSTOM, FUNCTION]}],
}
ASKED = [
    DECLARED,
    {"type": "message", "role": "developer", "content": "Be brief."},
    {"type": "message", "role": "user", "content": "Go."},
    {"type": "custom_tool_call", "call_id": "c1", "name": "exec", "input": "1+1", "namespace": "functions"},
    {"type": "custom_tool_call_output", "call_id": "c1", "output": "2"},
]


def encoded(dialect: Dialect, items: list[Any], **fields: Any) -> tuple[dict[str, Any], list[str], dict[str, Any]]:
    """(the body, the paths of its losses, what the names of its tools stand for)."""
    request = json.dumps({"model": "m", "input": items, **fields}).encode()
    conversation = FORMATS["openai_responses"].decode_request(request)
    target = Target(dialect=dialect, model="up", vendor="openai", streamed=False, max_output_tokens=4096)
    result = FORMATS[dialect].encode_request(conversation, target)
    return json.loads(result.body), [loss.path for loss in result.losses], dict(result.aliases)


def test_towards_chat() -> None:
    body, losses, aliases = encoded("openai_chat", ASKED)
    assert [tool["function"]["name"] for tool in body["tools"]] == ["functions__exec", "functions__wait"]
    assert body["tools"][1]["function"]["parameters"] == FUNCTION["parameters"]
    assert [message["role"] for message in body["messages"]] == ["developer", "user", "assistant", "tool"]
    assert body["messages"][2]["tool_calls"][0]["function"] == {"name": "functions__exec", "arguments": '{"input":"1+1"}'}
    assert losses == []
    alias = aliases["functions__exec"]
    assert (alias.name, alias.namespace, alias.kind) == ("exec", "functions", "custom")


def test_towards_messages() -> None:
    body, losses, aliases = encoded("anthropic_messages", ASKED)
    assert [tool["name"] for tool in body["tools"]] == ["functions__exec", "functions__wait"]
    assert json.dumps(body["system"]).count("Be brief.") == 1  # the item is no turn that the instructions come after
    assert [message["role"] for message in body["messages"]] == ["user", "assistant", "user"]
    assert losses == []
    assert aliases["functions__wait"].namespace == "functions"


def test_the_same_format_keeps_the_item() -> None:
    body, losses, _ = encoded("openai_responses", ASKED)
    assert body["input"][0] == DECLARED
    assert "tools" not in body
    assert losses == []


SEARCH = {"type": "tool_search", "execution": "client", "description": "Finds tools.", "parameters": {"type": "object"}}


def test_a_search_for_tools_that_the_caller_runs_stays_in_the_same_format() -> None:
    user = {"type": "message", "role": "user", "content": "Go."}
    body, losses, _ = encoded("openai_responses", [user], tools=[SEARCH])
    assert body["tools"] == [SEARCH]
    assert losses == []
    hosted = {"type": "tool_search"}
    assert encoded("openai_responses", [user], tools=[hosted])[1] == ["tools[0]"]


@pytest.mark.parametrize("dialect", ["openai_chat", "anthropic_messages"])
def test_a_search_for_tools_that_the_caller_runs_is_a_function(dialect: Dialect) -> None:
    history: list[Any] = [
        {"type": "message", "role": "user", "content": "Go."},
        {
            "type": "tool_search_call",
            "call_id": "s1",
            "execution": "client",
            "arguments": {"query": "x"},
            "status": "completed",
        },
        {
            "type": "tool_search_output",
            "call_id": "s1",
            "execution": "client",
            "status": "completed",
            "tools": DECLARED["tools"],
        },
    ]
    body, losses, _ = encoded(dialect, history, tools=[SEARCH])
    assert losses == []
    assert [tool.get("name") or tool["function"]["name"] for tool in body["tools"]] == [
        "tool_search",
        "functions__exec",
        "functions__wait",
    ]
    if dialect == "openai_chat":
        assert body["tools"][0]["function"]["parameters"] == SEARCH["parameters"]
        call, result = body["messages"][1]["tool_calls"][0], body["messages"][2]
        assert call["function"] == {"name": "tool_search", "arguments": '{"query":"x"}'}
        assert (call["id"], result["tool_call_id"]) == ("s1", "s1")
        assert result["content"] == "Tools found: functions__exec, functions__wait"
    else:
        call, result = body["messages"][1]["content"][0], body["messages"][2]["content"][0]
        assert (call["name"], call["input"]) == ("tool_search", {"query": "x"})
        assert call["id"] == result["tool_use_id"]


def test_a_call_of_the_search_comes_back_as_its_item() -> None:
    step = SearchCalls()
    events: list[ev.Event] = [
        ev.ToolCallStart("s1", "tool_search"),
        ev.ArgumentsDelta('{"query":'),
        ev.ArgumentsDelta('"x"}'),
        ev.ToolCallEnd(),
        ev.ToolCallStart("c2", "wait"),
        ev.ArgumentsDelta("{}"),
        ev.ToolCallEnd(),
    ]
    out = [changed for event in events for changed in step.push(event)]
    item = {"type": "tool_search_call", "call_id": "s1", "execution": "client"}
    assert out == [
        ev.ServerToolStart("openai_responses", "tool_search_call", {**item, "status": "in_progress", "arguments": {}}),
        ev.ServerToolEnd({**item, "status": "completed", "arguments": {"query": "x"}}),
        *events[4:],
    ]


@pytest.mark.parametrize("dialect", ["openai_chat", "anthropic_messages"])
def test_what_a_search_found_joins_the_list_once(dialect: Dialect) -> None:
    found = {
        "type": "tool_search_output",
        "call_id": "s1",
        "execution": "client",
        "tools": [FUNCTION, {**FUNCTION, "name": "b"}],
    }
    user = {"type": "message", "role": "user", "content": "Go."}
    body, _, _ = encoded(dialect, [user, found, user], tools=[FUNCTION])
    assert [tool.get("name") or tool["function"]["name"] for tool in body["tools"]] == ["wait", "b"]


@pytest.mark.parametrize("dialect", ["openai_chat", "anthropic_messages"])
def test_what_only_a_provider_runs_is_a_loss_at_its_place(dialect: Dialect) -> None:
    items = [{**DECLARED, "tools": [{"type": "web_search"}, FUNCTION]}, {"role": "user", "content": "Go."}]
    body, losses, _ = encoded(dialect, items)
    assert len(body["tools"]) == 1
    assert losses == ["input[0].tools[0]"]


@pytest.mark.parametrize("dialect", list(FORMATS))
def test_a_tool_that_is_none_is_refused_at_its_place(dialect: Dialect) -> None:
    with pytest.raises(RequestError) as caught:
        encoded(dialect, [{**DECLARED, "tools": [3]}, {"role": "user", "content": "Go."}])
    assert caught.value.param == "input[0].tools[0]"
