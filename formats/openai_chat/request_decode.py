"""A Chat request to a conversation (wire facts 2.1, 5.3, 5.4)."""

from __future__ import annotations

from typing import Any, cast, get_args

import msgspec

from hyperinfer.formats.conversation import (
    CacheMark,
    Conversation,
    Part,
    Plugin,
    ReasoningConfig,
    ReasoningPart,
    ReasoningText,
    RefusalPart,
    ResponseFormat,
    Role,
    Sampling,
    TextPart,
    ToolCallPart,
    ToolResultPart,
    Turn,
)
from hyperinfer.formats.errors import RequestError
from hyperinfer.formats.opaque import Opaque, blob_from_client
from hyperinfer.formats.openai_chat import wire
from hyperinfer.formats.openai_chat.content import cache_mark, decode_parts
from hyperinfer.formats.openai_chat.pairing import CallPairing
from hyperinfer.formats.openai_chat.reasoning import AFTER_CALLS, FIELDS, blob_of_detail
from hyperinfer.formats.openai_chat.tools import decode_choice, decode_tool
from hyperinfer.formats.wire import extras, parse_object, read


def decode_request(body: bytes) -> Conversation:
    """The conversation. Raises `RequestError` naming the path of what is wrong."""
    value = parse_object(body)
    request = read(value, wire.ChatRequest)
    pairing = CallPairing()
    turns = tuple(
        _turn(message, record, f"messages[{index}]", pairing)
        for index, (message, record) in enumerate(zip(value["messages"], request.messages, strict=True))
    )
    stop = (request.stop,) if isinstance(request.stop, str) else tuple(request.stop or ())
    max_tokens = request.max_completion_tokens if request.max_completion_tokens is not None else request.max_tokens
    extra = extras(value, wire.ChatRequest) or {}
    extra_body = extra.get("extra_body")
    if isinstance(extra_body, dict) and not extra_body:
        del extra["extra_body"]
    return Conversation(
        dialect="openai_chat",
        model=request.model,
        turns=turns,
        streamed=bool(request.stream),
        tools=tuple(
            decode_tool(tool, record, f"tools[{index}]")
            for index, (tool, record) in enumerate(zip(value.get("tools") or (), request.tools or (), strict=True))
        ),
        tool_choice=decode_choice(request.tool_choice),
        parallel_tool_calls=request.parallel_tool_calls,
        sampling=Sampling(
            max_tokens=max_tokens,
            max_tokens_field=_max_tokens_field(request),
            temperature=request.temperature,
            top_p=request.top_p,
            top_k=request.top_k,
            stop=stop or None,
            n=request.n,
            seed=request.seed,
            frequency_penalty=request.frequency_penalty,
            presence_penalty=request.presence_penalty,
            logit_bias=request.logit_bias,
            logprobs=request.logprobs,
            top_logprobs=request.top_logprobs,
        ),
        reasoning=_reasoning_config(value, request),
        response_format=_response_format(value, request),
        plugins=tuple(
            Plugin(
                id=record.id,
                events=bool(record.events),
                options=extras(raw, wire.PluginRequest) or {},
                path=f"plugins[{index}]",
            )
            for index, (raw, record) in enumerate(zip(value.get("plugins") or (), request.plugins or (), strict=True))
        ),
        tool_events=bool(request.hi_tool_events),
        metadata=request.metadata,
        user=request.user,
        service_tier=request.service_tier,
        verbosity=request.verbosity,
        prompt_cache_key=request.prompt_cache_key,
        stream_options=request.stream_options,
        store=request.store,
        extra=extra or None,
    )


def _max_tokens_field(request: wire.ChatRequest) -> str | None:
    if request.max_completion_tokens is not None:
        return "max_completion_tokens"
    return "max_tokens" if request.max_tokens is not None else None


def _turn(message: dict[str, Any], record: wire.Message, path: str, pairing: CallPairing) -> Turn:
    role = "tool" if record.role == "function" else record.role
    if role not in get_args(Role):
        raise RequestError(f"{path}.role: unknown role '{record.role}'", param=f"{path}.role")
    extra = extras(message, wire.Message) or {}
    for empty in [name for name, item in extra.items() if item is None or item == []]:
        del extra[empty]  # replies are replayed with annotations: [], audio: null (wire facts 5.3)
    cache = cache_mark(message)
    parts = _content(record, path)
    if role == "assistant":
        parts = _assistant_parts(message, record, parts, path, pairing)
    elif role == "tool":
        call_id, kind = pairing.result(record.tool_call_id, record.name, path)
        legacy = {"role": "function"} if record.role == "function" else None
        parts = (
            ToolResultPart(
                call_id=call_id,
                content=parts,
                kind=kind,
                name=record.name,
                plain=isinstance(record.content, str),
                cache=cache,
                extra=legacy,
            ),
        )
    elif cache is not None and parts:
        parts = (*parts[:-1], _marked(parts[-1], cache))
    if role not in ("assistant", "tool") and record.content is None:
        raise RequestError(f"{path}.content: this field is required", param=f"{path}.content")
    return Turn(
        role=cast("Role", role),
        parts=parts,
        path=path,
        name=record.name if role != "tool" else None,
        plain=isinstance(record.content, str),
        extra=extra or None,
    )


def _marked(part: Part, cache: CacheMark) -> Part:
    return msgspec.structs.replace(part, cache=cache) if hasattr(part, "cache") else part


