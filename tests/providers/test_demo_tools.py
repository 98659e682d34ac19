"""Which tool the demo models call, and when."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from trio.testing import MockClock

from hyperinfer.providers.demo.asked import MOST_TOOLS
from hyperinfer.providers.quirks import Protocol
from tests.providers.demo_exchange import (
    TOOLS,
    WEATHER,
    decode,
    each_protocol,
    exchange,
    hear,
    judge,
    request,
)


@each_protocol
@pytest.mark.parametrize(
    ("choice", "called"),
    [(None, "weather"), ("auto", "weather"), ("required", "weather"), ("clock", "clock"), ("none", None)],
)
async def test_the_first_tool_that_may_be_called_is_called(
    protocol: Protocol, choice: str | None, called: str | None, autojump_clock: MockClock
) -> None:
    heard = hear(await exchange(protocol, request(protocol, tools=TOOLS, choice=choice, stream=True)))
    assert [name for name, _, _ in heard.calls] == ([called] if called else [])
    assert heard.stop == ("tool_calls" if called else "stop")
    assert bool(heard.text) is (called is None)
    for name, arguments, _ in heard.calls:
        jsonschema.validate(json.loads(arguments or "{}"), TOOLS[name])


@each_protocol
@pytest.mark.parametrize(("choice", "called"), [(None, None), ("auto", None), ("required", "weather"), ("clock", "clock")])
async def test_of_as_many_tools_as_a_coding_agent_offers_none_is_called_unless_one_must_be(
    protocol: Protocol, choice: str | None, called: str | None, autojump_clock: MockClock
) -> None:
    # They have a shell among them, and agents that begin others: what is called with made-up arguments there is carried out.
    few = TOOLS | {f"tool_{number}": TOOLS["clock"] for number in range(MOST_TOOLS - len(TOOLS))}
    heard = hear(await exchange(protocol, request(protocol, tools=few | {"shell": WEATHER}, choice=choice)))
    assert [name for name, _, _ in heard.calls] == ([called] if called else [])
    assert bool(heard.text) is (called is None)
    assert hear(await exchange(protocol, request(protocol, tools=few, choice=choice))).calls


@each_protocol
async def test_arguments_come_in_pieces(protocol: Protocol, autojump_clock: MockClock) -> None:
    got = await exchange(protocol, request(protocol, tools=TOOLS, stream=True))
    kinds = [type(event).__name__ for event in decode(got)]
    assert kinds.count("ArgumentsDelta") > 2


@each_protocol
async def test_a_result_ends_the_calls(protocol: Protocol, autojump_clock: MockClock) -> None:
    heard = hear(await exchange(protocol, request(protocol, tools=TOOLS, choice="required", result="Sunny, 21 °C")))
    assert heard.calls == ()
    assert "Sunny, 21 °C" in heard.text
    assert heard.stop == "stop"


@each_protocol
async def test_after_a_finished_call_the_next_question_is_answered_with_a_call_again(
    protocol: Protocol, autojump_clock: MockClock
) -> None:
    body = request(protocol, tools=TOOLS, result="Sunny")
    turns = body["input" if protocol == "openai_responses" else "messages"]
    turns += [{"role": "assistant", "content": "It is sunny."}, {"role": "user", "content": "And tomorrow?"}]
    heard = hear(await exchange(protocol, body))
    assert [name for name, _, _ in heard.calls] == ["weather"]


@each_protocol
async def test_call_ids_differ_from_turn_to_turn(protocol: Protocol, autojump_clock: MockClock) -> None:
    """A conversation holds the ids of all its calls, and two that are the same could not be told apart."""
    first = await exchange(protocol, request(protocol, "one", tools=TOOLS))
    second = await exchange(protocol, request(protocol, "two", tools=TOOLS))
    again = await exchange(protocol, request(protocol, "one", tools=TOOLS))
    assert _call_id(first.json) != _call_id(second.json)
    assert again.body == first.body


async def test_custom_tools_get_free_text(shared: Path, autojump_clock: MockClock) -> None:
    custom = {"type": "custom", "name": "patch"}
    body = request("openai_responses", stream=True) | {"tools": [{"type": "web_search"}, custom]}
    got = await exchange("openai_responses", body)
    assert hear(got).calls == (("patch", "demo", "custom"),)
    assert judge(shared, got, usage=True) == "ok"
    chat = request("openai_chat", stream=True) | {"tools": [{"type": "custom", "custom": {"name": "patch"}}]}
    assert hear(await exchange("openai_chat", chat)).calls == (("patch", "demo", "custom"),)


async def test_a_tool_in_a_namespace_is_called_by_both_names(autojump_clock: MockClock) -> None:
    inner = {"type": "function", "name": "open", "parameters": None}
    body = request("openai_responses") | {"tools": [{"type": "namespace", "name": "files", "tools": [inner]}]}
    (item,) = (await exchange("openai_responses", body)).json["output"]
    assert (item["namespace"], item["name"], item["arguments"]) == ("files", "open", "{}")


async def test_tools_of_the_vendor_are_not_called(autojump_clock: MockClock) -> None:
    hosted = {"type": "web_search_20250305", "name": "web_search"}
    late = {"name": "late", "input_schema": {"type": "object"}, "defer_loading": True}
    heard = hear(await exchange("anthropic_messages", request("anthropic_messages") | {"tools": [hosted, late]}))
    assert heard.calls == ()


def _call_id(reply: Any) -> str:
    if "choices" in reply:
        return str(reply["choices"][0]["message"]["tool_calls"][0]["id"])
    (item,) = reply.get("output") or reply["content"]
    return str(item.get("call_id") or item["id"])
