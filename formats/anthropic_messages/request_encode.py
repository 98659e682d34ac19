"""A canonical conversation as a Messages request.

From a caller who speaks Messages everything goes through. From the OpenAI dialects: what Messages cannot say is a `Loss`,
what it can never do is refused (RULES; wire facts 4.8).
"""

from __future__ import annotations

from itertools import starmap
from typing import TYPE_CHECKING, Any

import msgspec

from hyperinfer.formats.answer_request import with_answer_shape
from hyperinfer.formats.anthropic_messages import messages_encode
from hyperinfer.formats.anthropic_messages.blocks_encode import Block, BlockEncoder
from hyperinfer.formats.anthropic_messages.limits import MOST_MARKS, keep_four_marks
from hyperinfer.formats.anthropic_messages.openai_fields import check_openai_fields, harmless
from hyperinfer.formats.anthropic_messages.output_format import encode_format
from hyperinfer.formats.anthropic_messages.plain_request import encode_plain
from hyperinfer.formats.anthropic_messages.scope import DIALECT, Scope
from hyperinfer.formats.anthropic_messages.stand_ins import stand_ins
from hyperinfer.formats.anthropic_messages.thinking_encode import Plan, plan
from hyperinfer.formats.anthropic_messages.tools_encode import encode_choice, encode_tools
from hyperinfer.formats.codec import Encoded, Loss, Target
from hyperinfer.formats.late_tools import with_late_tools
from hyperinfer.formats.losses import caller_path, says_default
from hyperinfer.formats.output_limit import limit_path, output_limit
from hyperinfer.formats.stop_strings import place_stops
from hyperinfer.formats.tool_names import ToolNames
from hyperinfer.formats.vocabulary import in_known_words

if TYPE_CHECKING:
    from hyperinfer.formats.conversation import Conversation

_FORCING = ("any", "tool")
_LONGEST_NAME = 128


def encode_request(conversation: Conversation, target: Target) -> Encoded:
    """The body for an upstream that speaks Messages. Raises `RequestError` for what is always refused."""
    if (short := encode_plain(conversation, target)) is not None:
        return short
    losses: list[Loss] = []
    if conversation.dialect != DIALECT:
        conversation, losses = in_known_words(with_late_tools(conversation))
    thinks = False
    if conversation.reasoning is not None:
        thinks = plan(Scope(conversation, target)).thinks  # which excludes a forced call (wire facts 1.3)
    asked = with_answer_shape(conversation, target, thinks=thinks)
    conversation = asked.conversation
    scope = Scope(conversation, target)
    scope.losses.extend((*starmap(Loss, conversation.lost), *losses, *asked.losses))
    if not scope.same:
        check_openai_fields(scope)
    names = ToolNames(conversation.tools, longest=_LONGEST_NAME)
    encoder = BlockEncoder(scope, names)
    top, rest = messages_encode.split_system(scope)
    system = messages_encode.encode_system(scope, encoder, top)
    encode = messages_encode.encode_as_sent if scope.same else messages_encode.encode_translated
    messages = encode(scope, encoder, rest)
    tools = encode_tools(scope, names)
    choice = encode_choice(scope, names, has_tools=bool(tools))
    if not tools and (tools := stand_ins(messages)):
        choice = {"type": "none"}
    thinking = plan(scope)
    if not scope.same:
        thinking = _compatible(scope, thinking, choice, messages)
    shape = encode_format(scope)
    extra: dict[str, Any] = {}
    if (fields := conversation.extra) is not None:
        said = {name: value for name, value in fields.items() if scope.same or not harmless(name, value)}
        extra.update(scope.extra(said, ""))
    body: dict[str, Any] = {"model": target.model, "max_tokens": thinking.max_tokens}
    if system:
        plain = len(system) == 1 and system[0].keys() == {"type", "text"} and (not scope.same or top[0].plain)
        body["system"] = system[0]["text"] if plain else system
    body["messages"] = messages
    if tools:
        body["tools"] = tools
    if choice is not None:
        body["tool_choice"] = choice
    body.update(_sampling(scope, thinking))
    # Messages refuses a stop sequence of white space; a caller who speaks Messages is told so by its upstream.
    stops = place_stops(conversation.sampling.stop, target.quirks.stop, takes_blank=scope.same)
    if stops.upstream:
        body["stop_sequences"] = list(stops.upstream)
    if stops.lost:
        scope.lose(caller_path(conversation.dialect, "stop"), stops.lost)
    if thinking.thinking is not None:
        body["thinking"] = thinking.thinking
    output: dict[str, Any] = extra.pop("output_config", {}) if extra else {}
    if thinking.effort:
        output = {**output, "effort": thinking.effort}
    if shape:
        output = {**output, "format": shape}
    if output:
        body["output_config"] = output
    body.update(_envelope(scope))
    body.update(extra)
    if target.streamed:
        body["stream"] = True
    if scope.marks > MOST_MARKS and not scope.same:
        keep_four_marks(scope, body)
    return Encoded(
        body=msgspec.json.encode(body),
        losses=tuple(scope.losses),
        aliases=names.aliases,
        answer=asked.answer,
        stops=stops.gateway,
    )


