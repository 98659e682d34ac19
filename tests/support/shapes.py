"""Requests for an answer of a shape in each client format, and replies of upstreams to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hyperinfer.formats import events as ev
from hyperinfer.formats.usage import Usage
from tests.support.pair import Pair

if TYPE_CHECKING:
    from hyperinfer.formats import Dialect
    from hyperinfer.formats.events import Event

HIDDEN = "final_answer"
"""What the hidden tool is called where nothing of the caller's is called so."""
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "tags": {"type": "array", "items": {"type": "string"}}},
    "required": ["city", "tags"],
    "additionalProperties": False,
}
LIST: dict[str, Any] = {"type": "array", "items": {"type": "string"}}


def shaped(dialect: Dialect, schema: dict[str, Any] = SCHEMA, *, strict: bool | None = None) -> dict[str, Any]:
    """The field that asks for an answer under a schema."""
    said = {} if strict is None else {"strict": strict}
    if dialect == "openai_chat":
        return {"response_format": {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema, **said}}}
    if dialect == "openai_responses":
        return {"text": {"format": {"type": "json_schema", "name": "answer", "schema": schema, **said}}}
    return {"output_config": {"format": {"type": "json_schema", "schema": schema}}}


def function(dialect: Dialect, name: str = "weather") -> dict[str, Any]:
    """A tool of the caller."""
    parameters = {"type": "object", "properties": {"city": {"type": "string"}}}
    if dialect == "anthropic_messages":
        return {"name": name, "input_schema": parameters}
    if dialect == "openai_responses":
        return {"type": "function", "name": name, "parameters": parameters, "strict": False}
    return {"type": "function", "function": {"name": name, "parameters": parameters}}


def shape_of(body: dict[str, Any]) -> Any:
    """What the request for an upstream of any protocol says of the answer's shape in the protocol's own field."""
    theirs = (body.get("response_format"), body.get("text", {}).get("format"), body.get("output_config", {}).get("format"))
    return next((shape for shape in theirs if shape), None)


def tools_of(body: dict[str, Any]) -> list[str]:
    """The names of the tools in such a request."""
    return [tool.get("name") or tool["function"]["name"] for tool in body.get("tools", ())]


def choice_of(body: dict[str, Any]) -> str | None:
    """Its tool choice in one word: auto, none, required, or the name of the tool."""
    match body.get("tool_choice"):
        case None | str() as word:
            return word
        case {"type": "any"}:
            return "required"
        case {"type": "auto" | "none" as word}:
            return str(word)
        case {"name": name} | {"function": {"name": name}}:
            return str(name)
        case other:
            return str(other)


def said(*pieces: str) -> list[Event]:
    """A text block."""
    return [ev.TextStart(), *[ev.TextDelta(piece) for piece in pieces], ev.TextEnd()]


def called(name: str, *pieces: str) -> list[Event]:
    """A call, its id `call_<name>`."""
    deltas = [ev.ArgumentsDelta(piece) for piece in pieces]
    return [ev.ToolCallStart(f"call_{name}", name), *deltas, ev.ToolCallEnd()]


def thought(text: str) -> list[Event]:
    """Reasoning."""
    return [ev.ReasoningStart(), ev.ReasoningDelta(text), ev.ReasoningEnd()]


def reply(upstream: Dialect, *parts: list[Event], stop: ev.StopReason, stream: bool) -> list[bytes]:
    """The bytes of such a reply as an upstream writes them: its frames, or one body."""
    usage = ev.UsageUpdate(Usage(input_tokens=10, output_tokens=5))
    blocks = [event for part in parts for event in part]
    events: list[Event] = [ev.MessageStart(upstream, id="up-1", model="up", created=1), *blocks, usage, ev.MessageEnd(stop)]
    pair = Pair(upstream)
    if not stream:
        return [pair.whole(events)]
    return [frame + b"\n\n" for frame in pair.stream(events).split(b"\n\n") if frame]
