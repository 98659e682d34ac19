"""Personal data: not a byte of it goes to a provider, and all of it comes back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from hyperinfer.engine import Graph
from hyperinfer.nodes import call, decode, encode, to_model
from hyperinfer.testing import Reply, ScriptedUpstream, Text, ToolCall
from tests.examples.kit import CATALOGUE, asking, example, outputs, said, upstreams, written

if TYPE_CHECKING:
    from trio.testing import MockClock

MAIL, PHONE = "ann@example.org", "+49 30 1234567"


def graph(upstream: ScriptedUpstream, model: str, *more: Any) -> Graph:
    redact = example("redact")
    chosen = to_model(CATALOGUE, model)
    return Graph.linear(decode(), redact.redact, chosen, call(upstreams(upstream)), redact.restore, *more)


@pytest.mark.parametrize("model", ["test/one", "test/two"])
async def test_the_provider_sees_words_that_stand_for_it(model: str, autojump_clock: MockClock) -> None:
    answer = Text("Dear <personal-1>, I call <personal-2>, not <personal-3>.", split=1)
    with ScriptedUpstream(Reply(answer)) as upstream:
        items = await outputs(graph(upstream, model), asking(f"I am {MAIL}, {PHONE}; again {MAIL}"))
    (sent,) = upstream.requests
    assert MAIL not in sent.body.decode()
    assert PHONE not in sent.body.decode()
    assert sent.said == "I am <personal-1>, <personal-2>; again <personal-1>"
    assert said(items) == f"Dear {MAIL}, I call {PHONE}, not <personal-3>."


async def test_a_tool_gets_the_real_address_and_its_call_goes_back_without(autojump_clock: MockClock) -> None:
    tools = [{"type": "function", "function": {"name": "mail", "parameters": {"type": "object"}}}]
    history = [
        {"role": "user", "content": f"mail {MAIL}"},
        {
            "role": "assistant",
            "tool_calls": [{"id": "c", "type": "function", "function": {"name": "mail", "arguments": f'{{"to":"{MAIL}"}}'}}],
        },
        {"role": "tool", "tool_call_id": "c", "content": f"sent to {MAIL}"},
    ]
    with ScriptedUpstream(Reply(ToolCall("mail", {"to": "<personal-1>"}, split=3)), "Done.") as upstream:
        model = graph(upstream, "test/one", encode())
        first = written(await outputs(model, asking(f"mail {MAIL}", stream=False, tools=tools)))
        await outputs(model, asking("", messages=history, tools=tools))
    assert rf'"arguments":"{{\"to\":\"{MAIL}\"}}"' in first
    assert all(MAIL not in sent.body.decode() for sent in upstream.requests)


async def test_what_one_request_hid_no_other_is_told(autojump_clock: MockClock) -> None:
    with ScriptedUpstream("I am <personal-1>.", "I am <personal-1>.") as upstream:
        model = graph(upstream, "test/one", encode())
        assert f"I am {MAIL}." in written(await outputs(model, asking(f"I am {MAIL}", stream=False)))
        assert "I am <personal-1>." in written(await outputs(model, asking("Who am I?", stream=False)))
