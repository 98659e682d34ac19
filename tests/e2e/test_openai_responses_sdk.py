"""The official `openai` SDK, Responses, against models behind each of the three protocols."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import TYPE_CHECKING

import openai
import pytest
from openai import AsyncOpenAI, OpenAI
from pydantic import BaseModel

from tests.support.scripted_upstream import COUNT
from tests.support.served import KEY, Running

if TYPE_CHECKING:
    from openai.types.responses import FunctionToolParam, ResponseInputParam

TOOL: FunctionToolParam = {
    "type": "function",
    "name": "get_weather",
    "description": "The weather of a city.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    "strict": False,
}


class Person(BaseModel):
    name: str
    age: int


@pytest.fixture
def client(served: Running) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{served.url}/api/v1", api_key=KEY, max_retries=0) as client:
        yield client


def test_plain(client: OpenAI, model: str) -> None:
    response = client.responses.create(model=model, input="Hello, gateway!", instructions="Be brief.")
    assert response.id.startswith("resp_")
    assert response.model == model
    assert response.status == "completed"
    assert "Hello, gateway!" in response.output_text
    assert response.usage is not None
    assert response.usage.total_tokens == response.usage.input_tokens + response.usage.output_tokens


def test_streamed(client: OpenAI, model: str) -> None:
    with client.responses.stream(model=model, input="Grüße aus Köln 🏔") as stream:
        deltas = [event.delta for event in stream if event.type == "response.output_text.delta"]
        final = stream.get_final_response()
    assert "Grüße aus Köln 🏔" in "".join(deltas)
    assert final.output_text == "".join(deltas)
    assert final.usage is not None


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_tool_round(client: OpenAI, model: str, *, streamed: bool) -> None:
    history: ResponseInputParam = [{"role": "user", "content": "What is the weather in Paris?"}]
    if streamed:
        with client.responses.stream(model=model, input=history, tools=[TOOL]) as stream:
            response = stream.get_final_response()
    else:
        response = client.responses.create(model=model, input=history, tools=[TOOL])  # type: ignore[assignment]
    calls = [item for item in response.output if item.type == "function_call"]
    assert [call.name for call in calls] == ["get_weather"]
    assert '"city"' in calls[0].arguments
    history += [item.to_dict() for item in response.output]  # type: ignore[misc]  # as the SDK's users do it
    history.append({"type": "function_call_output", "call_id": calls[0].call_id, "output": "Sunny, 21 degrees"})
    final = client.responses.create(model=model, input=history, tools=[TOOL])
    assert "Sunny" in final.output_text


def test_structured_output(client: OpenAI, model: str) -> None:
    response = client.responses.parse(model=model, input="Make somebody up", text_format=Person)
    assert isinstance(response.output_parsed, Person)


def test_reasoning_is_an_item(client: OpenAI, model: str) -> None:
    response = client.responses.create(
        model=model,
        input="Think first",
        reasoning={"effort": "high", "summary": "auto"},
        include=["reasoning.encrypted_content"],
    )
    assert [item.type for item in response.output] == ["reasoning", "message"]


def test_async(served: Running, model: str) -> None:
    async def ask() -> str:
        async with AsyncOpenAI(base_url=f"{served.url}/api/v1", api_key=KEY, max_retries=0) as client:
            return (await client.responses.create(model=model, input="async")).output_text

    assert "async" in asyncio.run(ask())


def test_error_classes(client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as stored:
        client.responses.create(model="test/chat", input="x", previous_response_id="resp_1")
    assert stored.value.param == "previous_response_id"
    with pytest.raises(openai.BadRequestError) as unknown:
        client.responses.create(model="no/such", input="x")
    assert unknown.value.param == "model"
    with pytest.raises(openai.AuthenticationError):
        client.with_options(api_key="hi-wrong").responses.create(model="test/chat", input="x")
    with pytest.raises(openai.InternalServerError) as nobody:
        client.responses.create(model="test/nobody", input="x", stream=True)
    assert nobody.value.status_code == 502


def test_counting(client: OpenAI, model: str) -> None:
    raw = client.responses.input_tokens.with_raw_response.count(
        model=model, instructions="Be brief.", input="Hello, gateway!", tools=[TOOL]
    )
    counted = model != "test/chat"  # Chat Completions has no route for it
    assert raw.headers["x-hyperinfer-estimated"] == str(not counted).lower()
    found = raw.parse()
    assert found.object == "response.input_tokens"
    assert found.input_tokens == COUNT if counted else 20 < found.input_tokens < 120


def test_counting_is_refused_as_an_answer_is(client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.responses.input_tokens.count(model="test/nope", input="Hello")
    assert caught.value.param == "model"
    with pytest.raises(openai.BadRequestError) as caught:
        client.responses.input_tokens.count(model="test/chat", previous_response_id="resp_1")
    assert caught.value.param == "previous_response_id"
