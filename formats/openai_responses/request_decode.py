"""A client's request to a `Conversation`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hyperinfer.formats.conversation import (
    Conversation,
    Plugin,
    ReasoningConfig,
    ResponseFormat,
    Sampling,
    TextPart,
    Tool,
    Turn,
)
from hyperinfer.formats.errors import RequestError
from hyperinfer.formats.json_depth import DEEPEST
from hyperinfer.formats.openai_responses import wire as w
from hyperinfer.formats.openai_responses.items import decode_items
from hyperinfer.formats.openai_responses.tools import decode_choice, decode_tools
from hyperinfer.formats.routing_wire import decode_routing, name_first_model
from hyperinfer.formats.wire import extras, parse_object, read

if TYPE_CHECKING:
    from hyperinfer.formats.events import Extra
    from hyperinfer.formats.routing import Routing
    from hyperinfer.formats.run_history import Lost

INSTRUCTIONS = "instructions"
"""Path of the turn that `instructions` makes."""

_STORED = ("previous_response_id", "conversation", "prompt")


def decode_request(body: bytes, depth: int = DEEPEST) -> Conversation:
    """Raises `RequestError` naming the path of what is wrong or cannot be served."""
    return _decode(parse_object(body, depth))


def decode_count_request(body: bytes, depth: int = DEEPEST) -> Conversation:
    """A request whose input tokens are to be counted: `input` need not be there. Raises `RequestError`."""
    value = parse_object(body, depth)
    if value.get("input") is None:
        value["input"] = []
    return _decode(value)


def _decode(value: dict[str, Any]) -> Conversation:
    if "model" not in value:
        name_first_model(value)
    request = read(value, w.ResponsesRequest)
    _refuse(request)
    turns: list[Turn] = []
    lost: Lost = []
    if request.instructions is not None:
        turns.append(Turn(role="system", parts=(TextPart(text=request.instructions),), path=INSTRUCTIONS, plain=True))
    if isinstance(request.input, str):
        turns.append(Turn(role="user", parts=(TextPart(text=request.input),), path="input", plain=True))
    else:
        turns.extend(decode_items(request.input, lost))
    tools: tuple[Tool, ...] = ()
    plugins: tuple[Plugin, ...] = ()
    if request.tools:
        tools, plugins = decode_tools(request.tools)
    extra = _unknown(value, w.ResponsesRequest) or {}
    response_format = _text(request.text, value, extra) if request.text is not None else None
    routing: Routing | None = None
    if request.provider is not None or request.models:
        routing = decode_routing(value, request.provider, request.models, extra, lost)
    return Conversation(
        dialect="openai_responses",
        model=request.model,
        turns=tuple(turns),
        streamed=bool(request.stream),
        tools=tools,
        tool_choice=decode_choice(request.tool_choice) if request.tool_choice is not None else None,
        parallel_tool_calls=request.parallel_tool_calls,
        sampling=Sampling(
            max_tokens=request.max_output_tokens,
            temperature=request.temperature,
            top_p=request.top_p,
            top_logprobs=request.top_logprobs,
        ),
        reasoning=_reasoning(request.reasoning, value) if request.reasoning is not None else None,
        response_format=response_format,
        plugins=plugins,
        tool_events=bool(request.hi_tool_events),
        metadata=request.metadata,
        user=request.user,
        service_tier=request.service_tier,
        verbosity=request.text.verbosity if request.text else None,
        prompt_cache_key=request.prompt_cache_key,
        include=tuple(request.include) if request.include else (),
        stream_options=request.stream_options,
        store=request.store,
        routing=routing,
        extra=extra or None,
        lost=tuple(lost),
    )


def _refuse(request: w.ResponsesRequest) -> None:
    """What a gateway that stores nothing cannot do (RULES: always 400)."""
    if request.previous_response_id is not None or request.conversation is not None or request.prompt is not None:
        field = next(field for field in _STORED if getattr(request, field) is not None)
        raise RequestError(f"`{field}` is not supported, since nothing is stored here; send the full input", param=field)
    if request.background:
        raise RequestError("`background` is not supported, since nothing is stored here", param="background")


def _reasoning(config: w.ReasoningOptions, value: dict[str, Any]) -> ReasoningConfig:
    return ReasoningConfig(
        effort=config.effort, summary=config.summary, extra=_unknown(value["reasoning"], w.ReasoningOptions)
    )


def _text(config: w.TextConfig, value: dict[str, Any], extra: dict[str, Any]) -> ResponseFormat | None:
    """The response format. What else `text` holds goes to `extra["text"]`."""
    rest = dict(_unknown(value["text"], w.TextConfig) or {})
    found: ResponseFormat | None = None
    if config.format is not None:
        shape = read(config.format, w.TextFormat, "text.format")
        if shape.type in ("text", "json_object", "json_schema"):
            kind: Any = shape.type
            found = ResponseFormat(
                type=kind,
                name=shape.name,
                schema=shape.schema,
                strict=shape.strict,
                description=shape.description,
                extra=_unknown(config.format, w.TextFormat),
            )
        else:
            rest["format"] = config.format
    if rest:
        extra["text"] = rest
    return found


def _unknown(value: dict[str, Any], kind: Any) -> Extra:
    found = extras(value, kind)
    return {name: item for name, item in found.items() if item is not None} or None if found else None
