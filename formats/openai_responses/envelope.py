"""The response object around the output: what it echoes of the request, and how it ends (wire facts 3.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hyperinfer.formats.conversation import Conversation, TextPart
from hyperinfer.formats.openai_responses.request_decode import INSTRUCTIONS
from hyperinfer.formats.openai_responses.tools_encode import choice_to_wire, format_to_wire, tools_to_wire

if TYPE_CHECKING:
    from hyperinfer.formats.codec import Reply
    from hyperinfer.formats.events import MessageStart

ENVELOPE = frozenset(("id", "object", "created_at", "model", "output", "usage", "status"))
"""The fields of a response that the events model."""
_REQUIRED = ("parallel_tool_calls", "tool_choice", "tools")
"""Fields that the official SDKs take for granted."""


def fields_at_start(reply: Reply, start: MessageStart | None) -> dict[str, Any]:
    """Everything but id, object, created_at, status, model, output and usage.

    An upstream that speaks Responses has said it all itself; where it left out what clients need, for what it was asked in
    other words (`retold`), and for any other upstream, the request says it.
    """
    extra = start.extra if start is not None and start.dialect == "openai_responses" else None
    theirs = extra.get("response") if extra else None
    if not extra or not theirs:
        return _echo(reply.conversation)
    told = [name for name in (*_REQUIRED, *extra.get("retold", ())) if name not in theirs]
    if not told:
        return dict(theirs)
    echoed = _echo(reply.conversation)
    return {**{name: echoed[name] for name in told}, **theirs}


def response_object(
    reply: Reply, fields: dict[str, Any], status: str, output: list[dict[str, Any]], usage: dict[str, Any] | None
) -> dict[str, Any]:
    """The whole response object."""
    return {
        "id": f"resp_{reply.request_id}",
        "object": "response",
        "created_at": reply.created,
        "status": status,
        "model": reply.model,
        **fields,
        "output": output,
        "usage": usage,
    }


def _echo(conversation: Conversation) -> dict[str, Any]:
    sampling, extra = conversation.sampling, conversation.extra or {}
    reasoning, choice = conversation.reasoning, conversation.tool_choice
    own = conversation.dialect == "openai_responses"
    text: dict[str, Any] = {"format": {"type": "text"}}
    tools: list[dict[str, Any]] = []
    if conversation.tools or conversation.plugins:
        tools = tools_to_wire(conversation.tools, str, conversation.plugins, native_dialect=own)
    if conversation.response_format is not None:
        text["format"] = format_to_wire(conversation.response_format, native_dialect=own)
    if conversation.verbosity is not None:
        text["verbosity"] = conversation.verbosity
    echoed: dict[str, Any] = {
        "background": False,
        "error": None,
        "incomplete_details": None,
        "instructions": _instructions(conversation),
        "max_output_tokens": sampling.max_tokens,
        "max_tool_calls": extra.get("max_tool_calls") if own else None,
        "metadata": conversation.metadata or {},
        "parallel_tool_calls": conversation.parallel_tool_calls is not False,
        "previous_response_id": None,
        "prompt_cache_key": conversation.prompt_cache_key,
        "reasoning": {
            "effort": reasoning.effort if reasoning else None,
            "summary": reasoning.summary if reasoning else None,
        },
        "safety_identifier": extra.get("safety_identifier") if own else None,
        "service_tier": conversation.service_tier or "default",
        "store": False,
        "temperature": sampling.temperature,
        "text": text,
        "tool_choice": (choice_to_wire(choice, str, native_dialect=own) if choice else None) or "auto",
        "tools": [_in_known_words(tool) for tool in tools],
        "top_logprobs": sampling.top_logprobs or 0,
        "top_p": sampling.top_p,
        "truncation": (extra.get("truncation") if own else None) or "disabled",
        "user": conversation.user,
    }
    return echoed


_FUNCTIONS = ("web_fetch", "pdf", "datetime")


def _in_known_words(tool: dict[str, Any]) -> dict[str, Any]:
    """A tool of the gateway that OpenAI has no type for, as what it is to the model: its SDK warns of other types."""
    kind = tool.get("type")
    if kind == "image":
        return {**tool, "type": "image_generation"}
    if kind in _FUNCTIONS:
        return {**tool, "type": "function", "name": kind, "parameters": None, "strict": None}
    return tool


def _instructions(conversation: Conversation) -> str | None:
    first = conversation.turns[0] if conversation.turns else None
    if first is None or first.path != INSTRUCTIONS:
        return None
    return "".join([part.text for part in first.parts if isinstance(part, TextPart)])
