"""The official SDKs as readers of a stream: its bytes go through their own parsers and accumulators, without a server."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import anthropic
import httpx2
import openai
from anthropic.lib.streaming import MessageStream
from anthropic.types import RawMessageStreamEvent
from openai.lib.streaming.chat import ChatCompletionStream
from openai.lib.streaming.responses import ResponseStream
from openai.types.chat import ChatCompletionChunk
from openai.types.responses import ResponseStreamEvent

if TYPE_CHECKING:
    from hyperinfer.formats import Dialect


@dataclass(frozen=True)
class Read:
    """What a client has after a stream. `final`: the message, completion or response that its SDK put together; None
    where it gave none. `error`: what it raised for an error in the stream. `events`: the events that it was handed.
    """

    final: dict[str, Any] | None
    error: str | None
    events: list[Any]


def read(dialect: Dialect, stream: bytes) -> Read:
    """Reads a stream as a user of the official SDK does. What is not an error told by the stream is raised."""
    match dialect:
        case "openai_chat":
            return _chat(stream)
        case "openai_responses":
            return _responses(stream)
        case "anthropic_messages":
            return _messages(stream)


def _answer(stream: bytes) -> httpx2.Response:
    request = httpx2.Request("POST", "http://gateway.test/")
    return httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=stream, request=request)


@cache
def _openai() -> openai.OpenAI:
    return openai.OpenAI(api_key="k", base_url="http://gateway.test/")


@cache
def _anthropic() -> anthropic.Anthropic:
    return anthropic.Anthropic(api_key="k", base_url="http://gateway.test/")


def _chat(stream: bytes) -> Read:
    raw = openai.Stream(cast_to=ChatCompletionChunk, response=_answer(stream), client=_openai())
    reader = ChatCompletionStream(raw_stream=raw, response_format=openai.omit, input_tools=openai.omit)
    events: list[Any] = []
    try:
        events.extend(reader)
    except openai.APIError as error:
        return Read(None, str(error.message), events)
    return Read(reader.current_completion_snapshot.to_dict(mode="json"), None, events)


def _responses(stream: bytes) -> Read:
    union: Any = ResponseStreamEvent
    raw: Any = openai.Stream(cast_to=union, response=_answer(stream), client=_openai())
    reader = ResponseStream(raw_stream=raw, text_format=openai.omit, input_tools=openai.omit, starting_after=None)
    events: list[Any] = []
    try:
        events.extend(reader)
    except openai.APIError as error:
        return Read(None, str(error.message), events)
    last = events[-1].response.to_dict(mode="json")
    if last["status"] == "failed":
        return Read(None, last["error"]["message"], events)
    if last["status"] == "completed":
        return Read(reader.get_final_response().to_dict(mode="json"), None, events)
    return Read(last, None, events)


def _messages(stream: bytes) -> Read:
    union: Any = RawMessageStreamEvent
    raw: Any = anthropic.Stream(cast_to=union, response=_answer(stream), client=_anthropic())
    reader = MessageStream(raw, output_format=anthropic.NOT_GIVEN)
    events: list[Any] = []
    try:
        events.extend(reader)
    except anthropic.APIStatusError as error:
        body: Any = error.body
        return Read(None, body["error"]["message"], events)
    # The SDK lists the names of Anthropic's own tools; it takes others, and warns when it writes them.
    return Read(reader.get_final_message().to_dict(mode="json", warnings=False), None, events)
