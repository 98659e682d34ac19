"""Turns in which the model calls the gateway's tools and functions of the client at once."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import trio

from hyperinfer.api.tool_memory import KEEP_SECONDS, LocalToolMemory
from hyperinfer.formats import events as ev
from tests.support.bench import DIALECTS, bench
from tests.support.saying import sayings
from tests.support.tool_rounds import (
    ScriptedTool,
    asked_of,
    call,
    calls_and_results,
    found,
    switched_on,
    text,
    thought,
    tooling,
    upstream,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hyperinfer.formats import Dialect

SCHEMA: dict[str, Any] = {"type": "object", "properties": {"city": {"type": "string"}}}


def declared(client: Dialect, name: str = "local") -> dict[str, Any]:
    """A function of the client's, and our search."""
    fields = switched_on(client, "web_search")
    theirs: dict[Dialect, dict[str, Any]] = {
        "openai_chat": {"type": "function", "function": {"name": name, "parameters": SCHEMA}},
        "openai_responses": {"type": "function", "name": name, "parameters": SCHEMA},
        "anthropic_messages": {"name": name, "input_schema": SCHEMA},
    }
    return {**fields, "tools": [*fields.get("tools", ()), theirs[client]]}


def next_turn(client: Dialect, body: bytes, result: str) -> dict[str, Any]:
    """What a client sends once it has run its own function: the reply as it came, and the result."""
    reply = json.loads(body)
    if client == "openai_chat":
        message = reply["choices"][0]["message"]
        results = [{"role": "tool", "tool_call_id": c["id"], "content": result} for c in message["tool_calls"]]
        return {"messages": [{"role": "user", "content": "hi"}, message, *results]}
    if client == "anthropic_messages":
        ids = [block["id"] for block in reply["content"] if block["type"] == "tool_use"]
        blocks = [{"type": "tool_result", "tool_use_id": id, "content": result} for id in ids]
        return {
            "messages": [
                {"role": "user", "content": "hi"},
                {"role": "assistant", "content": reply["content"]},
                {"role": "user", "content": blocks},
            ]
        }
    calls = [item for item in reply["output"] if item["type"] == "function_call"]
    results = [{"type": "function_call_output", "call_id": c["call_id"], "output": result} for c in calls]
    return {"input": [{"role": "user", "content": "hi"}, *reply["output"], *results]}


@pytest.mark.parametrize("order", ["ours first", "theirs first", "theirs between"])
@pytest.mark.parametrize("protocol", DIALECTS)
@pytest.mark.parametrize("client", DIALECTS)
async def test_the_client_has_its_calls_and_the_model_its_turn_back(
    client: Dialect, protocol: Dialect, order: str, autojump_clock: object
) -> None:
    search = ScriptedTool(by_query={"a": (2.0, found("result a")), "b": (1.0, found("result b"))})
    first, second = call("web_search", "call_a", query="a"), call("web_search", "call_b", query="b")
    own = call("local", "call_own", city="Rome")
    calls = {"ours first": (first, second, own), "theirs first": (own, first, second)}
    calls["theirs between"] = (first, own, second)
    said = thought("hm", "c2lnbmVk", protocol)
    scripts = (
        upstream(protocol, said, text("Both. "), *calls[order], stream=False),
        upstream(protocol, text("Done."), stream=False),
    )
    memory = LocalToolMemory(trio.current_time)
    async with bench(*scripts, tooling=tooling(search, memory=memory)) as gateway:
        exchange = await gateway.ask(client, protocol, stream=False, **declared(client))
        assert exchange.status == 200, exchange.sent
        (heard,) = sayings(client, exchange.sent)
        assert (heard.text, heard.calls, heard.others) == ("Both. ", [("local", {"city": "Rome"})], [])
        ((_, row),) = gateway.store.settlements
        assert (row.status, row.finish_reason) == ("completed", "tool_calls")
        assert {line.bucket: line.tokens for line in row.lines} == {"prompt": 10, "completion": 5, "web_search": 2}

        await trio.sleep(KEEP_SECONDS - 10)
        later = await gateway.ask(
            client, protocol, stream=False, **declared(client), **next_turn(client, exchange.sent, "sunny")
        )
        assert later.status == 200, later.sent
        assert sayings(client, later.sent)[0].text == "Done."
        assert len(search.ran) == 2
        told = calls_and_results(asked_of(protocol, gateway.transport.played[1].body))
        names = [entry[2] for entry in told if entry[0] == "call"]
        assert names == [start.name for start, *_ in calls[order] if isinstance(start, ev.ToolCallStart)]
        assert {entry[1] for entry in told if entry[0] == "call"} == {entry[1] for entry in told if entry[0] == "result"}
        results = " ".join(entry[2] for entry in told if entry[0] == "result")
        assert all(word in results for word in ("result a", "result b", "sunny"))
        assert b"c2lnbmVk" in gateway.transport.played[1].body


