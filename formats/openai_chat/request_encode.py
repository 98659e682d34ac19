"""A conversation to a Chat request for an upstream."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from hyperinfer.formats.codec import Encoded, Loss, Target
from hyperinfer.formats.losses import losses_of_extra
from hyperinfer.formats.openai_chat.message_encode import MessageEncoder
from hyperinfer.formats.openai_chat.tools import encode_choice, encode_tools

if TYPE_CHECKING:
    from hyperinfer.formats.conversation import Conversation, ReasoningConfig

_STOPS = {"max4": 4, "max5": 5, "max16": 16, "unlimited": None, "none": 0}
_SAMPLING = ("temperature", "top_p", "frequency_penalty", "presence_penalty")


def encode_request(conversation: Conversation, target: Target) -> Encoded:
    """The body for a Chat upstream. Raises `RequestError` for what RULES says is always a 400."""
    losses: list[Loss] = []
    same = conversation.dialect == "openai_chat"
    messages = MessageEncoder(conversation, target, losses).messages(conversation.turns)
    tools, aliases = encode_tools(conversation, target, losses)
    body: dict[str, Any] = {"model": target.model, "messages": messages}
    if tools:
        body["tools"] = tools
        if conversation.tool_choice is not None:
            choice = encode_choice(conversation.tool_choice, same, target, losses)
            if choice is not None:
                body["tool_choice"] = choice
        if conversation.parallel_tool_calls is not None:
            _put(
                body,
                "parallel_tool_calls",
                conversation.parallel_tool_calls,
                target.quirks.parallel_tool_calls,
                losses,
            )
    elif conversation.tool_choice is not None and same:
        choice = encode_choice(conversation.tool_choice, same, target, losses)
        if choice is not None:
            body["tool_choice"] = choice
    _sampling(body, conversation, target, same, losses)
    if conversation.reasoning is not None:
        _reasoning(body, conversation.reasoning, target, same, losses)
    _response_format(body, conversation, target, losses)
    _account_fields(body, conversation, target, same, losses)
    if target.streamed:
        body["stream"] = True
        if target.quirks.stream_usage == "send":
            options = conversation.stream_options if same else None
            body["stream_options"] = {**(options or {}), "include_usage": True}
    if same:
        for name, value in (conversation.extra or {}).items():
            body.setdefault(name, value)
    else:
        losses.extend(losses_of_extra(conversation.extra, "", "Chat has no such field"))
        if conversation.cache is not None:
            losses.append(Loss("cache_control", "this model's API has no cache marks"))
    return Encoded(body=msgspec.json.encode(body), losses=tuple(losses), aliases=aliases)


def _put(body: dict[str, Any], name: str, value: Any, rule: str, losses: list[Loss]) -> None:
    if rule == "send":
        body[name] = value
    else:
        losses.append(Loss(name, "this model's API refuses the field"))


def _sampling(
    body: dict[str, Any], conversation: Conversation, target: Target, same: bool, losses: list[Loss]
) -> None:
    sampling, quirks = conversation.sampling, target.quirks
    if sampling.max_tokens is not None:
        field = quirks.max_tokens_field
        if field == "as_sent":
            field = "max_completion_tokens" if sampling.max_tokens_field == "max_completion_tokens" else "max_tokens"
        body[field] = sampling.max_tokens
    for name in _SAMPLING:
        if (value := getattr(sampling, name)) is not None:
            _put(body, name, value, quirks.sampling, losses)
    if sampling.top_k is not None:
        _put(body, "top_k", sampling.top_k, quirks.sampling if same else "omit", losses)
    if sampling.stop is not None:
        limit = _STOPS[quirks.stop]
        kept = sampling.stop if limit is None else sampling.stop[:limit]
        if kept:
            body["stop"] = list(kept)
        if len(kept) < len(sampling.stop):
            losses.append(Loss("stop", f"this model's API takes {len(kept)} stop strings"))
    if sampling.n is not None:
        body["n"] = sampling.n
    if sampling.seed is not None:
        if quirks.seed_field == "none":
            losses.append(Loss("seed", "this model's API refuses the field"))
        else:
            body[quirks.seed_field] = sampling.seed
    for name in ("logprobs", "top_logprobs"):
        if (value := getattr(sampling, name)) is not None:
            body[name] = value
    if sampling.top_logprobs is not None and not same:
        body["logprobs"] = True
    if sampling.logit_bias is not None:
        _put(body, "logit_bias", sampling.logit_bias, quirks.openai_only_fields, losses)


def effort_of(config: ReasoningConfig) -> str | None:
    """OpenAI's effort for a wish in any dialect (wire facts 4.6)."""
    if config.effort is not None:
        return config.effort
    if config.budget_tokens is not None:
        if config.budget_tokens <= 2_048:
            return "low"
        return "medium" if config.budget_tokens <= 8_192 else "high"
    return None


