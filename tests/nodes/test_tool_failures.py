"""What goes wrong while server tools run: the tool, the upstream, the client, the gateway's own end."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
import trio

from hyperinfer.formats.server_tools import ToolOutcome, ToolSource
from hyperinfer.nodes.tools.running import MOST_CALLS
from tests.nodes.envelopes import check_failed_stream
from tests.support.bench import DIALECTS, asked, bench
from tests.support.saying import sayings
from tests.support.tool_rounds import (
    ScriptedTool,
    Step,
    asked_of,
    call,
    calls_and_results,
    found,
    switched_on,
    text,
    tooling,
    upstream,
)
from tests.support.upstreams import Script

if TYPE_CHECKING:
    from hyperinfer.formats import Dialect

ON = switched_on("openai_chat", "web_search")
CHAT: Dialect = "openai_chat"

FAILURES: dict[str, tuple[Step, str]] = {
    "an exception": ((1.0, RuntimeError("a bug with a secret")), "The tool failed"),
    "too slow": ((1000.0, found()), "did not answer within 20 s"),
    "its own error": (
        (1.0, ToolOutcome(text="The page is not there.", summary="404", error="not_found")),
        "The page is not there.",
    ),
}


@pytest.mark.parametrize("failure", FAILURES)
async def test_a_tool_that_fails_tells_the_model(failure: str, autojump_clock: object) -> None:
    step, words = FAILURES[failure]
    search = ScriptedTool(steps=[step])
    scripts = (upstream(CHAT, call("web_search"), stream=False), upstream(CHAT, text("Sorry."), stream=False))
    async with bench(*scripts, tooling=tooling(search)) as gateway:
        exchange = await gateway.ask(CHAT, CHAT, stream=False, **ON)
        assert (exchange.status, sayings(CHAT, exchange.sent)[0].text) == (200, "Sorry.")
        ((_, told),) = [entry[1:] for entry in calls_and_results(asked_of(CHAT, gateway.transport.played[1].body))][1:]
        assert words in told
        assert "secret" not in told
        assert "web_search" not in {line.bucket for line in gateway.row.lines}, "it is not charged"
        second, first = gateway.transport.played[1].at, gateway.transport.played[0].closed_at
        assert first is not None
        assert second - first == min(step[0], 20.0)


@pytest.mark.parametrize("arguments", ["{", "[1]", '"x"', '{"a":' * 200_000])
async def test_arguments_that_are_no_object(arguments: str, autojump_clock: object) -> None:
    search = ScriptedTool()
    body = {
        "id": "c1",
        "choices": [
            {
                "index": 0,
                "message": {
                    "role": "assistant",
                    "tool_calls": [
                        {"id": "c", "type": "function", "function": {"name": "web_search", "arguments": arguments}}
                    ],
                },
                "finish_reason": "tool_calls",
            }
        ],
    }
    script = Script([(0.0, json.dumps(body).encode())], headers={"content-type": "application/json"})
    async with bench(script, upstream(CHAT, text("Sorry."), stream=False), tooling=tooling(search)) as gateway:
        exchange = await gateway.ask(CHAT, CHAT, stream=False, **ON)
        assert exchange.status == 200, exchange.sent
        assert search.ran == []
        told = calls_and_results(asked_of(CHAT, gateway.transport.played[1].body))
        assert "not a JSON object" in told[-1][2]


async def test_more_calls_than_can_run_are_told_so(autojump_clock: object) -> None:
    search = ScriptedTool()
    calls = [call("web_search", f"c_{n}") for n in range(MOST_CALLS + 2)]
    scripts = (upstream(CHAT, *calls, stream=False), upstream(CHAT, text("ok"), stream=False))
    async with bench(*scripts, tooling=tooling(search)) as gateway:
        await gateway.ask(CHAT, CHAT, stream=False, **ON)
        assert len(search.ran) == MOST_CALLS
        told = calls_and_results(asked_of(CHAT, gateway.transport.played[1].body))
        assert ["Not run" in entry[2] for entry in told[len(calls) :]] == [False] * MOST_CALLS + [True] * 2


async def test_what_clients_are_told_of_strangers_is_cleaned_too(autojump_clock: object) -> None:
    source = ToolSource("https://a.example/x", "T\x1b[31m\u202e\nevil", "an\u200b excerpt\U000e0100", "2026\x07")
    outcome = ToolOutcome(text="te\u200bxt", summary="s\x00 of\u2028it", sources=(source,))
    scripts = (
        upstream(CHAT, call("web_search"), stream=False),
        upstream(CHAT, text("See https://a.example/x"), stream=False),
    )
    for client in DIALECTS:
        async with bench(*scripts, tooling=tooling(ScriptedTool(steps=[(0.0, outcome)]))) as gateway:
            fields = {**switched_on(client, "web_search"), "hi_tool_events": True}
            exchange = await gateway.ask(client, CHAT, stream=False, **fields)
            said = json.dumps(json.loads(exchange.sent), ensure_ascii=False)
            assert "T[31m evil" in said
            assert not set(said) & set("\x00\x07\x1b\u200b\u202e\u2028\U000e0100")


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("leaves", [0.5, 2.5, 3.5, 5.25, 6.5])
async def test_a_client_that_leaves_ends_the_tool_and_pays_for_what_was_done(
    leaves: float, stream: bool, autojump_clock: object
) -> None:
    """The first round ends at 4 s streamed and 2 s whole, the tools take 1 and 10 s."""
    search = ScriptedTool(by_query={"quick": (1.0, found()), "slow": (10.0, found())})
    calls = (call("web_search", "c_1", query="quick"), call("web_search", "c_2", query="slow"))
    script = upstream(CHAT, text("Let me look. "), *calls, stream=stream, every=1.0 if stream else 2 / 3)
    async with bench(script, tooling=tooling(search)) as gateway:
        exchange = await gateway.ask(CHAT, CHAT, stream=stream, leaves_at=leaves, **ON)
        assert exchange.ended_at is None
        row = gateway.row
        ((settled_at, _),) = gateway.store.settlements
        assert (row.status, settled_at) == ("cancelled", leaves)
        assert row.cost == sum(line.cost for line in row.lines)
        began = search.ran[0][0] if search.ran else None
        if began is None or leaves <= began:
            assert search.cut == []
            return
        quick_is_done = leaves > began + 1
        assert search.cut == ([leaves] if quick_is_done else [leaves, leaves])
        assert {line.bucket: line.tokens for line in row.lines} == {
            "prompt": 10,
            "completion": 5,
            **({"web_search": 1} if quick_is_done else {}),
        }
        assert (row.tokens_prompt, row.tokens_completion, row.estimated) == (10, 5, False)


async def test_a_run_that_is_over_is_paid_for_though_one_before_it_is_not(autojump_clock: object) -> None:
    search = ScriptedTool(by_query={"quick": (1.0, found()), "slow": (10.0, found())})
    calls = (call("web_search", "c_1", query="slow"), call("web_search", "c_2", query="quick"))
    async with bench(upstream(CHAT, *calls, stream=True, every=0.0), tooling=tooling(search)) as gateway:
        await gateway.ask(CHAT, CHAT, stream=True, leaves_at=5.0, **ON)
        assert {line.bucket: line.tokens for line in gateway.row.lines}["web_search"] == 1


@pytest.mark.parametrize("client", DIALECTS)
@pytest.mark.parametrize("stream", [True, False])
async def test_an_upstream_that_fails_in_a_later_round(client: Dialect, stream: bool, autojump_clock: object) -> None:
    search = ScriptedTool()
    failing = Script([(0.0, b'{"error": {"message": "no"}}')], status=401, headers={"content-type": "application/json"})
    async with bench(
        upstream(CHAT, text("Look. "), call("web_search"), stream=stream), failing, tooling=tooling(search)
    ) as gateway:
        exchange = await gateway.ask(client, CHAT, stream=stream, **switched_on(client, "web_search"))
        row = gateway.row
        assert (row.status, row.error_code) == ("failed", "provider_auth")
        if stream:
            check_failed_stream(client, exchange, "provider_auth")
            assert {line.bucket: line.tokens for line in row.lines} == {"prompt": 10, "completion": 5, "web_search": 1}
        else:
            assert exchange.status == 502
            assert row.cost == 0
            assert (row.tokens_prompt, row.tokens_completion) == (10, 5)


async def test_a_later_round_is_tried_again_before_it_has_said_anything(autojump_clock: object) -> None:
    busy = Script([(0.0, b"{}")], status=503)
    scripts = (
        upstream(CHAT, text("Look. "), call("web_search"), stream=True),
        busy,
        Script(breaks=httpx2.ReadError("reset")),
        upstream(CHAT, text("There."), stream=True),
    )
    async with bench(*scripts, tooling=tooling(ScriptedTool())) as gateway:
        exchange = await gateway.ask(CHAT, CHAT, stream=True, **ON)
        assert sayings(CHAT, exchange.sent)[0].text == "Look. There."
        assert [attempt.code for attempt in gateway.row.attempts] == [
            None, "provider_overloaded", "provider_unavailable", None,
        ]  # fmt: skip


async def test_a_later_round_goes_only_where_the_models_words_can_be_read(autojump_clock: object) -> None:
    """`test/two`: Chat, then Messages. The first answers; its reasoning is nothing for the other vendor."""
    scripts = (
        upstream(CHAT, call("web_search"), stream=False),
        Script([(0.0, b"{}")], status=401),
    )
    async with bench(*scripts, tooling=tooling(ScriptedTool())) as gateway:
        exchange = await gateway.ask(CHAT, "two", stream=False, **ON)
        assert exchange.status == 502
        assert len(gateway.transport.played) == 2


async def test_the_client_hears_of_us_while_a_tool_runs(autojump_clock: object) -> None:
    search = ScriptedTool(steps=[(35.0, found())], seconds=60.0)
    scripts = (upstream(CHAT, call("web_search"), stream=True), upstream(CHAT, text("ok"), stream=True))
    async with bench(*scripts, tooling=tooling(search)) as gateway:
        exchange = await gateway.ask(CHAT, CHAT, stream=True, **ON)
        assert [data for _, data in exchange.writes].count(b": keep-alive\n\n") == 3
        assert sayings(CHAT, exchange.sent)[0].text == "ok"


@pytest.mark.parametrize("stream", [True, False])
async def test_the_gateway_ends_while_a_tool_runs(stream: bool, autojump_clock: object) -> None:
    search = ScriptedTool(steps=[(500.0, found())], seconds=600.0)
    script = upstream(CHAT, text("Look. "), call("web_search"), stream=stream)
    async with bench(script, tooling=tooling(search)) as gateway, trio.open_nursery() as nursery:

        async def end() -> None:
            await trio.sleep(20)
            gateway.drain.begin(grace=30)
            await gateway.drain.finish(last_words=5)

        nursery.start_soon(end)
        exchange = await gateway.ask(CHAT, CHAT, stream=stream, **ON)
        assert search.cut == [50.0]
        assert b"shutting down" in exchange.sent
        assert exchange.status == (200 if stream else 502)
        assert (gateway.row.status, gateway.row.error_code) == ("failed", "provider_unavailable")
        assert (gateway.row.cost > 0) == stream


UNCONFIGURED: dict[str, tuple[Dialect, dict[str, Any], str | None]] = {
    "a plugin of Chat": (CHAT, {"plugins": [{"id": "image"}]}, "plugins[0]"),
    "a plugin of Messages": ("anthropic_messages", {"plugins": [{"id": "web_search"}]}, "plugins[0]"),
    "image of Responses": ("openai_responses", {"tools": [{"type": "image"}]}, "tools[0]"),
    "web_search of Responses": ("openai_responses", {"tools": [{"type": "web_search"}]}, None),
    "a name that nobody knows": (CHAT, {"plugins": [{"id": "moderation"}]}, None),
}


@pytest.mark.parametrize("case", UNCONFIGURED)
async def test_a_tool_that_is_not_configured(case: str, autojump_clock: object) -> None:
    client, fields, param = UNCONFIGURED[case]
    async with bench(upstream(CHAT, text("ok"), stream=False)) as gateway:
        exchange = await gateway.ask(client, CHAT, stream=False, **fields)
        if param is not None:
            assert exchange.status == 400
            error = json.loads(exchange.sent)["error"]
            assert error["code"] == "invalid_request"
            assert "not configured" in error["message"]
            if client != "anthropic_messages":
                assert error["param"] == param
            assert gateway.row.cost == 0
            return
        assert (exchange.status, exchange.sent_headers["x-hyperinfer-loss"]) == (200, "1")
    async with bench() as gateway:
        body = asked(client, CHAT, stream=False, **fields)
        exchange = await gateway.send(client, body, {"x-hyperinfer-strict": "true"})
        assert exchange.status == 400


async def test_options_that_make_no_sense_and_more_than_one_answer(autojump_clock: object) -> None:
    async with bench(tooling=tooling(ScriptedTool())) as gateway:
        exchange = await gateway.ask(CHAT, CHAT, stream=False, plugins=[{"id": "web_search", "senseless": True}])
        assert (exchange.status, json.loads(exchange.sent)["error"]["param"]) == (400, "plugins[0]")
    async with bench(tooling=tooling(ScriptedTool())) as gateway:
        exchange = await gateway.ask(CHAT, CHAT, stream=False, n=2, **ON)
        assert (exchange.status, json.loads(exchange.sent)["error"]["param"]) == (400, "n")


@pytest.mark.parametrize(("credits", "status"), [(0, 402), (1, 200)])
async def test_a_free_model_with_a_tool_that_costs_needs_credit(credits: int, status: int, autojump_clock: object) -> None:
    scripts = (upstream(CHAT, call("web_search"), stream=False), upstream(CHAT, text("ok"), stream=False))
    async with bench(*scripts, tooling=tooling(ScriptedTool()), credits=credits) as gateway:
        exchange = await gateway.ask(CHAT, "free", stream=False, **ON)
        assert exchange.status == status
        if status == 200:
            assert gateway.row.cost == 7_000
