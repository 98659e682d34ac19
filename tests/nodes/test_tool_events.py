"""What the client sees of a tool loop when it asks for it: through the official SDKs, and in its next request."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from hyperinfer.formats.server_tools import ToolImage, ToolSource
from tests.support.bench import DIALECTS, bench
from tests.support.consumers import read
from tests.support.judge import breaches_if_judged
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
from tests.support.tool_runs import PIXEL

if TYPE_CHECKING:
    from hyperinfer.formats import Dialect

PAGE = "https://a.example/tides"


def tools() -> tuple[ScriptedTool, ...]:
    source = ToolSource(PAGE, "Tides", "The sea rises.")
    image = ToolImage(PIXEL, "image/png", "a grey sea")
    return (
        ScriptedTool("web_search", [(2.0, found("The sea rises.", sources=(source,)))]),
        ScriptedTool("datetime", [(1.0, found("Noon."))]),
        ScriptedTool("image", [(1.0, found("Drawn.", images=(image,)))]),
    )


def kinds(client: Dialect, final: dict[str, Any]) -> list[str]:
    """What a reply is made of."""
    if client == "openai_responses":
        return [item["type"] for item in final["output"] if item["type"] != "reasoning"]
    if client == "anthropic_messages":
        return [block["type"] for block in final["content"] if block["type"] != "thinking"]
    return [f"image {len(final['choices'][0]['message']['images'])}"]


SEEN: dict[Dialect, list[str]] = {
    "openai_chat": ["image 1"],
    "openai_responses": ["message", "web_search_call", "mcp_call", "image_generation_call", "message"],
    "anthropic_messages": [
        "text",
        "server_tool_use",
        "server_tool_use",
        "web_search_tool_result",
        "code_execution_tool_result",
        "server_tool_use",
        "code_execution_tool_result",
        "text",
        "text",
    ],
}


def next_request(client: Dialect, final: dict[str, Any]) -> dict[str, Any]:
    """The conversation so far, and another question."""
    first, more = {"role": "user", "content": "hi"}, {"role": "user", "content": "And?"}
    if client == "openai_responses":
        return {"input": [first, *final["output"], more]}
    said: Any = final["choices"][0]["message"] if client == "openai_chat" else final["content"]
    answer = said if client == "openai_chat" else {"role": "assistant", "content": said}
    return {"messages": [first, answer, more]}


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("protocol", DIALECTS)
@pytest.mark.parametrize("client", DIALECTS)
async def test_the_runs_are_told_and_come_back(
    client: Dialect, protocol: Dialect, stream: bool, autojump_clock: object
) -> None:
    rounds = (
        (
            thought("Hm.", "c2ln", protocol),
            text("Let me see. "),
            call("web_search", "c_1", query="tides"),
            call("datetime", "c_2"),
        ),
        (call("image", "c_3", query="a sea"),),
        (text(f"It rises, see [Tides]({PAGE})."),),
    )
    scripts = [upstream(protocol, *blocks, stream=stream) for blocks in rounds]
    asked = switched_on(client, "web_search", "datetime", "image")
    async with bench(*scripts, upstream(protocol, text("Done."), stream=stream), tooling=tooling(*tools())) as gateway:
        exchange = await gateway.ask(client, protocol, stream=stream, hi_tool_events=True, **asked)
        assert exchange.status == 200, exchange.sent
        if stream:
            assert breaches_if_judged(client, exchange.sent) == []
            got = read(client, exchange.sent)
            assert got.error is None
            final = got.final
        else:
            final = json.loads(exchange.sent)
        assert final is not None
        assert kinds(client, final) == SEEN[client]
        assert exchange.sent.count(b'"type":"end"') >= 3
        assert PAGE.encode() in exchange.sent
        assert b'"cost_micro_usd":"0.007"' in exchange.sent

        later = await gateway.ask(client, protocol, stream=stream, **asked, **next_request(client, final))
        assert later.status == 200, later.sent
        body = gateway.transport.played[-1].body
        assert PIXEL.encode() not in body
        assert b"_hi_" not in body
        told = calls_and_results(asked_of(protocol, body))
        names = [entry[2] for entry in told if entry[0] == "call"]
        assert names == (["image"] if client == "openai_chat" else ["web_search", "datetime", "image"])
        assert sorted(e[1] for e in told if e[0] == "call") == sorted(e[1] for e in told if e[0] == "result")
        if client != "openai_chat":
            assert "The sea rises." in " ".join(entry[2] for entry in told if entry[0] == "result")


@pytest.mark.parametrize("protocol", DIALECTS)
@pytest.mark.parametrize("client", DIALECTS)
async def test_without_the_wish_nothing_is_told(client: Dialect, protocol: Dialect, autojump_clock: object) -> None:
    scripts = (
        upstream(protocol, call("web_search", "c_1", query="x"), stream=True),
        upstream(protocol, text("Yes."), stream=True),
    )
    async with bench(*scripts, tooling=tooling(*tools())) as gateway:
        exchange = await gateway.ask(client, protocol, stream=True, **switched_on(client, "web_search"))
        assert exchange.status == 200
        assert not [word for word in (b"hi_tool", b"_hi_", b"server_tool", b"web_search_call") if word in exchange.sent]


@pytest.mark.parametrize("stream", [True, False])
async def test_runs_of_a_provider_that_counts_its_ids_anew_are_told_apart(stream: bool, autojump_clock: object) -> None:
    """The model keeps its own ids; what the client is told of a run, and of an image, has one that no other run has."""
    image = ScriptedTool("image", [(0.0, found("Drawn.", images=(ToolImage(PIXEL, "image/png"),)))])
    scripts = [upstream("openai_chat", call("image", "c_0"), call("image", "c_0"), stream=stream) for _ in range(2)]
    scripts.append(upstream("openai_chat", text("Done."), stream=stream))
    async with bench(*scripts, tooling=tooling(image)) as gateway:
        fields = {**switched_on("openai_chat", "image"), "hi_tool_events": True}
        exchange = await gateway.ask("openai_chat", "openai_chat", stream=stream, **fields)
        ids = re.findall(rb'"id":"([^"]+)","name":"image"', exchange.sent)
        assert len(set(ids)) == 4
        assert len(ids) == (8 if stream else 4)
        assert len(set(re.findall(rb'"img_hi_image_[^"]+"', exchange.sent))) == 4
        told = calls_and_results(asked_of("openai_chat", gateway.transport.played[2].body))
        assert [entry[1] for entry in told] == ["c_0", "c_0#2"] * 4
