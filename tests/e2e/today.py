"""The form of a thing that clients send today, and the pieces that many of them have."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.support.formats import Route

LOOK: dict[str, Any] = {"name": "look", "description": "Looks.", "input_schema": {"type": "object", "properties": {}}}
LOOK_CHAT: dict[str, Any] = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}
LOOK_RESPONSES: dict[str, Any] = {"type": "function", "name": "look", "parameters": {"type": "object"}}
PNG = "iVBORw0KGgo="
GRAMMAR = {"syntax": "lark", "definition": "start: /x+/"}
TOLD = "Patches.\n\nThe input must follow this grammar (lark):\nstart: /x+/"
WRAPPED = {"type": "object", "properties": {"input": {"type": "string"}}, "required": ["input"]}
EPHEMERAL = {"type": "ephemeral"}
HOUR = {"type": "ephemeral", "ttl": "1h", "scope": "global"}


@dataclass(frozen=True)
class Expected:
    """At one upstream. `absent`: texts that must not be anywhere in the request."""

    there: dict[str, Any] = field(default_factory=dict[str, Any])
    lost: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()


@dataclass(frozen=True)
class Row:
    """One thing that clients send. By the name of the target: what is expected there."""

    route: Route
    body: dict[str, Any]
    expected: dict[str, Expected]


def said(*messages: Any) -> dict[str, Any]:
    """A Messages request."""
    return {"max_tokens": 64, "messages": list(messages)}


def user(content: Any) -> dict[str, Any]:
    return {"role": "user", "content": content}


def assistant(*blocks: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": list(blocks)}


CALL = {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {"q": "x"}}
CALL_CHAT = {"id": "toolu_1", "type": "function", "function": {"name": "look", "arguments": '{"q":"x"}'}}
CALL_RESPONSES = {"type": "function_call", "call_id": "toolu_1", "name": "look", "arguments": '{"q":"x"}'}


def result(**fields: Any) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": "toolu_1", **fields}
