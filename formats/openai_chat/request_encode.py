"""A conversation to a Chat request for an upstream."""

from __future__ import annotations

from itertools import starmap
from typing import TYPE_CHECKING, Any

import msgspec

from hyperinfer.formats.answer_request import with_answer_shape
from hyperinfer.formats.codec import Encoded, Loss, Target
from hyperinfer.formats.late_tools import with_late_tools
from hyperinfer.formats.losses import NEUTRAL, caller_path, losses_of_extra, no_common_field, says_default
from hyperinfer.formats.openai_chat.message_encode import MessageEncoder
from hyperinfer.formats.openai_chat.plain_request import encode_plain
from hyperinfer.formats.openai_chat.sampling_encode import encode_sampling
from hyperinfer.formats.openai_chat.scope import Scope
from hyperinfer.formats.openai_chat.thinking_encode import encode_thinking
from hyperinfer.formats.openai_chat.tools_encode import encode_choice, encode_tools
from hyperinfer.formats.refusals import refuse_untranslatable
from hyperinfer.formats.vocabulary import in_known_words

if TYPE_CHECKING:
    from hyperinfer.formats.conversation import Conversation

_OPENAI_ONLY = ("safety_identifier", "prediction", "moderation")
"""Unmodelled fields under the quirk `openai_only_fields`."""
_SHARED = ("safety_identifier", "prompt_cache_retention", "prompt_cache_options", "moderation")
"""Unmodelled fields that Responses has too, under the same name."""
_TIERS = {"auto": None, "standard_only": "default"}
"""Anthropic's service tiers."""
_LONGEST_USER = 64
"""OpenAI refuses a longer `user`, and Claude Code's `metadata.user_id` is longer."""


def encode_request(conversation: Conversation, target: Target) -> Encoded:
    """The body for a Chat upstream. Raises `RequestError` for what RULES says is always a 400."""
    if (short := encode_plain(conversation, target)) is not None:
        return short
    losses: list[Loss] = []
    if conversation.dialect != "openai_chat":
        refuse_untranslatable(conversation)
        conversation, losses = in_known_words(with_late_tools(conversation))
    asked = with_answer_shape(conversation, target)
    conversation = asked.conversation
    scope = Scope(conversation, target)
    scope.losses.extend((*starmap(Loss, conversation.lost), *losses, *asked.losses))
    body: dict[str, Any] = {"model": target.model, "messages": MessageEncoder(scope).messages()}
    _tools(body, scope)
    stops = encode_sampling(body, scope)
    if conversation.reasoning is not None:
        encode_thinking(body, scope)
    if conversation.response_format is not None:
        _response_format(body, scope)
    _account(body, scope)
    if target.streamed:
        body["stream"] = True
        if scope.quirks.stream_usage == "send":
            options = conversation.stream_options if scope.same else None
            body["stream_options"] = {**(options or {}), "include_usage": True}
    _rest(body, scope)
    return Encoded(
        body=msgspec.json.encode(body),
        losses=tuple(scope.losses),
        aliases=scope.names.aliases,
        answer=asked.answer,
        stops=stops,
    )


def _tools(body: dict[str, Any], scope: Scope) -> None:
    conversation = scope.conversation
    if tools := encode_tools(scope):
        body["tools"] = tools
    if conversation.tool_choice is not None:
        choice = encode_choice(conversation.tool_choice, scope, has_tools=bool(tools))
        if choice is not None:
            body["tool_choice"] = choice
    parallel = conversation.parallel_tool_calls
    if parallel is not None and (tools or scope.same):
        if scope.quirks.parallel_tool_calls == "send":
            body["parallel_tool_calls"] = parallel
        elif not parallel:
            scope.lose(caller_path(conversation.dialect, "parallel_tool_calls"), "this model's API refuses the field")
    for plugin in conversation.plugins:
        if plugin.id == "web_search" and plugin.id in scope.target.native_tools:
            body["web_search_options"] = plugin.options
        else:
            scope.lose(plugin.path or "plugins", f"the server tool '{plugin.id}' is not run by this model's API")


def _response_format(body: dict[str, Any], scope: Scope) -> None:
    wish = scope.conversation.response_format
    if wish is None:
        return
    path = caller_path(scope.conversation.dialect, "response_format")
    if wish.type == "text":
        if scope.same:
            body["response_format"] = {"type": "text"}
    elif wish.type == "json_schema" and wish.schema is None and wish.name is None and scope.same:
        body["response_format"] = {"type": "json_schema"}
    elif wish.type == "json_object" or (wish.schema is None and not scope.same):
        body["response_format"] = {"type": "json_object"}
    else:
        fields = {"name": wish.name or "response", "description": wish.description, "schema": wish.schema}
        schema = {name: value for name, value in {**fields, "strict": wish.strict}.items() if value is not None}
        extra = wish.extra or {}
        if scope.same:
            schema.update(extra.get("json_schema") or {})
        else:
            scope.losses.extend(losses_of_extra(extra, path, "Chat has no such field"))
        body["response_format"] = {"type": "json_schema", "json_schema": schema}


def _account(body: dict[str, Any], scope: Scope) -> None:
    """Fields that say who asks and how it is served."""
    conversation, dialect = scope.conversation, scope.conversation.dialect
    tier = conversation.service_tier
    if dialect == "anthropic_messages" and tier is not None:
        tier = _TIERS.get(tier, tier)
    if conversation.store and not scope.same:
        scope.lose("store", "nothing is stored here")
    user = conversation.user
    fields: dict[str, Any] = {
        "user": user if user is None or scope.same or len(user) <= _LONGEST_USER else None,
        "service_tier": tier,
        "verbosity": conversation.verbosity,
        "prompt_cache_key": conversation.prompt_cache_key,
        "store": conversation.store if scope.same else None,
        "metadata": conversation.metadata if dialect != "anthropic_messages" else None,
    }
    if dialect == "anthropic_messages":
        scope.losses.extend(losses_of_extra(conversation.metadata, "metadata", "Chat takes the user alone"))
    for name, value in fields.items():
        if value is None:
            continue
        if scope.quirks.openai_only_fields == "send":
            body[name] = value
        elif name not in NEUTRAL and not says_default(name, value):
            scope.lose(caller_path(dialect, name), "this model's API refuses the field")


def _rest(body: dict[str, Any], scope: Scope) -> None:
    """Top-level fields that are not modelled."""
    conversation = scope.conversation
    if conversation.extra is not None:
        _unmodelled(body, dict(conversation.extra), scope)
    if conversation.cache is not None and not scope.same:
        scope.lose(conversation.cache.style, "this model's API has no cache marks")


def _unmodelled(body: dict[str, Any], extra: dict[str, Any], scope: Scope) -> None:
    sent = extra if scope.same else {name: extra.pop(name) for name in _SHARED if name in extra and _openai(scope)}
    for name, value in sent.items():
        if name in _OPENAI_ONLY and scope.quirks.openai_only_fields == "omit":
            scope.lose(name, "this model's API refuses the field")
        else:
            body.setdefault(name, value)
    if not scope.same:
        scope.losses.extend(losses_of_extra(extra, "", no_common_field("Chat")))


def _openai(scope: Scope) -> bool:
    return scope.conversation.dialect == "openai_responses"
