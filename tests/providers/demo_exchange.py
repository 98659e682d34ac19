"""Exchanges with the demo models: a request said once for all three protocols, and what their decoders make of the reply."""

import itertools
import json
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
import trio

from hyperinfer.formats import FORMATS, events
from hyperinfer.formats.codec import Upstream as Source
from hyperinfer.formats.codec import Wait
from hyperinfer.formats.events import Event
from hyperinfer.formats.lifecycle import Lifecycle
from hyperinfer.formats.usage import Usage
from hyperinfer.providers.catalogue_demo import DEMO_PROVIDERS
from hyperinfer.providers.client import Upstream
from hyperinfer.providers.demo import DemoTransport
from hyperinfer.providers.quirks import Protocol

PROTOCOLS: Final[tuple[Protocol, ...]] = ("openai_chat", "openai_responses", "anthropic_messages")
PROVIDERS: Final = {provider.protocol: provider for provider in DEMO_PROVIDERS.values()}
CREATED: Final = 1_790_000_000

Json = dict[str, Any]

WEATHER: Final[Json] = {
    "type": "object",
    "properties": {"place": {"type": "string"}, "days": {"type": "integer", "minimum": 2}, "note": {"type": "string"}},
    "required": ["place", "days"],
    "additionalProperties": False,
}
TOOLS: Final[dict[str, Json]] = {"weather": WEATHER, "clock": {"type": "object", "properties": {}}}

each_protocol = pytest.mark.parametrize("protocol", PROTOCOLS)

WISHES: dict[str, dict[str, Any]] = {
    "text": {},
    "no text of the caller": {"said": " "},
    "reasoning": {"reasoning": True},
    "tool": {"tools": TOOLS},
    "tool without arguments": {"tools": TOOLS, "choice": "clock"},
    "reasoning and tool": {"tools": TOOLS, "reasoning": True},
    "after the tool": {"tools": TOOLS, "result": "Sunny"},
    "reasoning after the tool": {"tools": TOOLS, "result": "Sunny", "reasoning": True},
    "schema": {"schema": WEATHER},
    "schema, cut": {"schema": WEATHER, "limit": 3},
    "text, cut": {"limit": 5},
    "reasoning, cut": {"limit": 5, "reasoning": True},
    "tool, cut": {"limit": 3, "tools": TOOLS},
    "tool, cut at its name": {"limit": 1, "tools": TOOLS},
}
each_wish = pytest.mark.parametrize("wish", WISHES.values(), ids=WISHES.keys())


def request(
    protocol: Protocol,
    said: str = "Hello there",
    *,
    stream: bool = False,
    tools: dict[str, Json] | None = None,
    choice: str | None = None,
    result: str | None = None,
    reasoning: bool = False,
    schema: Json | None = None,
    limit: int | None = None,
    stops: Iterable[str] = (),
) -> Json:
    """A request in a protocol. `choice`: none, required, or the name of a tool. `result`: of a call that went before."""
    made = {"openai_chat": _chat, "openai_responses": _responses, "anthropic_messages": _messages}[protocol](
        said, tools or {}, choice, result, reasoning, schema, limit
    )
    if stops := list(stops):
        made["stop" if protocol == "openai_chat" else "stop_sequences"] = stops
    if stream:
        made["stream"] = True
    return made


@dataclass(frozen=True)
class Got:
    """A response as it arrived. `chunks`: seconds since the request, and the bytes."""

    protocol: Protocol
    status: int
    content_type: str
    chunks: tuple[tuple[float, bytes], ...]

    @property
    def body(self) -> bytes:
        return b"".join(data for _, data in self.chunks)

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Heard:
    """What a decoder made of a reply."""

    text: str
    reasoning: str
    opaque: tuple[str, ...]
    calls: tuple[tuple[str, str, str], ...]
    """(name, arguments, kind)"""
    stop: str
    stop_sequence: str | None
    usage: Usage

    @property
    def counts(self) -> tuple[int, int, int]:
        return self.usage.input_tokens, self.usage.output_tokens, self.usage.reasoning


async def exchange(protocol: Protocol, body: Json | bytes, pace: float = 1.0) -> Got:
    """Sends a body on the gateway's own way to a provider."""
    upstream = Upstream(PROVIDERS[protocol], DemoTransport(now=lambda: CREATED, pace=pace), turns=itertools.count())
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    start = trio.current_time()
    stream = isinstance(body, dict) and bool(body.get("stream"))
    async with upstream.open(upstream.endpoint, data, stream=stream) as response:
        chunks = [(trio.current_time() - start, chunk) async for chunk in response]
        return Got(protocol, response.status, response.headers["content-type"], tuple(chunks))


def decode(got: Got) -> tuple[Event, ...]:
    """The events of a reply."""
    dialect = FORMATS[got.protocol]
    source = Source(vendor=PROVIDERS[got.protocol].vendor, id_seed="seed")
    if got.content_type == "application/json":
        return dialect.decode_response(got.body, source)
    decoder = dialect.stream_decoder(source)
    decoder.receive_data(got.body)
    decoder.receive_eof()
    found: list[Event] = []
    while not isinstance(event := decoder.next_event(), Wait):
        found.append(event)
    return tuple(found)


