"""A Chat request to a conversation (wire facts 2.1, 5.3, 5.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hyperinfer.formats.conversation import Conversation, Plugin, ReasoningConfig, ResponseFormat, Sampling, Tool
from hyperinfer.formats.json_depth import DEEPEST
from hyperinfer.formats.openai_chat import wire
from hyperinfer.formats.openai_chat.message_decode import decode_messages
from hyperinfer.formats.openai_chat.tools import decode_choice, decode_tool
from hyperinfer.formats.routing_wire import decode_routing, name_first_model
from hyperinfer.formats.wire import extras, parse_object, read

if TYPE_CHECKING:
    from hyperinfer.formats.routing import Routing
    from hyperinfer.formats.run_history import Lost

_FORMATS = ("text", "json_object", "json_schema")


def decode_request(body: bytes, depth: int = DEEPEST) -> Conversation:
    """The conversation. Raises `RequestError` naming the path of what is wrong."""
    value = parse_object(body, depth)
    if "model" not in value:
        name_first_model(value)
    request = read(value, wire.ChatRequest)
    extra = extras(value, wire.ChatRequest) or {}
    if extra.get("extra_body") == {}:
        del extra["extra_body"]  # leaks out of a client that has nothing to put there
    lost: Lost = []
    turns = decode_messages(value["messages"], request.messages, lost)
    routing: Routing | None = None
    if request.provider is not None or request.models:
        routing = decode_routing(value, request.provider, request.models, extra, lost)
    return Conversation(
        dialect="openai_chat",
        model=request.model,
        turns=turns,
        streamed=bool(request.stream),
        tools=_tools(value["tools"], request.tools) if request.tools else (),
        tool_choice=decode_choice(request.tool_choice) if request.tool_choice is not None else None,
        parallel_tool_calls=request.parallel_tool_calls,
        sampling=_sampling(request),
        reasoning=_reasoning(value, request),
        response_format=_response_format(value, request, extra) if request.response_format is not None else None,
        plugins=_plugins(value["plugins"], request.plugins) if request.plugins else (),
        tool_events=bool(request.hi_tool_events),
        metadata=request.metadata,
        user=request.user,
        service_tier=request.service_tier,
        verbosity=request.verbosity,
        prompt_cache_key=request.prompt_cache_key,
        stream_options=request.stream_options,
        store=request.store,
        routing=routing,
        extra=extra or None,
        lost=tuple(lost),
    )


def _sampling(request: wire.ChatRequest) -> Sampling:
    max_tokens, field = request.max_tokens, "max_tokens"
    if request.max_completion_tokens is not None:  # supersedes the other (wire facts 2.1)
        max_tokens, field = request.max_completion_tokens, "max_completion_tokens"
    stop = (request.stop,) if isinstance(request.stop, str) else tuple(request.stop or ())
    return Sampling(
        max_tokens=max_tokens,
        max_tokens_field=field if max_tokens is not None else None,
        temperature=request.temperature,
        top_p=request.top_p,
        top_k=request.top_k,
        stop=stop or None,
        stop_alone=isinstance(request.stop, str),
        n=request.n,
        seed=request.seed,
        frequency_penalty=request.frequency_penalty,
        presence_penalty=request.presence_penalty,
        logit_bias=request.logit_bias,
        logprobs=request.logprobs,
        top_logprobs=request.top_logprobs,
    )


def _reasoning(value: dict[str, Any], request: wire.ChatRequest) -> ReasoningConfig | None:
    """`reasoning_effort`, and OpenRouter's object, which stays in `extra` for an upstream that takes it."""
    wish = request.reasoning
    if wish is None:
        return ReasoningConfig(effort=request.reasoning_effort) if request.reasoning_effort is not None else None
    mode = None if wish.enabled is None else ("enabled" if wish.enabled else "disabled")
    return ReasoningConfig(
        effort=request.reasoning_effort or wish.effort,
        budget_tokens=wish.max_tokens,
        mode=mode,
        display="omitted" if wish.exclude else None,
        extra={"reasoning": value["reasoning"]},
    )


def _response_format(value: dict[str, Any], request: wire.ChatRequest, extra: dict[str, Any]) -> ResponseFormat | None:
    """A type that is not known goes to `extra`: on to an upstream that speaks Chat, a Loss elsewhere."""
    wish = request.response_format
    if wish is None:
        return None
    raw: dict[str, Any] = value["response_format"]
    if wish.type not in _FORMATS:
        extra["response_format"] = raw
        return None
    if wish.type == "json_schema":
        if wish.json_schema is None:  # the contract does not demand it: any JSON
            return ResponseFormat(type="json_schema")
        schema = wish.json_schema
        rest = extras(raw["json_schema"], wire.JsonSchema)
        return ResponseFormat(
            type="json_schema",
            name=schema.name,
            schema=schema.schema,
            strict=schema.strict,
            description=schema.description,
            extra={"json_schema": rest} if rest else None,
        )
    return ResponseFormat(type="text" if wish.type == "text" else "json_object")


def _tools(values: list[dict[str, Any]], records: list[wire.Tool]) -> tuple[Tool, ...]:
    return tuple([decode_tool(values[index], record, f"tools[{index}]") for index, record in enumerate(records)])


def _plugins(values: list[dict[str, Any]], records: list[wire.PluginRequest]) -> tuple[Plugin, ...]:
    return tuple(
        Plugin(
            id=record.id,
            events=bool(record.events),
            options=extras(values[index], wire.PluginRequest) or {},
            path=f"plugins[{index}]",
        )
        for index, record in enumerate(records)
    )