def _reasoning(body: dict[str, Any], config: ReasoningConfig, target: Target, same: bool, losses: list[Loss]) -> None:
    rule = target.quirks.reasoning_effort
    raw = (config.extra or {}).get("reasoning") if same else None
    if raw is not None and rule in ("effort", "reasoning_object"):
        body["reasoning"] = raw
        if config.effort is not None and config.effort != raw.get("effort"):
            body["reasoning_effort"] = config.effort
        return
    effort = effort_of(config)
    off = config.mode == "disabled" or effort == "none"
    if rule == "omit":
        if effort is not None and not off:
            losses.append(Loss("reasoning", "this model cannot be asked how much to think"))
    elif rule == "thinking_object":
        body["thinking"] = {"type": "disabled" if off else "enabled"}
        if effort is not None and not off:
            body["reasoning_effort"] = effort
    elif rule == "reasoning_object":
        if off:
            body["reasoning"] = {"enabled": False}
        elif config.budget_tokens is not None and config.effort is None:
            body["reasoning"] = {"max_tokens": config.budget_tokens}
        elif effort is not None:
            body["reasoning"] = {"effort": effort}
    elif effort is not None:
        body["reasoning_effort"] = effort
    elif config.mode == "disabled":
        losses.append(Loss("thinking", "this model's API cannot switch thinking off"))


def _response_format(body: dict[str, Any], conversation: Conversation, target: Target, losses: list[Loss]) -> None:
    wish = conversation.response_format
    if wish is None:
        return
    same = conversation.dialect == "openai_chat"
    if wish.type == "text":
        raw = (wish.extra or {}).get("raw") if same else None
        if same:
            body["response_format"] = raw or {"type": "text"}
        return
    rule = target.quirks.json_schema
    if rule == "omit":
        losses.append(Loss("response_format", "this model's API cannot shape the answer"))
        return
    if wish.type == "json_object" or rule == "json_object":
        if wish.type == "json_schema":
            losses.append(Loss("response_format.json_schema", "this model's API takes no schema"))
        body["response_format"] = {"type": "json_object"}
        return
    fields = {"name": wish.name or "response", "description": wish.description, "schema": wish.schema, "strict": wish.strict}
    schema: dict[str, Any] = {name: value for name, value in fields.items() if value is not None}
    if same and wish.extra:
        schema.update(wish.extra.get("json_schema") or {})
    body["response_format"] = {"type": "json_schema", "json_schema": schema}


def _account_fields(
    body: dict[str, Any], conversation: Conversation, target: Target, same: bool, losses: list[Loss]
) -> None:
    send = target.quirks.openai_only_fields == "send"
    fields: dict[str, Any] = {
        "user": conversation.user,
        "service_tier": conversation.service_tier if same or conversation.dialect == "openai_responses" else None,
        "verbosity": conversation.verbosity,
        "prompt_cache_key": conversation.prompt_cache_key,
        "store": conversation.store if same else None,
        "metadata": conversation.metadata,
    }
    for name, value in fields.items():
        if value is None:
            continue
        if send:
            body[name] = value
        elif name not in ("user", "prompt_cache_key") and not (name == "store" and value is False):
            losses.append(Loss(name, "this model's API refuses the field"))
    if conversation.service_tier not in (None, "auto") and conversation.dialect == "anthropic_messages":
        losses.append(Loss("service_tier", "Chat has other tiers"))
