"""The official `anthropic` SDK against models behind each of the three protocols."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import anthropic
import pytest
from anthropic import Anthropic, AsyncAnthropic

from tests.support.scripted_upstream import COUNT
from tests.support.served import KEY, Running

if TYPE_CHECKING:
    import httpx2
    from anthropic.types import MessageParam, ToolParam, ToolResultBlockParam

TOOL: ToolParam = {
    "name": "get_weather",
    "description": "The weather of a city.",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
    "required": ["name", "age"],
    "additionalProperties": False,
}


@pytest.fixture
def client(served: Running) -> Iterator[Anthropic]:
    with Anthropic(base_url=f"{served.url}/api", api_key=KEY, max_retries=0) as client:
        yield client


def test_plain(client: Anthropic, model: str) -> None:
    message = client.messages.create(
        model=model, max_tokens=300, system="Be brief.", messages=[{"role": "user", "content": "Hello, gateway!"}]
    )
    assert message.id.startswith("msg_")
    assert message.model == model
    assert message.stop_reason == "end_turn"
    block = message.content[0]
    assert block.type == "text"
    assert "Hello, gateway!" in block.text
    assert message.usage.input_tokens > 0
    assert message.usage.output_tokens > 0


def test_streamed(client: Anthropic, model: str) -> None:
    with client.messages.stream(
        model=model, max_tokens=300, messages=[{"role": "user", "content": "Grüße aus Köln 🏔"}]
    ) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()
    assert "Grüße aus Köln 🏔" in text
    block = final.content[0]
    assert block.type == "text"
    assert block.text == text
    assert final.usage.input_tokens > 0


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_tool_round(client: Anthropic, model: str, *, streamed: bool) -> None:
    messages: list[MessageParam] = [{"role": "user", "content": "What is the weather in Paris?"}]
    if streamed:
        with client.messages.stream(model=model, max_tokens=300, messages=messages, tools=[TOOL]) as stream:
            answer = stream.get_final_message()
    else:
        answer = client.messages.create(model=model, max_tokens=300, messages=messages, tools=[TOOL])  # type: ignore[assignment]
    assert answer.stop_reason == "tool_use"
    calls = [block for block in answer.content if block.type == "tool_use"]
    assert [call.name for call in calls] == ["get_weather"]
    assert "city" in calls[0].input
    history: list[Any] = [block.to_dict() for block in answer.content]  # as the SDK's users do it
    result: ToolResultBlockParam = {"type": "tool_result", "tool_use_id": calls[0].id, "content": "Sunny, 21 degrees"}
    messages.append({"role": "assistant", "content": history})
    messages.append({"role": "user", "content": [result]})
    final = client.messages.create(model=model, max_tokens=300, messages=messages, tools=[TOOL])
    assert final.stop_reason == "end_turn"
    assert "Sunny" in "".join(block.text for block in final.content if block.type == "text")


def test_structured_output(client: Anthropic, model: str) -> None:
    message = client.messages.create(
        model=model,
        max_tokens=300,
        messages=[{"role": "user", "content": "Make somebody up"}],
        output_config={"format": {"type": "json_schema", "schema": SCHEMA}},
    )
    text = "".join(block.text for block in message.content if block.type == "text")
    assert '"name"' in text
    assert '"age"' in text


def test_thinking_is_a_block(client: Anthropic, model: str) -> None:
    message = client.messages.create(
        model=model,
        max_tokens=4000,
        thinking={"type": "enabled", "budget_tokens": 2000},
        messages=[{"role": "user", "content": "Think first"}],
    )
    assert [block.type for block in message.content] == ["thinking", "text"]


def test_async(served: Running, model: str) -> None:
    async def ask() -> str:
        messages: list[MessageParam] = [{"role": "user", "content": "async"}]
        async with (
            AsyncAnthropic(base_url=f"{served.url}/api", api_key=KEY, max_retries=0) as client,
            client.messages.stream(model=model, max_tokens=300, messages=messages) as stream,
        ):
            return await stream.get_final_text()

    assert "async" in asyncio.run(ask())


def test_error_classes(client: Anthropic) -> None:
    messages: list[MessageParam] = [{"role": "user", "content": "x"}]
    with pytest.raises(anthropic.BadRequestError) as unknown:
        client.messages.create(model="no/such", max_tokens=5, messages=messages)
    assert unknown.value.request_id
    assert unknown.value.body["error"]["code"] == "invalid_request"  # type: ignore[index]
    with pytest.raises(anthropic.AuthenticationError):
        client.with_options(api_key="hi-wrong").messages.create(model="test/chat", max_tokens=5, messages=messages)
    with pytest.raises(anthropic.InternalServerError) as nobody:
        client.messages.create(model="test/nobody", max_tokens=5, messages=messages)
    assert nobody.value.status_code == 502
    with pytest.raises(anthropic.BadRequestError, match="thread"):
        client.messages.create(model="test/chat", max_tokens=5, messages=messages, extra_body={"thread": {"type": "create"}})


def test_the_tool_runner_replays_what_cannot_be_continued(served: Running, model: str) -> None:
    """It speaks in threads, which nobody keeps here. Told so, it sends the whole history instead (wire facts 7)."""
    asked: list[dict[str, Any]] = []

    def note(request: httpx2.Request) -> None:
        asked.append(json.loads(request.content))

    web = anthropic.DefaultHttpxClient(event_hooks={"request": [note]})
    calls: list[str] = []

    @anthropic.beta_tool
    def get_weather(city: str) -> str:
        """The weather of a city."""
        calls.append(city)
        return "18 degrees"

    with Anthropic(base_url=f"{served.url}/api", api_key=KEY, max_retries=0, http_client=web) as client:
        runner = client.beta.messages.tool_runner(
            model=model, max_tokens=300, tools=[get_weather], messages=[{"role": "user", "content": "Weather in Köln?"}]
        )
        final = runner.until_done()
    assert calls
    assert final.stop_reason == "end_turn"
    assert any("18 degrees" in block.text for block in final.content if block.type == "text")
    assert [("thread" in body) for body in asked][:2] == [True, False]
    roles = [message["role"] for message in asked[-1]["messages"]]
    assert roles == ["user", "assistant", "user"]


def test_counting(client: Anthropic, model: str) -> None:
    raw = client.messages.with_raw_response.count_tokens(
        model=model, system="Be brief.", messages=[{"role": "user", "content": "Hello, gateway!"}], tools=[TOOL]
    )
    counted = model != "test/chat"  # Chat Completions has no route for it
    assert raw.headers["x-hyperinfer-estimated"] == str(not counted).lower()
    tokens = raw.parse().input_tokens
    assert tokens == COUNT if counted else 20 < tokens < 120
    assert client.beta.messages.count_tokens(model=model, messages=[{"role": "user", "content": "Hi"}]).input_tokens > 0


def test_counting_is_refused_as_an_answer_is(client: Anthropic) -> None:
    with pytest.raises(anthropic.BadRequestError) as caught:
        client.messages.count_tokens(model="test/nope", messages=[{"role": "user", "content": "Hello"}])
    assert caught.value.request_id
