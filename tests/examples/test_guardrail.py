"""A guardrail: nothing forbidden gets out, however it is cut; the client is told in its own words; the provider is left."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hyperinfer.engine import Graph
from hyperinfer.nodes import call, decode, encode, to_model
from hyperinfer.testing import Reasoning, Reply, ScriptedUpstream, Text, ToolCall
from tests.examples.kit import CATALOGUE, asking, example, outputs, upstreams, written
from tests.support.recordings import DIALECTS

if TYPE_CHECKING:
    from trio.testing import MockClock

    from hyperinfer.formats import Dialect

ENDS: dict[Dialect, str] = {
    "openai_chat": '"code":"content_filter"',
    "openai_responses": "event: response.failed",
    "anthropic_messages": "event: error",
}
SAID = "Once upon a time in a house by the sea there was project \n Nightingale" + ", and more " * 50
SUCCESS = ('"finish_reason":"stop"', "response.completed", "message_stop")


def graph(upstream: ScriptedUpstream) -> Graph:
    model = to_model(CATALOGUE, "test/one")
    return Graph.linear(decode(), model, call(upstreams(upstream)), example("guardrail").guard, encode())


@pytest.mark.parametrize("client", DIALECTS)
@pytest.mark.parametrize("split", [1, 7])
async def test_it_stops_in_the_middle(client: Dialect, split: int, autojump_clock: MockClock) -> None:
    with ScriptedUpstream(Reply(Text(SAID, split=split), every=1)) as upstream:
        items = await outputs(graph(upstream), asking("Tell me", client))
    told = written(items)
    assert items[0].status == 200
    assert told.count("delta") > 3
    assert "project" not in told
    assert "ightin" not in told
    assert "must stay in the house" in told
    assert ENDS[client] in told
    assert not any(word in told for word in SUCCESS)
    assert upstream.requests[0].outcome == "left"


@pytest.mark.parametrize(
    "reply",
    [
        Reply(Text("Well. " * 20), Reasoning("Project Nightingale", split=3)),
        Reply(Text("Well. " * 20), ToolCall("f", {"a": "project nightingale"}, split=3)),
    ],
    ids=["reasoning", "arguments"],
)
async def test_it_is_found_in_what_is_no_text(reply: Reply, autojump_clock: MockClock) -> None:
    with ScriptedUpstream(reply) as upstream:
        told = written(await outputs(graph(upstream), asking("Tell me")))
    assert "must stay in the house" in told
    assert "ingale" not in told


@pytest.mark.parametrize("client", DIALECTS)
async def test_before_anything_was_told_it_is_an_error_by_its_status(client: Dialect, autojump_clock: MockClock) -> None:
    with ScriptedUpstream(SAID) as upstream:
        items = await outputs(graph(upstream), asking("Tell me", client))
    assert items[0].status == 400
    assert "must stay in the house" in written(items)
    assert "ightin" not in written(items)


@pytest.mark.parametrize("client", DIALECTS)
async def test_what_is_harmless_goes_through_whole(client: Dialect, autojump_clock: MockClock) -> None:
    with ScriptedUpstream(Reply(Text("A project of nightingales. " * 5, split=5))) as upstream:
        told = written(await outputs(graph(upstream), asking("Tell me", client)))
    assert any(word in told for word in SUCCESS)
    assert "error" not in told.replace('"error":null', "")
    assert upstream.requests[0].outcome == "answered"
