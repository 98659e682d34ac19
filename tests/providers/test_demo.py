"""The demo models answer through the real client and the real decoders, in every protocol alike."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from trio.testing import MockClock

from hyperinfer.providers.quirks import Protocol
from tests.providers.demo_exchange import (
    CREATED,
    TOOLS,
    WEATHER,
    each_protocol,
    each_wish,
    exchange,
    hear,
    judge,
    request,
)


@each_protocol
async def test_the_text_names_the_protocol_and_quotes_the_caller(protocol: Protocol, autojump_clock: MockClock) -> None:
    heard = hear(await exchange(protocol, request(protocol, "Who are you,\n 你好 👩‍👩‍👧?", stream=True)))
    names = {"openai_chat": "OpenAI Chat Completions", "openai_responses": "OpenAI Responses"}
    assert names.get(protocol, "Anthropic Messages") in heard.text
    assert "“Who are you, 你好 👩‍👩‍👧?”" in heard.text
    assert (heard.stop, heard.reasoning, heard.calls) == ("stop", "", ())


@each_protocol
async def test_a_long_text_is_quoted_in_part(protocol: Protocol, autojump_clock: MockClock) -> None:
    heard = hear(await exchange(protocol, request(protocol, "字" * 100_000)))
    assert "“" + "字" * 79 + "…”" in heard.text
    assert heard.usage.input_tokens > 25_000


@each_protocol
@each_wish
async def test_whole_and_streamed_are_the_same_reply(
    protocol: Protocol, wish: dict[str, Any], autojump_clock: MockClock
) -> None:
    whole = hear(await exchange(protocol, request(protocol, **wish)))
    streamed = hear(await exchange(protocol, request(protocol, **wish, stream=True)))
    assert streamed.counts == whole.counts
    assert (streamed.text, streamed.reasoning, streamed.opaque) == (whole.text, whole.reasoning, whole.opaque)
    assert (streamed.stop, streamed.stop_sequence) == (whole.stop, whole.stop_sequence)
    if whole.stop == "tool_calls":
        assert [(name, json.loads(arguments or "{}")) for name, arguments, _ in streamed.calls] == [
            (name, json.loads(arguments or "{}")) for name, arguments, _ in whole.calls
        ]


@each_protocol
@each_wish
@pytest.mark.parametrize("usage", [True, False])
async def test_the_stream_obeys_the_grammar(
    shared: Path, protocol: Protocol, wish: dict[str, Any], usage: bool, autojump_clock: MockClock
) -> None:
    body = request(protocol, **wish, stream=True)
    if not usage:
        body.pop("stream_options", None)
    assert judge(shared, await exchange(protocol, body), usage=usage) == "ok"


@each_protocol
async def test_a_structured_answer_fits_its_schema(protocol: Protocol, autojump_clock: MockClock) -> None:
    heard = hear(await exchange(protocol, request(protocol, "Oslo", schema=WEATHER, stream=True)))
    value = json.loads(heard.text)
    jsonschema.validate(value, WEATHER)
    assert value["place"] == "Oslo"


async def test_json_of_any_shape(autojump_clock: MockClock) -> None:
    chat = request("openai_chat") | {"response_format": {"type": "json_object"}}
    assert json.loads(hear(await exchange("openai_chat", chat)).text) == {"reply": "Hello there"}
    responses = request("openai_responses") | {"text": {"format": {"type": "json_object"}}}
    assert json.loads(hear(await exchange("openai_responses", responses)).text) == {"reply": "Hello there"}


async def test_a_response_repeats_its_request(autojump_clock: MockClock) -> None:
    body = request("openai_responses", tools=TOOLS, choice="none")
    body |= {"instructions": "Be brief.", "metadata": {"a": "b"}, "temperature": 0.5, "reasoning": {"effort": None}}
    response = (await exchange("openai_responses", body)).json
    assert response["instructions"] == "Be brief."
    assert response["metadata"] == {"a": "b"}
    assert response["temperature"] == 0.5
    assert response["tools"] == body["tools"]
    assert response["tool_choice"] == "none"
    assert response["text"] == {"format": {"type": "text"}, "verbosity": "medium"}
    assert response["created_at"] == CREATED
