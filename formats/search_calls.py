"""Codex's search for tools on upstreams that know no such thing.

A Responses caller may declare the tool `tool_search` with `execution: client`: the model asks, the caller searches, and the
tools that it found join the list (`late_tools`). To upstreams of the other formats it is a function of that name; its calls
go back to the caller as the items that it waits for.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

import msgspec

from hyperinfer.formats.conversation import (
    Conversation,
    NativePart,
    TextPart,
    Tool,
    ToolCallPart,
    ToolResultPart,
    Turn,
)
from hyperinfer.formats.events import ArgumentsDelta, Event, ServerToolEnd, ServerToolStart, ToolCallEnd, ToolCallStart
from hyperinfer.formats.wire import is_object

NAME = "tool_search"
_CALL, _OUTPUT = "tool_search_call", "tool_search_output"


def declares_search(conversation: Conversation) -> bool:
    """Whether the caller runs a search for tools, and has no other tool of that name."""
    if not conversation.tools:
        return False
    named = [tool for tool in conversation.tools if tool.name == NAME and tool.namespace is None]
    return len(named) == 1 and _is_search(named[0])


def with_search_as_function(conversation: Conversation) -> Conversation:
    """The conversation with the search as a function, its calls as calls and its results as their results."""
    if not declares_search(conversation):
        return conversation
    return msgspec.structs.replace(
        conversation,
        tools=tuple(_as_function(tool) if _is_search(tool) else tool for tool in conversation.tools),
        turns=tuple(_spoken(turn) for turn in conversation.turns),
    )


class SearchCalls:
    """A step over the events of one reply: calls of the function become `tool_search_call` items."""

    __slots__ = ("_arguments", "_item")
    looks_at: ClassVar[frozenset[type]] = frozenset({ToolCallStart, ArgumentsDelta, ToolCallEnd})
    """What it may change, or learns from. No other event need be pushed."""

    def __init__(self) -> None:
        self._item: dict[str, Any] | None = None
        self._arguments: list[str] = []

    def push(self, event: Event) -> Iterable[Event]:
        """The events that take the place of `event`."""
        match event:
            case ToolCallStart(name=name, namespace=None) if name == NAME:
                self._arguments = []
                self._item = {"type": _CALL, "call_id": event.call_id, "execution": "client"}
                return (
                    ServerToolStart("openai_responses", _CALL, {**self._item, "status": "in_progress", "arguments": {}}),
                )
            case ArgumentsDelta() if self._item is not None:
                self._arguments.append(event.text)
                return ()
            case ToolCallEnd() if (item := self._item) is not None:
                self._item = None
                arguments = _object("".join(self._arguments))
                return (ServerToolEnd({**item, "status": "completed", "arguments": arguments}),)
            case _:
                return (event,)


def _is_search(tool: Tool) -> bool:
    return tool.kind == "native" and tool.type == NAME and (tool.raw or {}).get("execution") == "client"


def _as_function(tool: Tool) -> Tool:
    raw = tool.raw or {}
    description, parameters = raw.get("description"), raw.get("parameters")
    return Tool(
        kind="function",
        name=NAME,
        path=tool.path,
        description=description if isinstance(description, str) else None,
        parameters=parameters if is_object(parameters) else None,
    )


def _spoken(turn: Turn) -> Turn:
    part = turn.parts[0] if len(turn.parts) == 1 else None
    if not isinstance(part, NativePart) or not isinstance(call_id := part.raw.get("call_id"), str):
        return turn
    if part.type == _CALL:
        arguments = msgspec.json.encode(part.raw.get("arguments") or {}).decode()
        return Turn(role="assistant", parts=(ToolCallPart(call_id=call_id, name=NAME, arguments=arguments),), path=turn.path)
    if part.type == _OUTPUT:
        names = [f"{tool.namespace}__{tool.name}" if tool.namespace else tool.name for tool in part.tools]
        text = TextPart(text=f"Tools found: {', '.join(names) or 'none'}")
        return Turn(role="tool", parts=(ToolResultPart(call_id=call_id, content=(text,)),), path=turn.path)
    return turn


def _object(text: str) -> dict[str, Any]:
    """The arguments; empty where the model wrote no object."""
    try:
        value: object = msgspec.json.decode(text or "{}")
    except (msgspec.DecodeError, RecursionError):
        return {}
    return value if is_object(value) else {}
