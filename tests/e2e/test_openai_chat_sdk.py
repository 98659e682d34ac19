"""The official `openai` SDK, Chat Completions, against models behind each of the three protocols."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING

import openai
import pytest
from openai import AsyncOpenAI, OpenAI
from pydantic import BaseModel

from tests.support.served import KEY, Running

if TYPE_CHECKING:
    from openai.types.chat import (
        ChatCompletionAssistantMessageParam,
        ChatCompletionMessageParam,
        ChatCompletionToolParam,
    )
    from openai.types.chat.chat_completion_message_function_tool_call_param import Function

TOOL: ChatCompletionToolParam = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather of a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


class Person(BaseModel):
    name: str
    age: int


@pytest.fixture
def client(served: Running) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{served.url}/api/v1", api_key=KEY, max_retries=0) as client:
        yield client


def test_plain(client: OpenAI, model: str) -> None:
    completion = client.chat.completions.create(model=model, messages=[{"role": "user", "content": "Hello, gateway!"}])
    assert completion.id.startswith("gen-")
    assert completion.model == model
    assert "Hello, gateway!" in (completion.choices[0].message.content or "")
    assert completion.choices[0].finish_reason == "stop"
    usage = completion.usage
    assert usage is not None
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens
    cost = usage.prompt_tokens * Decimal("2.5") + usage.completion_tokens * Decimal(10)
    assert Decimal(str(usage.cost)) == cost / 1_000_000  # type: ignore[attr-defined]  # the gateway's own field


def test_streamed(client: OpenAI, model: str) -> None:
    chunks = list(
        client.chat.completions.create(model=model, messages=[{"role": "user", "content": "Grüße aus Köln 🏔"}], stream=True)
    )
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert "Grüße aus Köln 🏔" in text
    assert len({chunk.id for chunk in chunks}) == 1
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "stop"
    assert chunks[-1].usage is not None
    assert not chunks[-1].choices


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_tool_round(client: OpenAI, model: str, *, streamed: bool) -> None:
    messages: list[ChatCompletionMessageParam] = [{"role": "user", "content": "What is the weather in Paris?"}]
    if streamed:
        with client.chat.completions.stream(model=model, messages=messages, tools=[TOOL]) as stream:
            answer = stream.get_final_completion().choices[0]
    else:
        completion = client.chat.completions.create(model=model, messages=messages, tools=[TOOL])
        answer = completion.choices[0]  # type: ignore[assignment]  # the parsed variant of the same class
    assert answer.finish_reason == "tool_calls"
    calls = answer.message.tool_calls
    assert calls is not None
    call = calls[0]
    assert call.type == "function"
    assert call.function.name == "get_weather"
    assert '"city"' in call.function.arguments
    function: Function = {"name": call.function.name, "arguments": call.function.arguments}
    said: ChatCompletionAssistantMessageParam = {"role": "assistant", "content": answer.message.content}
    said["tool_calls"] = [{"id": call.id, "type": "function", "function": function}]
    messages.append(said)
    messages.append({"role": "tool", "tool_call_id": call.id, "content": "Sunny, 21 degrees"})
    final = client.chat.completions.create(model=model, messages=messages, tools=[TOOL])
    assert final.choices[0].finish_reason == "stop"
    assert "Sunny" in (final.choices[0].message.content or "")


def test_structured_output(client: OpenAI, model: str) -> None:
    completion = client.chat.completions.parse(
        model=model, messages=[{"role": "user", "content": "Make somebody up"}], response_format=Person
    )
    assert isinstance(completion.choices[0].message.parsed, Person)


def test_reasoning_is_shown(client: OpenAI, model: str) -> None:
    completion = client.chat.completions.create(
        model=model, messages=[{"role": "user", "content": "Think first"}], reasoning_effort="high"
    )
    message = completion.choices[0].message
    assert message.reasoning  # type: ignore[attr-defined]  # the field that the contract adds
    assert message.reasoning == message.reasoning_content  # type: ignore[attr-defined]


def test_async(served: Running, model: str) -> None:
    async def ask() -> str:
        async with AsyncOpenAI(base_url=f"{served.url}/api/v1", api_key=KEY, max_retries=0) as client:
            stream = await client.chat.completions.create(
                model=model, messages=[{"role": "user", "content": "async"}], stream=True
            )
            return "".join([chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices])

    assert "async" in asyncio.run(ask())


def test_error_classes(client: OpenAI, served: Running) -> None:
    messages: list[ChatCompletionMessageParam] = [{"role": "user", "content": "x"}]
    with pytest.raises(openai.BadRequestError) as unknown:
        client.chat.completions.create(model="no/such", messages=messages)
    assert unknown.value.param == "model"
    assert unknown.value.code == "invalid_request"
    assert unknown.value.request_id
    with pytest.raises(openai.AuthenticationError) as bad_key:
        client.with_options(api_key="hi-wrong").chat.completions.create(model="test/chat", messages=messages)
    assert bad_key.value.code == "invalid_api_key"
    with pytest.raises(openai.InternalServerError) as locked_out:
        client.chat.completions.create(model="test/locked_out", messages=messages)
    assert locked_out.value.status_code == 502
    assert locked_out.value.code == "provider_auth"
    assert "sk-" not in str(locked_out.value)
    with pytest.raises(openai.InternalServerError) as nobody:
        client.chat.completions.create(model="test/nobody", messages=messages, stream=True)
    assert nobody.value.code == "provider_unavailable"
    with (
        OpenAI(base_url=f"{served.url}/api/v2", api_key=KEY, max_retries=0) as elsewhere,
        pytest.raises(openai.NotFoundError),
    ):
        elsewhere.chat.completions.create(model="test/chat", messages=messages)