@pytest.mark.parametrize("forgets", [False, True])
@pytest.mark.parametrize("order", ["ours first", "theirs first"])
@pytest.mark.parametrize("protocol", DIALECTS)
@pytest.mark.parametrize("client", DIALECTS)
async def test_a_client_that_was_told_of_our_calls_gives_them_back_once(
    client: Dialect, protocol: Dialect, order: str, *, forgets: bool, autojump_clock: object
) -> None:
    """It sends them back itself, and what is kept is put back. Where that is gone, its own will do."""
    search = ScriptedTool(steps=[(0.0, found("rain"))])
    ours, own = call("web_search", "call_a", query="a"), call("local", "call_own", city="Rome")
    scripts = (
        upstream(protocol, *((ours, own) if order == "ours first" else (own, ours)), stream=False),
        upstream(protocol, text("Done."), stream=False),
    )
    async with bench(*scripts, tooling=tooling(search, memory=LocalToolMemory(trio.current_time))) as gateway:
        asked = {**declared(client), "hi_tool_events": True}
        exchange = await gateway.ask(client, protocol, stream=False, **asked)
        await trio.sleep(KEEP_SECONDS + 1 if forgets else 1)
        later = await gateway.ask(client, protocol, stream=False, **asked, **next_turn(client, exchange.sent, "sunny"))
        assert later.status == 200, later.sent
        told = calls_and_results(asked_of(protocol, gateway.transport.played[1].body))
        ids = [entry[1] for entry in told if entry[0] == "call"]
        gone = forgets and client == "openai_chat"  # which has no form for it in a history
        assert sorted(ids) == (["call_own"] if gone else ["call_a", "call_own"])
        assert sorted(entry[1] for entry in told if entry[0] == "result") == sorted(ids)
        if not forgets:
            assert "rain" in str([entry[2] for entry in told if entry[0] == "result"])


@pytest.mark.parametrize("protocol", DIALECTS)
@pytest.mark.parametrize("client", DIALECTS)
async def test_results_that_are_gone_are_no_error(client: Dialect, protocol: Dialect, autojump_clock: object) -> None:
    search = ScriptedTool(steps=[(0.0, found("first")), (0.0, found("again"))])
    scripts = (
        upstream(protocol, call("web_search", "call_a", query="a"), call("local", "call_own", city="Rome"), stream=False),
        upstream(protocol, call("web_search", "call_b", query="a"), stream=False),
        upstream(protocol, text("Done."), stream=False),
    )
    async with bench(*scripts, tooling=tooling(search, memory=LocalToolMemory(trio.current_time))) as gateway:
        exchange = await gateway.ask(client, protocol, stream=False, **declared(client))
        await trio.sleep(KEEP_SECONDS + 1)
        turn = next_turn(client, exchange.sent, "sunny")
        later = await gateway.ask(client, protocol, stream=False, **declared(client), **turn)
        assert later.status == 200, later.sent
        assert sayings(client, later.sent)[0].text == "Done."
        told = calls_and_results(asked_of(protocol, gateway.transport.played[1].body))
        assert [entry[2] for entry in told] == ["local", "sunny"]
        assert len(search.ran) == 2


async def test_another_turn_with_the_same_id_gets_nothing_that_is_not_its_own(autojump_clock: object) -> None:
    """Some providers count the ids of calls from 0 in each reply."""
    search = ScriptedTool()
    scripts = (
        upstream("openai_chat", call("web_search", "c_0"), call("local", "c_1"), stream=False),
        upstream("openai_chat", text("Done."), stream=False),
    )
    async with bench(*scripts, tooling=tooling(search, memory=LocalToolMemory(trio.current_time))) as gateway:
        await gateway.ask("openai_chat", "openai_chat", stream=False, **declared("openai_chat"))
        function = {"name": "other", "arguments": "{}"}
        message = {"role": "assistant", "tool_calls": [{"id": "c_1", "type": "function", "function": function}]}
        messages = [{"role": "user", "content": "x"}, message, {"role": "tool", "tool_call_id": "c_1", "content": "y"}]
        fields: dict[str, Any] = {**declared("openai_chat"), "messages": messages}
        await gateway.ask("openai_chat", "openai_chat", stream=False, **fields)
        told = calls_and_results(asked_of("openai_chat", gateway.transport.played[1].body))
        assert told == [("call", "c_1", "other", "{}"), ("result", "c_1", "y")]


