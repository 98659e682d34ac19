"""The vendors' own clients, with the demo models in place of the network, take every reply for one of the vendor's."""

from typing import Any

import anthropic
import httpx2
import openai
import pytest
from pydantic import BaseModel
from trio.testing import MockClock

from hyperinfer.providers.demo import DemoTransport
from tests.providers.demo_exchange import CREATED, WEATHER

# openai-python leaves its generators where they are once it has read [DONE], which trio dislikes.
pytestmark = pytest.mark.filterwarnings("ignore:Async generator .* was garbage collected:ResourceWarning")


class Trip(BaseModel):
    place: str
    nights: list[int]
    guide: str | None


def client() -> httpx2.AsyncClient:
    return httpx2.AsyncClient(transport=DemoTransport(now=lambda: CREATED))


def openai_client(name: str) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(api_key="none", base_url=f"demo://{name}", http_client=client(), max_retries=0)


def anthropic_client() -> anthropic.AsyncAnthropic:
    return anthropic.AsyncAnthropic(api_key="none", base_url="demo://host", http_client=client(), max_retries=0)


async def test_chat(autojump_clock: MockClock) -> None:
    async with openai_client("chat") as sdk:
        asked: Any = [{"role": "user", "content": "Hi"}]
        whole = await sdk.chat.completions.create(model="chat", messages=asked)
        assert whole.choices[0].message.content is not None
        async with sdk.chat.completions.stream(
            model="chat", messages=asked, stream_options={"include_usage": True}
        ) as stream:
            async for _ in stream:
                pass
            final = await stream.get_final_completion()
        assert final.choices[0].message.content == whole.choices[0].message.content
        assert final.usage == whole.usage
        parsed = await sdk.chat.completions.parse(model="chat", messages=asked, response_format=Trip)
        assert isinstance(parsed.choices[0].message.parsed, Trip)


async def test_chat_tools(autojump_clock: MockClock) -> None:
    async with openai_client("chat") as sdk:
        asked: Any = [{"role": "user", "content": "Hi"}]
        tools: Any = [{"type": "function", "function": {"name": "weather", "parameters": WEATHER, "strict": True}}]
        async with sdk.chat.completions.stream(model="chat", messages=asked, tools=tools) as stream:
            first = (await stream.get_final_completion()).choices[0]
        assert first.finish_reason == "tool_calls"
        assert first.message.tool_calls
        call = first.message.tool_calls[0]
        assert (call.function.name, call.function.parsed_arguments) == ("weather", {"place": "demo", "days": 2})
        again: Any = [*asked, first.message, {"role": "tool", "tool_call_id": call.id, "content": "Sunny"}]
        second = await sdk.chat.completions.create(model="chat", messages=again, tools=tools)
        assert "Sunny" in str(second.choices[0].message.content)


async def test_responses(autojump_clock: MockClock) -> None:
    async with openai_client("responses") as sdk:
        whole = await sdk.responses.create(model="responses", input="Hi", reasoning={"effort": "low"})
        async with sdk.responses.stream(model="responses", input="Hi", reasoning={"effort": "low"}) as stream:
            final = await stream.get_final_response()
        assert final.output_text == whole.output_text != ""
        assert [item.type for item in final.output] == ["reasoning", "message"]
        assert final.usage == whole.usage
        parsed = await sdk.responses.parse(model="responses", input="Hi", text_format=Trip)
        assert isinstance(parsed.output_parsed, Trip)


async def test_responses_tools(autojump_clock: MockClock) -> None:
    async with openai_client("responses") as sdk:
        tools: Any = [{"type": "function", "name": "weather", "parameters": WEATHER, "strict": True}]
        asked: Any = [{"role": "user", "content": "Hi"}]
        async with sdk.responses.stream(model="responses", input=asked, tools=tools) as stream:
            first = await stream.get_final_response()
        (call,) = first.output
        assert call.type == "function_call"
        result = {"type": "function_call_output", "call_id": call.call_id, "output": "Sunny"}
        again: Any = [*asked, *first.output, result]
        second = await sdk.responses.create(model="responses", input=again, tools=tools)
        assert "Sunny" in second.output_text


async def test_messages(autojump_clock: MockClock) -> None:
    async with anthropic_client() as sdk:
        asked: Any = [{"role": "user", "content": "Hi"}]
        thinking: Any = {"type": "adaptive"}
        whole = await sdk.messages.create(model="messages", max_tokens=1000, messages=asked, thinking=thinking)
        async with sdk.messages.stream(model="messages", max_tokens=1000, messages=asked, thinking=thinking) as stream:
            final = await stream.get_final_message()
        assert [block.type for block in final.content] == ["thinking", "text"]
        assert [block.to_dict() for block in whole.content] == [
            {name: value for name, value in block.to_dict().items() if name != "parsed_output"} for block in final.content
        ]
        assert final.usage.output_tokens == whole.usage.output_tokens
        parsed = await sdk.messages.parse(model="messages", max_tokens=1000, messages=asked, output_format=Trip)
        assert isinstance(parsed.parsed_output, Trip)


async def test_messages_tools(autojump_clock: MockClock) -> None:
    async with anthropic_client() as sdk:
        asked: Any = [{"role": "user", "content": "Hi"}]
        tools: Any = [{"name": "weather", "input_schema": WEATHER}]
        async with sdk.messages.stream(model="messages", max_tokens=1000, messages=asked, tools=tools) as stream:
            first = await stream.get_final_message()
        (call,) = first.content
        assert call.type == "tool_use"
        assert call.input == {"place": "demo", "days": 2}
        result = {"type": "tool_result", "tool_use_id": call.id, "content": "Sunny"}
        again: Any = [*asked, {"role": "assistant", "content": first.content}, {"role": "user", "content": [result]}]
        second = await sdk.messages.create(model="messages", max_tokens=1000, messages=again, tools=tools)
        assert second.content[0].type == "text"
        assert "Sunny" in second.content[0].text


async def test_errors(autojump_clock: MockClock) -> None:
    nothing: Any = []
    async with openai_client("chat") as sdk, openai_client("responses") as other, anthropic_client() as third:
        with pytest.raises(openai.BadRequestError):
            await sdk.chat.completions.create(model="chat", messages=nothing)
        with pytest.raises(openai.BadRequestError):
            await other.responses.create(model="responses", input=nothing)
        with pytest.raises(anthropic.BadRequestError):
            await third.messages.create(model="messages", max_tokens=9, messages=nothing)
