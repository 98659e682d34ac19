"""The official SDKs read the scripted replies, streamed and whole, over a port and a transport, on every kind of loop."""

from __future__ import annotations

from typing import Any, cast

import anthropic
import anyio
import pydantic
import pytest

from hyperinfer.testing import Citation, CustomToolCall, Reasoning, Received, Reply, ScriptedUpstream, Text, ToolCall, Usage
from tests.testing.clients import AsyncClients, Carrier, Clients, async_clients, clients

# The SDKs leave their own generators to the collector, which trio remarks.
pytestmark = pytest.mark.filterwarnings("ignore:Async generator .* was garbage collected:ResourceWarning")

MESSAGES: Any = [{"role": "user", "content": "hi"}]
REPLY = Reply(
    Reasoning("Let me ", "think.", signature="sig", encrypted="enc"),
    Text("Hel", "lo", citations=[Citation("https://a.example/", "A", "quoted")]),
    ToolCall("add", {"a": 1, "b": 2}, split=4),
    usage=Usage(input=20, output=30, cached=4, cache_written=1, reasoning=7),
)
CARRIERS = pytest.mark.parametrize("carrier", ["port", "transport"])


def assert_chat(found: Any) -> None:
    message = found.choices[0].message
    assert message.content == "Hello"
    assert message.reasoning_content == "Let me think."
    assert message.annotations[0].url_citation.url == "https://a.example/"
    (call,) = message.tool_calls
    assert (call.function.name, call.function.arguments) == ("add", '{"a":1,"b":2}')
    assert found.choices[0].finish_reason == "tool_calls"
    assert (found.usage.prompt_tokens, found.usage.completion_tokens, found.usage.total_tokens) == (20, 30, 50)
    assert found.usage.prompt_tokens_details.cached_tokens == 4
    assert found.usage.completion_tokens_details.reasoning_tokens == 7


def assert_response(found: Any) -> None:
    reasoning, message, call = found.output
    assert (reasoning.summary[0].text, reasoning.encrypted_content) == ("Let me think.", "enc")
    assert found.output_text == "Hello"
    assert message.content[0].annotations[0].url == "https://a.example/"
    assert (call.name, call.arguments, call.call_id[:5]) == ("add", '{"a":1,"b":2}', "call_")
    assert (found.status, found.usage.input_tokens, found.usage.output_tokens) == ("completed", 20, 30)
    assert found.usage.input_tokens_details.cached_tokens == 4


def assert_message(found: Any) -> None:
    thinking, text, call = found.content
    assert (thinking.thinking, thinking.signature) == ("Let me think.", "sig")
    assert (text.text, text.citations[0].url, text.citations[0].cited_text) == ("Hello", "https://a.example/", "quoted")
    assert (call.name, call.input, found.stop_reason) == ("add", {"a": 1, "b": 2}, "tool_use")
    usage = found.usage
    assert (usage.input_tokens, usage.cache_read_input_tokens, usage.cache_creation_input_tokens) == (15, 4, 1)
    assert (usage.output_tokens, usage.output_tokens_details.thinking_tokens) == (30, 7)


def everything(with_clients: Clients) -> None:
    chat, responses = with_clients.openai.chat.completions, with_clients.openai.responses
    messages = with_clients.anthropic.messages
    assert_chat(chat.create(model="m", messages=MESSAGES))
    with chat.stream(model="m", messages=MESSAGES, stream_options={"include_usage": True}) as stream:
        assert_chat(stream.get_final_completion())
    assert_response(responses.create(model="m", input="hi", include=["reasoning.encrypted_content"]))
    with responses.stream(model="m", input="hi", include=["reasoning.encrypted_content"]) as events:
        assert_response(events.get_final_response())
    assert_message(messages.create(model="m", max_tokens=100, messages=MESSAGES))
    with messages.stream(model="m", max_tokens=100, messages=MESSAGES) as told:
        assert_message(told.get_final_message())


async def everything_async(with_clients: AsyncClients) -> None:
    chat, responses = with_clients.openai.chat.completions, with_clients.openai.responses
    messages = with_clients.anthropic.messages
    assert_chat(await chat.create(model="m", messages=MESSAGES))
    async with chat.stream(model="m", messages=MESSAGES, stream_options={"include_usage": True}) as stream:
        assert_chat(await stream.get_final_completion())
    assert_response(await responses.create(model="m", input="hi", include=["reasoning.encrypted_content"]))
    async with responses.stream(model="m", input="hi", include=["reasoning.encrypted_content"]) as events:
        assert_response(await events.get_final_response())
    assert_message(await messages.create(model="m", max_tokens=100, messages=MESSAGES))
    async with messages.stream(model="m", max_tokens=100, messages=MESSAGES) as told:
        assert_message(await told.get_final_message())