async def test_another_conversation_with_the_same_ids_gets_nothing_of_this_one(autojump_clock: object) -> None:
    """One workspace may serve many people: what was found for one is not told to another."""
    search = ScriptedTool(steps=[(0.0, found("the salary of Ann"))])
    scripts = (
        upstream("openai_chat", call("web_search", "c_0"), call("local", "c_1", city="Rome"), stream=False),
        upstream("openai_chat", text("Done."), stream=False),
    )
    async with bench(*scripts, tooling=tooling(search, memory=LocalToolMemory(trio.current_time))) as gateway:
        fields = declared("openai_chat")
        exchange = await gateway.ask("openai_chat", "openai_chat", stream=False, **fields)
        other = next_turn("openai_chat", exchange.sent, "sunny")
        other["messages"][0]["content"] = "I am Bob"
        await gateway.ask("openai_chat", "openai_chat", stream=False, **fields, **other)
        told = calls_and_results(asked_of("openai_chat", gateway.transport.played[1].body))
        assert told == [("call", "c_1", "local", '{"city": "Rome"}'), ("result", "c_1", "sunny")]


STRANGE: dict[str, tuple[str, str]] = {
    "an id of Kimi's": ("functions.local:0", "local"),
    "a long id": ("call_" + "x" * 100, "local"),
    "a name that the upstream does not take": ("call_own", "my.local/tool"),
}


@pytest.mark.parametrize("case", STRANGE)
@pytest.mark.parametrize("protocol", DIALECTS)
@pytest.mark.parametrize("client", DIALECTS)
async def test_calls_that_a_client_is_told_of_in_other_words(
    client: Dialect, protocol: Dialect, case: str, autojump_clock: object
) -> None:
    call_id, name = STRANGE[case]
    fields = declared(client, name)
    search = ScriptedTool(steps=[(0.0, found("rain"))])
    async with bench(upstream(protocol, text("hm"), stream=False), tooling=tooling(search)) as gateway:
        await gateway.ask(client, protocol, stream=False, **fields)
        (named,) = (
            tool.name
            for tool in asked_of(protocol, gateway.transport.played[0].body).tools
            if tool.kind == "function" and tool.name != "web_search"
        )
    scripts = (
        upstream(protocol, call("web_search", "call_a"), call(named, call_id, city="Rome"), stream=False),
        upstream(protocol, text("Done."), stream=False),
    )
    async with bench(*scripts, tooling=tooling(search, memory=LocalToolMemory(trio.current_time))) as gateway:
        exchange = await gateway.ask(client, protocol, stream=False, **fields)
        assert sayings(client, exchange.sent)[0].calls == [(name, {"city": "Rome"})]
        later = await gateway.ask(client, protocol, stream=False, **fields, **next_turn(client, exchange.sent, "sunny"))
        assert later.status == 200, later.sent
        told = calls_and_results(asked_of(protocol, gateway.transport.played[1].body))
        assert [entry[2] for entry in told if entry[0] == "call"] == ["web_search", named]
        assert "rain" in str(told)


async def test_what_another_version_has_kept_is_as_good_as_gone(autojump_clock: object) -> None:
    class Other:
        async def keep(self, workspace: str, key: str, data: bytes) -> None:
            """Not this one's."""

        async def kept(self, workspace: str, keys: Sequence[str]) -> Mapping[str, bytes]:
            return dict(zip(keys, (b"", b"\x80", b"\xc1"), strict=False))

    calls: list[dict[str, Any]] = [
        {"id": f"c_{n}", "type": "function", "function": {"name": "local", "arguments": "{}"}} for n in range(3)
    ]
    results = [{"role": "tool", "tool_call_id": each["id"], "content": "y"} for each in calls]
    messages = [{"role": "user", "content": "x"}, {"role": "assistant", "tool_calls": calls}, *results]
    script = upstream("openai_chat", text("Done."), stream=False)
    async with bench(script, tooling=tooling(ScriptedTool(), memory=Other())) as gateway:
        fields: dict[str, Any] = {**declared("openai_chat"), "messages": messages}
        exchange = await gateway.ask("openai_chat", "openai_chat", stream=False, **fields)
        assert exchange.status == 200
