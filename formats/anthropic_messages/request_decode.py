"""A Messages request to the canonical conversation (wire facts 1.1–1.3, 5.1, 5.4)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from hyperinfer.formats import wire as shared
from hyperinfer.formats.anthropic_messages import tools, wire
from hyperinfer.formats.anthropic_messages.content import cache_mark, decode_blocks, unknown_fields
from hyperinfer.formats.anthropic_messages.places import decode_placed
from hyperinfer.formats.conversation import (
    Conversation,
    Plugin,
    ReasoningConfig,
    ResponseFormat,
    Sampling,
    TextPart,
    ToolChoice,
    ToolResultPart,
    Turn,
)
from hyperinfer.formats.errors import RequestError
from hyperinfer.formats.json_depth import DEEPEST
from hyperinfer.formats.pairing import with_call_ids
from hyperinfer.formats.routing_wire import decode_routing, name_first_model
from hyperinfer.formats.run_history import Lost, in_rounds

if TYPE_CHECKING:
    from hyperinfer.formats.routing import Routing

_ROLES: dict[str, Literal["user", "assistant", "system"]] = {"user": "user", "assistant": "assistant", "system": "system"}


def decode_request(body: bytes, depth: int = DEEPEST) -> Conversation:
    """A client's request. Raises `RequestError` naming the path of what is wrong."""
    return _decode(shared.parse_object(body, depth))


def decode_count_request(body: bytes, depth: int = DEEPEST) -> Conversation:
    """A request whose tokens are to be counted: `max_tokens` need not be there (wire facts 1.7)."""
    raw = shared.parse_object(body, depth)
    if raw.get("max_tokens") is None:
        raw["max_tokens"] = 0
    return _decode(raw)


def _decode(raw: dict[str, Any]) -> Conversation:
    if "thread" in raw or "response_format" in raw:
        _refuse(raw)
    if "model" not in raw:
        name_first_model(raw)
    request = shared.read(raw, wire.MessagesRequest)
    extra = unknown_fields(raw, wire.MessagesRequest) or {}
    reasoning: ReasoningConfig | None = None
    response_format: ResponseFormat | None = None
    if extra or request.thinking is not None or request.output_config is not None:
        reasoning, response_format = _output(request, raw, extra)
    user, metadata = _metadata(request.metadata, raw["metadata"]) if request.metadata is not None else (None, None)
    lost: Lost = []
    choice: ToolChoice | None = None
    parallel: bool | None = None
    if request.tool_choice is not None:
        choice, parallel = tools.decode_choice(request.tool_choice, raw["tool_choice"])
    stops = request.stop_sequences
    routing: Routing | None = None
    if request.provider is not None or request.models:
        routing = decode_routing(raw, request.provider, request.models, extra, lost)
    return Conversation(
        dialect="anthropic_messages",
        model=request.model,
        turns=_turns(request, raw, lost),
        streamed=bool(request.stream),
        tools=tools.decode_tools(request.tools, raw["tools"]) if request.tools else (),
        tool_choice=choice,
        parallel_tool_calls=parallel,
        sampling=Sampling(
            max_tokens=request.max_tokens,
            temperature=request.temperature,
            top_p=request.top_p,
            top_k=request.top_k,
            stop=tuple(stops) if stops else None,
        ),
        reasoning=reasoning,
        response_format=response_format,
        plugins=_plugins(request.plugins, raw["plugins"]) if request.plugins else (),
        tool_events=bool(request.hi_tool_events),
        metadata=metadata,
        user=user,
        service_tier=request.service_tier,
        cache=cache_mark(request.cache_control) if request.cache_control is not None else None,
        routing=routing,
        extra=extra or None,
        lost=tuple(lost),
    )


def _refuse(raw: dict[str, Any]) -> None:
    """What is always refused (RULES; wire facts 7 for `thread`, which a client then replays in full)."""
    if raw.get("thread") is not None:
        raise RequestError(
            "thread: this gateway stores no threads; send the whole history in messages",
            param="thread",
            details={"error_code": "thread_unsupported_request"},
        )
    if raw.get("response_format") is not None:
        raise RequestError(
            "response_format: the Messages format has no such field; use output_config.format", param="response_format"
        )


def _turns(request: wire.MessagesRequest, raw: dict[str, Any], lost: Lost) -> tuple[Turn, ...]:
    """The system prompt, then the messages."""
    turns = _messages(request.messages, raw["messages"], lost)
    system = request.system
    if isinstance(system, str):
        return (Turn(role="system", parts=(TextPart(text=system),), path="system", plain=True), *turns)
    if system:
        return (Turn(role="system", parts=decode_blocks(system, "system"), path="system"), *turns)
    return tuple(turns)