def _compatible(scope: Scope, thinking: Plan, choice: dict[str, Any] | None, messages: list[dict[str, Any]]) -> Plan:
    """Drops a translated budget where the API refuses it: beside a forced call, or within a round of calls whose
    assistant message does not begin with thinking (wire facts 1.2, 1.3)."""
    if thinking.thinking is None or thinking.thinking["type"] != "enabled":
        return thinking
    if choice is not None and choice["type"] in _FORCING:
        reason = "a forced tool call excludes thinking"
    elif _in_round_without_thinking(messages):
        reason = "the round of tool calls began without the provider's thinking"
    else:
        return thinking
    scope.lose("reasoning", reason)
    asked = output_limit(scope.conversation, scope.target, scope.lose)
    return Plan(thinking.max_tokens if asked is None else asked)


def _in_round_without_thinking(messages: list[dict[str, Any]]) -> bool:
    if len(messages) < 2 or messages[-1]["role"] != "user" or messages[-2]["role"] != "assistant":
        return False
    before: list[Block] | str = messages[-2]["content"]
    if isinstance(before, str) or not any(block["type"] == "tool_use" for block in before):
        return False
    return before[0]["type"] not in ("thinking", "redacted_thinking")


def _sampling(scope: Scope, thinking: Plan) -> dict[str, Any]:
    sampling = scope.conversation.sampling
    if sampling.max_tokens is not None and thinking.max_tokens > sampling.max_tokens:
        scope.lose(limit_path(scope.conversation), "the limit was raised by what the model may think")
    fields: dict[str, Any] = {}
    if sampling.temperature is None and sampling.top_p is None and sampling.top_k is None:
        return fields
    for name in ("temperature", "top_p", "top_k"):
        value = getattr(sampling, name)
        if value is None:
            continue
        if scope.target.quirks.sampling == "omit":
            if not says_default(name, value):
                scope.lose(name, "the model takes no sampling parameters")
        elif scope.same:
            fields[name] = value
        elif thinking.thinks and name != "top_p":
            if not says_default(name, value):
                scope.lose(name, "not together with thinking")
        elif name == "temperature" and value > 1:
            scope.lose(name, "Messages goes up to 1")
            fields[name] = 1
        else:
            fields[name] = value
    return fields


def _envelope(scope: Scope) -> dict[str, Any]:
    conversation = scope.conversation
    fields: dict[str, Any] = {}
    metadata = dict(conversation.metadata or {}) if scope.same else {}
    user = conversation.user
    if not scope.same and user is None:
        identifier = (conversation.extra or {}).get("safety_identifier")
        user = identifier if isinstance(identifier, str) else None
    if user is not None:
        metadata["user_id"] = user
    if metadata:
        fields["metadata"] = metadata
    if tier := _tier(scope):
        fields["service_tier"] = tier
    cache = scope.cache(conversation.cache, "") if conversation.cache else None
    if cache is not None:
        fields["cache_control"] = cache
    return fields


def _tier(scope: Scope) -> str | None:
    tier = scope.conversation.service_tier
    if tier is None or scope.same:
        return tier
    if tier in ("auto", "default"):
        return {"auto": "auto", "default": "standard_only"}[tier]
    scope.lose("service_tier", f"Messages has no tier {tier}")
    return None
