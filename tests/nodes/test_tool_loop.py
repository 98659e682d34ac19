"""Server tools: the model calls them, they run, it is asked again, and the client has one reply."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from hyperinfer.engine import Graph, Node, subgraph, tee
from hyperinfer.engine.testing import ListSink
from hyperinfer.formats.usage import Usage
from hyperinfer.nodes import Answering, tool_loop
from hyperinfer.nodes.ports import ToolTime
from tests.support.bench import DIALECTS, bench
from tests.support.judge import breaches
from tests.support.replies import usage_of
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
    from hyperinfer.formats import Dialect

SEARCH_AND_CLOCK: dict[str, Any] = {"plugins": [{"id": "web_search", "depth": 3}, {"id": "datetime"}]}


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("protocol", DIALECTS)
@pytest.mark.parametrize("client", DIALECTS)
async def test_a_round_of_a_tool_and_the_answer(
    client: Dialect, protocol: Dialect, stream: bool, autojump_clock: object
) -> None:
    search = ScriptedTool(steps=[(2.0, found("It is 21 degrees."))])
    first = upstream(
        protocol,
        thought("Where?", "c2lnbmVk", protocol),
        text("Let me look. "),
        call("web_search", query="weather"),
        stream=stream,
        usage=Usage(input_tokens=100, output_tokens=20, cache_read=40),
    )
    second = upstream(protocol, text("21 degrees."), stream=stream, usage=Usage(input_tokens=150, output_tokens=8))
    async with bench(first, second, tooling=tooling(search)) as gateway:
        exchange = await gateway.ask(client, protocol, stream=stream, **switched_on(client, "web_search", depth=3))
        assert exchange.status == 200, exchange.sent
        if stream:
            assert breaches(client, exchange.sent) == []
        (said,) = sayings(client, exchange.sent)
        assert (said.calls, said.others) == ([], [])
        assert (said.text, said.reasoning) == ("Let me look. 21 degrees.", "Where?")
        assert said.usage is not None
        assert (said.usage[0], said.usage[1], said.usage[3]) == (250, 40, 28)
        assert search.ran == [(search.ran[0][0], {"query": "weather"}, {"depth": 3})]

        ours, again = (asked_of(protocol, played.body) for played in gateway.transport.played)
        assert [tool.name for tool in ours.tools] == ["web_search"]
        assert ours.tools[0].parameters is not None
        assert ours.plugins == again.plugins == ()
        assert again.tools == ours.tools
        (asked, result) = calls_and_results(again)
        assert asked == ("call", "call_1", "web_search", '{"query": "weather"}') or asked[2:] == (
            "web_search",
            '{"query":"weather"}',
        )
        assert result[1] == asked[1]
        assert "It is 21 degrees." in result[2]
        assert b"c2lnbmVk" in gateway.transport.played[1].body  # the vendor has its blob back
        assert len(again.turns) > len(ours.turns)

        row = gateway.row
        assert (row.status, row.finish_reason, row.limit_reached) == ("completed", "stop", False)
        (looked,) = row.tools
        assert looked == ToolTime("web_search", looked.at, 2000)
        assert (row.admitted_ms, [attempt.at for attempt in row.attempts]) == (0, [0, looked.at + 2000])
        assert (row.tokens_prompt, row.tokens_cached_prompt, row.tokens_completion) == (250, 40, 28)
        assert {line.bucket: (line.tokens, line.cost) for line in row.lines} == {
            "prompt": (210, 210 * 3_000_000),
            "cached_prompt": (40, 40 * 300_000),
            "completion": (28, 28 * 15_000_000),
            "web_search": (1, 7_000),
        }
        assert row.cost == sum(line.cost for line in row.lines)
        assert usage_of(client, stream, exchange.sent)["cost"] == pytest.approx(row.cost / 10**12)
        assert [(a.provider, a.status, a.code) for a in row.attempts] == [(protocol, 200, None)] * 2
        assert exchange.sent_headers["x-hyperinfer-loss"] == "0"
        assert row.losses == ()


async def test_text_of_every_round_comes_when_it_is_said(autojump_clock: object) -> None:
    search = ScriptedTool(steps=[(5.0, found())])
    first = upstream("openai_chat", text("one "), call("web_search"), stream=True)
    second = upstream("openai_chat", text("two"), stream=True)
    async with bench(first, second, tooling=tooling(search)) as gateway:
        exchange = await gateway.ask("openai_chat", "openai_chat", stream=True, **switched_on("openai_chat", "web_search"))
        at = [when for when, data in exchange.writes if b"one " in data or b"two" in data]
    # 1 s to the text, 1 s to the call, 1 s to the end, 5 s for the tool, 1 s to the text of the second round.
    assert [when - at[0] for when in at] == [0.0, 8.0]


async def test_what_it_drives_may_be_a_graph_with_tasks_of_its_own(autojump_clock: object) -> None:
    search, watched = ScriptedTool(steps=[(5.0, found())]), ListSink[Any]()
    first = upstream("openai_chat", text("one "), call("web_search"), stream=True)
    second = upstream("openai_chat", text("two"), stream=True)
    async with bench(first, second, tooling=tooling(search)) as gateway:
        served = gateway.pipelines.stream
        (called,) = served.node("tool_loop").inner
        assert isinstance(called, Node)
        looked_at = subgraph(Graph.linear(called, tee(watched, slow="wait")), name="looked_at")
        gateway.pipelines.stream = served.replace("tool_loop", tool_loop(looked_at, tooling(search)))
        exchange = await gateway.ask("openai_chat", "openai_chat", stream=True, **switched_on("openai_chat", "web_search"))
        (said,) = sayings("openai_chat", exchange.sent)
    assert said.text == "one two"
    assert [item.round for item in watched.items if isinstance(item, Answering)] == [0, 1]


async def test_calls_of_one_turn_run_at_once_and_keep_their_order(autojump_clock: object) -> None:
    search = ScriptedTool(by_query={"a": (3.0, found("slow")), "c": (1.0, found("fast"))})
    clock = ScriptedTool("datetime", steps=[(2.0, found("noon"))], price=0)
    calls = (call("web_search", "c_a", query="a"), call("datetime", "c_b"), call("web_search", "c_c", query="c"))
    scripts = (upstream("openai_chat", *calls, stream=False), upstream("openai_chat", text("ok"), stream=False))
    async with bench(*scripts, tooling=tooling(search, clock)) as gateway:
        await gateway.ask("openai_chat", "openai_chat", stream=False, **SEARCH_AND_CLOCK)
        first, second = gateway.transport.played
        assert first.closed_at is not None
        assert second.at - first.closed_at == 3.0
        told = calls_and_results(asked_of("openai_chat", second.body))
        assert [entry[:2] for entry in told] == [
            ("call", "c_a"), ("call", "c_b"), ("call", "c_c"), ("result", "c_a"), ("result", "c_b"), ("result", "c_c"),
        ]  # fmt: skip
        assert ["slow" in told[3][2], "noon" in told[4][2], "fast" in told[5][2]] == [True, True, True]
        assert {line.bucket: line.tokens for line in gateway.row.lines} == {
            "prompt": 20, "completion": 10, "web_search": 2, "datetime": 1,
        }  # fmt: skip


@pytest.mark.parametrize("protocol", DIALECTS)
async def test_a_model_that_does_not_stop_is_asked_once_more_without_tools(
    protocol: Dialect, autojump_clock: object
) -> None:
    search = ScriptedTool()
    scripts = [upstream(protocol, call("web_search", f"call_{n}", query="x"), stream=True) for n in range(3)]
    scripts[2] = upstream(protocol, text("That is all I know."), stream=True)
    async with bench(*scripts, tooling=tooling(search, rounds=2)) as gateway:
        exchange = await gateway.ask("openai_chat", protocol, stream=True, **switched_on("openai_chat", "web_search"))
        assert sayings("openai_chat", exchange.sent)[0].text == "That is all I know."
        last = asked_of(protocol, gateway.transport.played[2].body)
        assert last.tools == () or (last.tool_choice is not None and last.tool_choice.mode == "none")
        assert len(search.ran) == 2
        assert gateway.row.limit_reached
        assert gateway.row.status == "completed"


async def test_calls_without_tools_are_not_run(autojump_clock: object) -> None:
    search = ScriptedTool()
    scripts = [upstream("openai_chat", text("hm"), call("web_search", f"call_{n}"), stream=False) for n in range(2)]
    async with bench(*scripts, tooling=tooling(search, rounds=1)) as gateway:
        exchange = await gateway.ask("openai_chat", "openai_chat", stream=False, **switched_on("openai_chat", "web_search"))
        (said,) = sayings("openai_chat", exchange.sent)
        assert (said.text, said.calls) == ("hm\n\nhm", [])
        assert b'"finish_reason":"stop"' in exchange.sent
        assert len(search.ran) == 1


async def test_functions_of_the_caller_keep_their_names(autojump_clock: object) -> None:
    search = ScriptedTool()
    names = ("web_search", "hyperinfer_web_search")
    scripts = (
        upstream("openai_chat", call("hyperinfer_hyperinfer_web_search", "c_a"), stream=False),
        upstream("openai_chat", *(call(name, f"c_{name}") for name in names), stream=False),
    )
    async with bench(*scripts, tooling=tooling(search)) as gateway:
        own = [{"type": "function", "function": {"name": name, "parameters": {"type": "object"}}} for name in names]
        fields: dict[str, Any] = {**switched_on("openai_chat", "web_search"), "tools": own}
        exchange = await gateway.ask("openai_chat", "openai_chat", stream=False, **fields)
        (said,) = sayings("openai_chat", exchange.sent)
        assert said.calls == [(name, {}) for name in names]
        assert len(search.ran) == 1


@pytest.mark.parametrize(
    ("choice", "later"),
    [("required", "auto"), ({"type": "function", "function": {"name": "web_search"}}, "auto"), ("auto", "auto")],
)
async def test_a_demanded_call_is_demanded_once(choice: Any, later: str, autojump_clock: object) -> None:
    scripts = (
        upstream("openai_chat", call("web_search"), stream=False),
        upstream("openai_chat", text("ok"), stream=False),
    )
    async with bench(*scripts, tooling=tooling(ScriptedTool())) as gateway:
        fields: dict[str, Any] = {**switched_on("openai_chat", "web_search"), "tool_choice": choice}
        await gateway.ask("openai_chat", "openai_chat", stream=False, **fields)
        first, second = (asked_of("openai_chat", played.body).tool_choice for played in gateway.transport.played)
        assert first is not None
        assert first.mode == ("named" if isinstance(choice, dict) else choice)
        assert second is None or second.mode == later
