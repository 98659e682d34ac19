"""Your own code, tested: an agent on OpenAI's SDK, and a graph with a deadline, before a provider that follows a script.

pytest docs/examples/scripted.py     # pip install openai pytest
"""

import json
from typing import Any

import trio
from openai import OpenAI

from hyperinfer.engine import Graph, open_run, within
from hyperinfer.engine.testing import run_virtual
from hyperinfer.formats import OPENAI_CHAT
from hyperinfer.nodes import Incoming, Ticket, call, decode, encode_whole, to_model
from hyperinfer.providers import Upstreams, shipped_catalogue
from hyperinfer.testing import HttpError, Reply, ScriptedUpstream, ToolCall

WEATHER = {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}


def agent(client: OpenAI, question: str) -> str | None:
    """A program of yours: asks a model, and does what it calls for until it answers."""
    messages: list[Any] = [{"role": "user", "content": question}]
    tools: list[Any] = [{"type": "function", "function": WEATHER}]
    while True:
        message = client.chat.completions.create(model="gpt-5-mini", messages=messages, tools=tools).choices[0].message
        if not message.tool_calls:
            return message.content
        messages.append(message)
        for each in message.tool_calls:
            city = json.loads(each.function.arguments)["city"] if each.type == "function" else ""
            messages.append({"role": "tool", "tool_call_id": each.id, "content": f"rain in {city}"})


def test_the_agent_looks_at_the_weather_although_the_provider_is_busy_at_first() -> None:
    busy = HttpError(503, headers={"retry-after-ms": "1"})
    with ScriptedUpstream(busy, Reply(ToolCall("weather", {"city": "Oslo"})), "Take an umbrella.") as upstream:
        assert agent(OpenAI(base_url=upstream.openai_url, api_key="test"), "Umbrella in Oslo?") == "Take an umbrella."
    assert [*upstream.requests[-1].tool_results.values()] == ["rain in Oslo"]


def patient(upstreams: Upstreams, seconds: float) -> Graph:
    """A graph of yours: the model has so many seconds for the whole of its answer."""
    model = to_model(shipped_catalogue({"OPENAI_API_KEY": "test"}), "openai/gpt-5-mini")
    return Graph.linear(decode(), within(Graph.linear(model, call(upstreams)), item=seconds, name="model"), encode_whole())


def test_a_silent_minute_takes_no_time() -> None:
    async def main() -> None:
        body = b'{"model": "any", "messages": [{"role": "user", "content": "Umbrella?"}]}'
        upstream = ScriptedUpstream(Reply("Take an umbrella.", wait=60))
        graph = patient(Upstreams(upstream.transport()), seconds=10)
        async with open_run(graph, [Incoming(Ticket.plain("t-1", OPENAI_CHAT), body)]) as outputs:
            head, _ = [output async for output in outputs]
        assert (head.status, trio.current_time()) == (504, 10)
        assert upstream.requests[0].outcome == "left"

    run_virtual(main)
