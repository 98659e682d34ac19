"""Upstreams that call server tools, and tools by script."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import trio

from hyperinfer.formats import FORMATS
from hyperinfer.formats import events as ev
from hyperinfer.formats.codec import Reply
from hyperinfer.formats.conversation import Conversation, ToolCallPart, ToolResultPart
from hyperinfer.formats.opaque import DEFAULT_VENDOR, Opaque
from hyperinfer.formats.server_tools import ToolOutcome
from hyperinfer.formats.usage import Usage
from hyperinfer.nodes.tool_loop import Tooling
from hyperinfer.nodes.tools.port import Declaration
from tests.support.upstreams import Script

if TYPE_CHECKING:
    from hyperinfer.formats import Dialect
    from hyperinfer.formats.events import Event
    from hyperinfer.formats.server_tools import ToolName

Step = tuple[float, ToolOutcome | BaseException]
USAGE = Usage(input_tokens=10, output_tokens=5)


def found(text: str = "found", **more: Any) -> ToolOutcome:
    """What a tool found."""
    return ToolOutcome(text=text, summary=f"summary of {text}", **more)


@dataclass
class ScriptedTool:
    """A tool that plays one step a run: how long it takes, and what comes of it. `by_query`: for runs with these arguments,
    which may begin in any order. `ran`: (when, arguments, options) of each run; `cut`: when a run was cut off."""

    name: ToolName = "web_search"
    steps: Sequence[Step] = ((0.0, found()),)
    by_query: Mapping[str, Step] = field(default_factory=dict[str, Step])
    price: int = 7_000
    seconds: float = 20.0
    ran: list[tuple[float, dict[str, Any], dict[str, Any]]] = field(
        default_factory=list[tuple[float, dict[str, Any], dict[str, Any]]]
    )
    cut: list[float] = field(default_factory=list[float])

    def declaration(self, options: Mapping[str, Any]) -> Declaration:
        """A function of one string."""
        if options.get("senseless"):
            raise ValueError("'senseless' makes no sense")
        parameters = {"type": "object", "properties": {"query": {"type": "string"}}, "required": ["query"]}
        return Declaration(description=f"The tool {self.name}.", parameters=parameters)

    async def run(self, arguments: Mapping[str, Any], options: Mapping[str, Any]) -> ToolOutcome:
        """The next step; the last one again when they are used up."""
        in_turn = self.steps[min(len(self.ran), len(self.steps) - 1)]
        delay, outcome = self.by_query.get(arguments.get("query", ""), in_turn)
        self.ran.append((trio.current_time(), dict(arguments), dict(options)))
        try:
            await trio.sleep(delay)
        except trio.Cancelled:
            self.cut.append(trio.current_time())
            raise
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome


def text(words: str) -> list[Event]:
    """A block of text."""
    return [ev.TextStart(), ev.TextDelta(words), ev.TextEnd()]


def thought(words: str, signature: str, protocol: Dialect) -> list[Event]:
    """A block of reasoning with its vendor's blob."""
    if protocol == "openai_responses":
        blob = Opaque("openai", "encrypted", signature)
        delta = ev.ReasoningDelta(words, form="summary")
        return [ev.ReasoningStart(item_id="rs_1"), delta, ev.ReasoningEnd(opaque=(blob,))]
    blob = Opaque(DEFAULT_VENDOR[protocol], "signature", signature)
    return [ev.ReasoningStart(), ev.ReasoningDelta(words), ev.ReasoningEnd(opaque=(blob,))]


def call(name: str, call_id: str = "call_1", **arguments: Any) -> list[Event]:
    """A call of a function."""
    return [ev.ToolCallStart(call_id, name), ev.ArgumentsDelta(json.dumps(arguments)), ev.ToolCallEnd()]


def upstream(
    protocol: Dialect, *blocks: list[Event], stream: bool, stop: Any = None, usage: Usage | None = USAGE, every: float = 1.0
) -> Script:
    """An attempt that gets these blocks, one every so many seconds. `stop`: by default as it has calls."""
    calls = any(isinstance(event, ev.ToolCallStart) for block in blocks for event in block)
    end: list[Event] = [ev.UsageUpdate(usage)] if usage is not None else []
    end.append(ev.MessageEnd(stop or ("tool_calls" if calls else "stop")))
    start: list[Event] = [ev.MessageStart(protocol, id="up_1", model="up", created=1)]
    about = Reply(
        request_id="r",
        model="up",
        created=1,
        conversation=Conversation(dialect=protocol, model="up", turns=(), streamed=stream),
        upstream=protocol,
    )
    if not stream:
        body = FORMATS[protocol].encode_response([*start, *(e for block in blocks for e in block), *end], about).body
        return Script([(every * len(blocks), body)], headers={"content-type": "application/json"})
    encoder = FORMATS[protocol].stream_encoder(about)
    pieces = [b"".join(map(encoder.send, part)) for part in (start, *blocks, end)]
    pieces[-1] += encoder.end()
    return Script([(every if index else 0.0, piece) for index, piece in enumerate(pieces) if piece])


def asked_of(protocol: Dialect, body: bytes) -> Conversation:
    """What an upstream was asked."""
    return FORMATS[protocol].decode_request(body)


def calls_and_results(conversation: Conversation) -> list[tuple[str, ...]]:
    """('call', id, name, arguments) and ('result', id, text), in order."""
    told: list[tuple[str, ...]] = []
    for turn in conversation.turns:
        for part in turn.parts:
            if isinstance(part, ToolCallPart):
                told.append(("call", part.call_id, part.name, part.arguments))
            elif isinstance(part, ToolResultPart):
                told.append(("result", part.call_id, "".join(getattr(inner, "text", "") for inner in part.content)))
    return told


def switched_on(client: Dialect, *ids: str, **more: Any) -> dict[str, Any]:
    """The fields with which a client switches tools on."""
    if client == "openai_responses":
        return {"tools": [{"type": id, **more} for id in ids]}
    return {"plugins": [{"id": id, **more} for id in ids]}


def tooling(*tools: ScriptedTool, **more: Any) -> Tooling:
    """A gateway with these tools and no others."""
    return Tooling(tools=lambda: {tool.name: tool for tool in tools}, **more)
