"""The SDKs' own parsers of structured output, against models whose provider takes no schema."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from anthropic import Anthropic
from openai import LengthFinishReasonError, OpenAI
from pydantic import BaseModel

from tests.e2e.faults import CHUNKED, chunk, response
from tests.support.faulty_upstream import Call, Play, faulty_upstream
from tests.support.served import KEY, Running, gateway
from tests.support.shapes import HIDDEN, called, reply, said, thought

if TYPE_CHECKING:
    from hyperinfer.formats import Dialect
    from hyperinfer.formats.events import Event, StopReason

PROTOCOLS: dict[str, Dialect] = {"chat": "openai_chat", "responses": "openai_responses", "messages": "anthropic_messages"}
FEATURES = {"tool": ["tools", "streaming"], "told": ["streaming"], "cut": ["tools", "streaming"]}


class Person(BaseModel):
    name: str
    age: int


ADA = Person(name='Ada "the first" 👩‍💻', age=36)
TEXT = ADA.model_dump_json()
PIECES = (TEXT[:10], TEXT[10:], "")


def replies(place: str) -> tuple[list[list[Event]], StopReason]:
    """What the providers say: words, and then the answer in the way in which they were asked for it."""
    if place == "tool":
        return [thought("Who?"), said("Let me think."), called(HIDDEN, *PIECES)], "tool_calls"
    if place == "cut":
        return [called(HIDDEN, TEXT[:10])], "length"
    return [said("Here she is:\n\n", "```json\n", *PIECES, "\n```", "\nAnything else?")], "stop"


def play(place: str, call: Call) -> list[bytes]:
    parts, stop = replies(place)
    frames = reply(PROTOCOLS[call.protocol], *parts, stop=stop, stream=call.streamed)
    return [CHUNKED, *map(chunk, frames), b"0\r\n\r\n"] if call.streamed else [response(200, frames[0])]


def catalogue(url: str) -> str:
    """A provider and a model for each place and protocol. Nothing but the model's features says how it is asked."""
    cells = list(itertools.product(FEATURES.items(), PROTOCOLS.items()))
    providers = {
        f"{place}-{name}": {"protocol": protocol, "base_url": f"{url}/{place}/v1", "api_key": "sk-upstream"}
        for (place, _), (name, protocol) in cells
    }
    models: list[dict[str, Any]] = [
        {
            "slug": f"{place}/{name}",
            "context_length": 1000,
            "pricing": {"prompt": 0, "completion": 0},
            "features": features,
            "routes": [{"provider": f"{place}-{name}", "model": "upstream"}],
        }
        for (place, features), (name, _) in cells
    ]
    return json.dumps({"providers": providers, "creators": {}, "models": models})


@pytest.fixture(scope="module")
def shaped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The gateway before those providers."""
    plays: dict[str, Play] = {place: partial(play, place) for place in FEATURES}
    with (
        faulty_upstream(plays) as upstream,
        gateway(tmp_path_factory.mktemp("shapes"), catalogue(upstream.url)) as server,
    ):
        yield server


@pytest.fixture
def openai(shaped: Running) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{shaped.url}/api/v1", api_key=KEY, max_retries=0) as client:
        yield client


@pytest.fixture
def anthropic(shaped: Running) -> Iterator[Anthropic]:
    with Anthropic(base_url=f"{shaped.url}/api", api_key=KEY, max_retries=0) as client:
        yield client


models = pytest.mark.parametrize("model", [f"{place}/{name}" for place in ("tool", "told") for name in PROTOCOLS])
upstreams = pytest.mark.parametrize("upstream", PROTOCOLS)
ASKED: Any = [{"role": "user", "content": "Make somebody up"}]


@models
def test_chat(openai: OpenAI, model: str) -> None:
    whole = openai.chat.completions.parse(model=model, messages=ASKED, response_format=Person).choices[0]
    with openai.chat.completions.stream(model=model, messages=ASKED, response_format=Person) as stream:
        deltas = [event.delta for event in stream if event.type == "content.delta"]
        streamed = stream.get_final_completion().choices[0]
    for choice in (whole, streamed):
        assert choice.message.parsed == ADA
        assert (choice.finish_reason, choice.message.tool_calls or []) == ("stop", [])
    assert "".join(deltas) == TEXT
    assert len(deltas) > 1


@models
def test_responses(openai: OpenAI, model: str) -> None:
    whole = openai.responses.parse(model=model, input="Make somebody up", text_format=Person)
    with openai.responses.stream(model=model, input="Make somebody up", text_format=Person) as stream:
        deltas = [event.delta for event in stream if event.type == "response.output_text.delta"]
        streamed = stream.get_final_response()
    for answer in (whole, streamed):
        assert answer.output_parsed == ADA
        assert (answer.status, [item.type for item in answer.output if item.type != "reasoning"]) == (
            "completed",
            ["message"],
        )
    assert "".join(deltas) == TEXT
    assert len(deltas) > 1


@models
def test_messages(anthropic: Anthropic, model: str) -> None:
    whole = anthropic.messages.parse(model=model, max_tokens=300, messages=ASKED, output_format=Person)
    with anthropic.messages.stream(model=model, max_tokens=300, messages=ASKED, output_format=Person) as stream:
        deltas = [event.text for event in stream if event.type == "text"]
        streamed = stream.get_final_message()
    for message in (whole, streamed):
        assert message.parsed_output == ADA
        assert message.stop_reason == "end_turn"
        assert [block.type for block in message.content if block.type != "thinking"] == ["text"]
    assert "".join(deltas) == TEXT
    assert len(deltas) > 1


@upstreams
def test_an_answer_that_was_cut_short_is_told_as_such(openai: OpenAI, anthropic: Anthropic, upstream: str) -> None:
    with pytest.raises(LengthFinishReasonError):
        openai.chat.completions.parse(model=f"cut/{upstream}", messages=ASKED, response_format=Person)
    text: Any = {"format": {"type": "json_schema", "name": "p", "schema": Person.model_json_schema()}}
    assert openai.responses.create(model=f"cut/{upstream}", input="hi", text=text).status == "incomplete"
    config: Any = {"format": {"type": "json_schema", "schema": Person.model_json_schema()}}
    message = anthropic.messages.create(model=f"cut/{upstream}", max_tokens=9, messages=ASKED, output_config=config)
    assert message.stop_reason == "max_tokens"