@CARRIERS
def test_synchronous_clients(carrier: Carrier) -> None:
    with ScriptedUpstream(answer=lambda request: REPLY) as upstream, clients(upstream, carrier) as with_clients:
        everything(with_clients)
    assert [request.outcome for request in upstream.requests] == ["answered"] * 6


@CARRIERS
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_asynchronous_clients(carrier: Carrier, backend: str) -> None:
    async def main() -> None:
        async with async_clients(upstream, carrier) as with_clients:
            await everything_async(with_clients)

    with ScriptedUpstream(answer=lambda request: REPLY) as upstream:
        anyio.run(main, backend=backend)
    assert [request.outcome for request in upstream.requests] == ["answered"] * 6


@pytest.mark.parametrize(
    ("carrier", "split"), [("port", 1), ("transport", 7), ("port", "whole"), ("transport", (3, 100, 5))]
)
def test_the_cut_of_the_bytes_changes_nothing(carrier: Carrier, split: Any) -> None:
    reply = Reply(*REPLY.parts, usage=REPLY.usage, split=split)
    with ScriptedUpstream(answer=lambda request: reply) as upstream, clients(upstream, carrier) as with_clients:
        everything(with_clients)


class Place(pydantic.BaseModel):
    """A demanded shape."""

    city: str


def test_helpers_that_parse() -> None:
    answer = '{"city":"Paris"}'
    with ScriptedUpstream(answer, answer, answer, answer) as upstream, clients(upstream, "transport") as with_clients:
        chat, responses = with_clients.openai.chat.completions, with_clients.openai.responses
        found: list[Any] = [chat.parse(model="m", messages=MESSAGES, response_format=Place).choices[0].message.parsed]
        with chat.stream(model="m", messages=MESSAGES, response_format=Place) as stream:
            found.append(stream.get_final_completion().choices[0].message.parsed)
        found.append(responses.parse(model="m", input="hi", text_format=Place).output_parsed)
        messages = with_clients.anthropic.messages
        found.append(messages.parse(model="m", max_tokens=9, messages=MESSAGES, output_format=Place).parsed_output)
    assert found == [Place(city="Paris")] * 4


def test_custom_tools() -> None:
    call = Reply(CustomToolCall("patch", "*** ", "Begin"))
    with ScriptedUpstream(call, call, call) as upstream, clients(upstream, "transport") as with_clients:
        chat: Any = with_clients.openai.chat.completions.create(model="m", messages=MESSAGES)
        called = [(each.type, each.custom.name, each.custom.input) for each in chat.choices[0].message.tool_calls]
        assert called == [("custom", "patch", "*** Begin")]
        with with_clients.openai.responses.stream(model="m", input="hi") as stream:
            streamed: Any = stream.get_final_response().output
        whole: Any = with_clients.openai.responses.create(model="m", input="hi").output
    for (item,) in (streamed, whole):
        assert (item.type, item.name, item.input) == ("custom_tool_call", "patch", "*** Begin")


@pytest.mark.parametrize("streamed", [True, False])
def test_the_tool_runner(streamed: bool) -> None:
    @anthropic.beta_tool
    def add(a: int, b: int) -> str:
        """Adds.

        Args:
            a: one
            b: the other
        """
        return str(a + b)

    def second(request: Received) -> str:
        return f"It is {' '.join(request.tool_results.values())}."

    script = Reply(Reasoning("Hm."), ToolCall("add", {"a": 1, "b": 2}, split=2)), second
    with ScriptedUpstream(*script) as upstream, clients(upstream, "transport") as with_clients:
        runner: Any = with_clients.anthropic.beta.messages
        asked: dict[str, Any] = {"model": "m", "max_tokens": 9, "messages": MESSAGES, "stream": streamed}
        assert runner.tool_runner(tools=[add], **asked).until_done().content[0].text == "It is 3."


def test_lists_and_counts() -> None:
    with ScriptedUpstream(models=["a", "b"], tokens=42) as upstream, clients(upstream, "port") as with_clients:
        assert [model.id for model in with_clients.openai.models.list()] == ["a", "b"]
        assert with_clients.openai.models.retrieve("b").id == "b"
        assert [model.id for model in with_clients.anthropic.models.list()] == ["a", "b"]
        assert with_clients.anthropic.models.retrieve("a").display_name == "a"
        assert with_clients.anthropic.messages.count_tokens(model="a", messages=MESSAGES).input_tokens == 42
        assert cast("Any", with_clients.openai.responses.input_tokens.count(model="a", input="hi")).input_tokens == 42
    assert not upstream.requests
    assert len(upstream.side_requests) == 6