def hear(got: Got) -> Heard:
    """The reply in a 200, decoded; its events come in a legal order and hold nothing unknown."""
    assert got.status == 200, got.body
    text, reasoning, stop = "", "", events.MessageEnd("stop")
    opaque: list[str] = []
    calls: list[list[str]] = []
    usage = Usage()
    order = Lifecycle()
    for event in decode(got):
        order.step(event)
        match event:
            case events.TextDelta():
                text += event.text
            case events.ReasoningDelta():
                reasoning += event.text
            case events.ReasoningEnd():
                opaque += [blob.data for blob in event.opaque]
            case events.ToolCallStart():
                calls.append([event.name, "", event.kind])
            case events.ArgumentsDelta():
                calls[-1][1] += event.text
            case events.UsageUpdate():
                usage = event.usage
            case events.MessageEnd():
                stop = event
            case events.Unknown() | events.UpstreamError():
                raise AssertionError(event)
            case _:
                pass
    assert order.finished
    made = tuple((name, arguments, kind) for name, arguments, kind in calls)
    return Heard(text, reasoning, tuple(opaque), made, stop.stop, stop.stop_sequence, usage)


def judge(shared: Path, got: Got, *, usage: bool) -> str:
    """What the independent judge says of a stream: `ok`."""
    name = {"openai_chat": "chat", "openai_responses": "responses", "anthropic_messages": "messages"}[got.protocol]
    command = [sys.executable, str(shared / "judges" / "sse_grammar.py"), name]
    command += ["--usage"] if usage and name == "chat" else []
    return subprocess.run(command, input=got.body, capture_output=True, check=False).stdout.decode().strip()


def _chat(
    said: str,
    tools: dict[str, Json],
    choice: str | None,
    result: str | None,
    reasoning: bool,
    schema: Json | None,
    limit: int | None,
) -> Json:
    made: Json = {"model": "chat", "messages": [{"role": "user", "content": said}]}
    made["stream_options"] = {"include_usage": True}
    if tools:
        made["tools"] = [{"type": "function", "function": {"name": n, "parameters": s}} for n, s in tools.items()]
    if choice is not None:
        made["tool_choice"] = {"type": "function", "function": {"name": choice}} if choice in tools else choice
    if result is not None:
        call = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
        made["messages"].append({"role": "assistant", "content": None, "tool_calls": [call]})
        made["messages"].append({"role": "tool", "tool_call_id": "call_1", "content": result})
    if reasoning:
        made["reasoning_effort"] = "low"
    if schema is not None:
        made["response_format"] = {"type": "json_schema", "json_schema": {"name": "reply", "schema": schema}}
    if limit is not None:
        made["max_completion_tokens"] = limit
    return made


def _responses(
    said: str,
    tools: dict[str, Json],
    choice: str | None,
    result: str | None,
    reasoning: bool,
    schema: Json | None,
    limit: int | None,
) -> Json:
    made: Json = {"model": "responses", "input": [{"role": "user", "content": said}]}
    if tools:
        made["tools"] = [{"type": "function", "name": n, "parameters": s} for n, s in tools.items()]
    if choice is not None:
        made["tool_choice"] = {"type": "function", "name": choice} if choice in tools else choice
    if result is not None:
        made["input"].append({"type": "function_call", "call_id": "call_1", "name": "weather", "arguments": "{}"})
        made["input"].append({"type": "function_call_output", "call_id": "call_1", "output": result})
    if reasoning:
        made |= {"reasoning": {"effort": "low"}, "include": ["reasoning.encrypted_content"]}
    if schema is not None:
        made["text"] = {"format": {"type": "json_schema", "name": "reply", "schema": schema}}
    if limit is not None:
        made["max_output_tokens"] = limit
    return made


def _messages(
    said: str,
    tools: dict[str, Json],
    choice: str | None,
    result: str | None,
    reasoning: bool,
    schema: Json | None,
    limit: int | None,
) -> Json:
    made: Json = {"model": "messages", "messages": [{"role": "user", "content": said}]}
    made["max_tokens"] = 1_000 if limit is None else limit
    if tools:
        made["tools"] = [{"name": n, "input_schema": s} for n, s in tools.items()]
    if choice is not None:
        word = {"required": "any"}.get(choice, choice)
        made["tool_choice"] = {"type": "tool", "name": choice} if choice in tools else {"type": word}
    if result is not None:
        call: Json = {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {}}
        answer = {"type": "tool_result", "tool_use_id": "toolu_1", "content": result}
        made["messages"].append({"role": "assistant", "content": [call]})
        made["messages"].append({"role": "user", "content": [answer]})
    if reasoning:
        made["thinking"] = {"type": "adaptive"}
    if schema is not None:
        made["output_config"] = {"format": {"type": "json_schema", "schema": schema}}
    return made