def _content(record: wire.Message, path: str) -> tuple[Part, ...]:
    if isinstance(record.content, str):
        return (TextPart(text=record.content),) if record.content or record.role != "assistant" else ()
    return decode_parts(record.content, f"{path}.content") if record.content else ()


def _assistant_parts(
    message: dict[str, Any], record: wire.Message, content: tuple[Part, ...], path: str, pairing: CallPairing
) -> tuple[Part, ...]:
    calls: list[ToolCallPart] = []
    for index, call in enumerate(record.tool_calls or ()):
        raw = (message.get("tool_calls") or [])[index]
        calls.append(_call(raw, call, f"{path}.tool_calls[{index}]", pairing))
    if record.function_call is not None:
        legacy = wire.ToolCall(id=f"call_function_{record.function_call.name}", function=record.function_call)
        calls.append(_call({"legacy": True}, legacy, f"{path}.function_call", pairing))
    reasoning = _reasoning_parts(message)
    parts: list[Part] = [part for after, part in reasoning if after == 0]
    parts.extend(content)
    if record.refusal:
        parts.append(RefusalPart(text=record.refusal))
    for index, made in enumerate(calls):
        parts.append(made)
        parts.extend(part for after, part in reasoning if after == index + 1)
    return tuple(parts)


def _call(raw: dict[str, Any], call: wire.ToolCall, path: str, pairing: CallPairing) -> ToolCallPart:
    extra = extras(raw, wire.ToolCall)
    if call.custom is not None:
        call_id = pairing.call(call.id, "custom")
        return ToolCallPart(
            call_id=call_id, name=call.custom.name, arguments=call.custom.input or "", kind="custom", extra=extra
        )
    if call.function is None:
        raise RequestError(f"{path}.function: this field is required", param=f"{path}.function")
    arguments = call.function.arguments
    if isinstance(arguments, dict):
        arguments = msgspec.json.encode(arguments).decode()
    text = arguments if arguments and arguments.strip() and arguments.strip() != "null" else "{}"
    return ToolCallPart(
        call_id=pairing.call(call.id, "function"), name=call.function.name, arguments=text, extra=extra
    )


def _reasoning_parts(message: dict[str, Any]) -> list[tuple[int, ReasoningPart]]:
    """(number of tool calls before it, part): one part a signed or encrypted detail, or one for all plain text."""
    raw = {name: message[name] for name in FIELDS if message.get(name)}
    if not raw:
        return []
    plain = next((value for value in raw.values() if isinstance(value, str)), "")
    found: list[tuple[int, ReasoningPart]] = []
    loose = ""
    for entry in (entry for value in raw.values() if isinstance(value, list) for entry in value):
        words = entry.get("text") or entry.get("summary") or entry.get("thinking") or ""
        after = entry.get(AFTER_CALLS)
        blob = blob_of_detail(entry, lambda text: blob_from_client(text, "openai_chat"))
        if blob is None:
            loose += words if isinstance(words, str) else ""
            continue
        item_id = entry.get("id")
        found.append(
            (
                after if isinstance(after, int) else 0,
                ReasoningPart(
                    texts=(ReasoningText(words),) if isinstance(words, str) and words else (),
                    opaque=(blob,),
                    item_id=item_id if isinstance(item_id, str) else None,
                ),
            )
        )
    return _with_plain_text(found, loose or plain, raw)


def _with_plain_text(
    found: list[tuple[int, ReasoningPart]], text: str, raw: dict[str, Any]
) -> list[tuple[int, ReasoningPart]]:
    covered = any(part.texts for _, part in found)
    if found and not covered and text:  # encrypted blobs beside the visible text: one item, as it was made
        after, first = found[0]
        blobs: tuple[Opaque, ...] = first.opaque
        found[0] = (after, msgspec.structs.replace(first, texts=(ReasoningText(text),), opaque=blobs))
    elif not found:
        found = [(0, ReasoningPart(texts=(ReasoningText(text),) if text else ()))]
    after, first = found[0]
    found[0] = (after, msgspec.structs.replace(first, extra={"fields": raw}))
    return found


def _reasoning_config(value: dict[str, Any], request: wire.ChatRequest) -> ReasoningConfig | None:
    wish = request.reasoning
    if wish is None and request.reasoning_effort is None:
        return None
    mode: str | None = None
    if wish is not None and wish.enabled is False:
        mode = "disabled"
    elif wish is not None and wish.enabled:
        mode = "enabled"
    return ReasoningConfig(
        effort=request.reasoning_effort or (wish.effort if wish else None),
        budget_tokens=wish.max_tokens if wish else None,
        mode=mode,
        display="omitted" if wish is not None and wish.exclude else None,
        extra={"reasoning": value["reasoning"]} if wish is not None else None,
    )


def _response_format(value: dict[str, Any], request: wire.ChatRequest) -> ResponseFormat | None:
    wish = request.response_format
    if wish is None:
        return None
    raw: dict[str, Any] = value["response_format"]
    schema = wish.json_schema
    if wish.type == "json_schema":
        if schema is None:
            path = "response_format.json_schema"
            raise RequestError(f"{path}: this field is required", param=path)
        extra = extras(raw["json_schema"], wire.JsonSchema)
        return ResponseFormat(
            type="json_schema",
            name=schema.name,
            schema=schema.schema,
            strict=schema.strict,
            description=schema.description,
            extra={"json_schema": extra} if extra else None,
        )
    if wish.type == "json_object":
        return ResponseFormat(type="json_object")
    return ResponseFormat(type="text", extra=None if wish.type == "text" else {"raw": raw})