def _messages(messages: list[wire.InputMessage], sources: list[dict[str, Any]], lost: Lost) -> Iterable[Turn]:
    turns: list[Turn] = []
    plain = True
    for index, message in enumerate(messages):
        path = f"messages[{index}]"
        if message.role == "user" and isinstance(message.content, str) and len(sources[index]) == 2:
            turns.append(Turn(role="user", parts=(TextPart(text=message.content),), path=path, plain=True))
        else:
            plain = False
            turns.append(_message(message, sources[index], path))
    if plain:
        return turns  # nothing but what a user said: no calls, and no runs of ours
    return list(_split(with_call_ids(list(in_rounds(turns, lost)), _result_id)))


def _message(message: wire.InputMessage, source: dict[str, Any], path: str) -> Turn:
    """A message as one turn."""
    role = _ROLES.get(message.role, "user")
    extra = unknown_fields(source, wire.InputMessage)
    if message.role not in _ROLES:  # on to an upstream that speaks Messages, a Loss elsewhere
        extra = {"role": message.role, **(extra or {})}
    if message.content is None and role != "system":
        raise RequestError(f"{path}.content: this field is required", param=f"{path}.content")
    if isinstance(message.content, str):
        return Turn(role=role, parts=(TextPart(text=message.content),), path=path, plain=True, extra=extra)
    content = decode_blocks(message.content or (), f"{path}.content", partial(decode_placed, role))
    return Turn(role=role, parts=content, path=path, extra=extra)


def _split(turns: Iterable[Turn]) -> Iterator[Turn]:
    """Results as a turn of their own before what else their message holds."""
    for turn in turns:
        if ToolResultPart not in map(type, turn.parts):
            yield turn
            continue
        results = tuple([part for part in turn.parts if type(part) is ToolResultPart])
        yield Turn(role="tool", parts=results, path=turn.path, extra=turn.extra)
        if others := tuple([part for part in turn.parts if type(part) is not ToolResultPart]):
            yield Turn(role="user", parts=others, path=turn.path)


def _result_id(message: Turn, index: int) -> str:
    return f"{message.path}.content[{index}].tool_use_id"


def _output(
    request: wire.MessagesRequest, raw: dict[str, Any], extra: dict[str, Any]
) -> tuple[ReasoningConfig | None, ResponseFormat | None]:
    """`thinking` and `output_config`. What is not modelled of the latter goes to `extra`."""
    thinking, config = request.thinking, request.output_config
    effort = config.effort if config else None
    reasoning: ReasoningConfig | None = None
    if thinking is not None:
        reasoning = ReasoningConfig(
            effort=effort,
            budget_tokens=thinking.budget_tokens,
            mode=thinking.type,
            display=thinking.display,
            extra=unknown_fields(raw["thinking"], wire.Thinking),
        )
    elif effort is not None:
        reasoning = ReasoningConfig(effort=effort)
    response_format: ResponseFormat | None = None
    if config is not None:
        rest = unknown_fields(raw["output_config"], wire.OutputConfig) or {}
        if config.format is not None:
            source = raw["output_config"]["format"]
            if config.format.type == "json_schema":
                response_format = ResponseFormat(
                    type="json_schema",
                    schema=config.format.schema,
                    extra=unknown_fields(source, wire.OutputFormat),
                )
            else:
                rest["format"] = source
        if rest:
            extra["output_config"] = rest
    return reasoning, response_format or _older_format(extra)


def _older_format(extra: dict[str, Any]) -> ResponseFormat | None:
    """`output_format`, where the beta of structured output had it."""
    older = extra.get("output_format")
    schema = older.get("schema") if shared.is_object(older) and older.get("type") == "json_schema" else None
    return ResponseFormat(type="json_schema", schema=schema, field="output_format") if shared.is_object(schema) else None


def _metadata(metadata: wire.RequestMetadata, raw: dict[str, Any]) -> tuple[str | None, dict[str, Any] | None]:
    return metadata.user_id, unknown_fields(raw, wire.RequestMetadata)


def _plugins(plugins: list[wire.PluginField], raw: Any) -> tuple[Plugin, ...]:
    return tuple(
        Plugin(
            id=plugin.id,
            events=bool(plugin.events),
            options=unknown_fields(raw[index], wire.PluginField) or {},
            path=f"plugins[{index}]",
        )
        for index, plugin in enumerate(plugins)
    )
