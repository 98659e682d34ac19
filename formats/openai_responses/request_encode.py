"""A conversation to a request for an upstream that speaks Responses."""

from __future__ import annotations

from itertools import starmap
from typing import TYPE_CHECKING, Any

import msgspec

from hyperinfer.formats.answer_request import with_answer_shape
from hyperinfer.formats.codec import AnswerShape, Encoded, Loss, Target
from hyperinfer.formats.losses import caller_path, losses_of_extra, no_common_field, says_default
from hyperinfer.formats.native_tools import options_of_typed, unversioned
from hyperinfer.formats.openai_responses.input_encode import InputEncoder
from hyperinfer.formats.openai_responses.plain_request import encode_plain
from hyperinfer.formats.openai_responses.tools import HOSTED
from hyperinfer.formats.openai_responses.tools_encode import choice_to_wire, format_to_wire, tools_to_wire
from hyperinfer.formats.output_limit import output_limit
from hyperinfer.formats.refusals import refuse_untranslatable
from hyperinfer.formats.stop_strings import place_stops
from hyperinfer.formats.thinking import effort_of, is_asked, is_off
from hyperinfer.formats.tool_names import Names, SameNames, ToolNames
from hyperinfer.formats.vocabulary import in_known_words
from hyperinfer.formats.wire import is_object

if TYPE_CHECKING:
    from hyperinfer.formats.conversation import Conversation, Plugin, ReasoningConfig, Tool, ToolChoice

Wire = dict[str, Any]

_ENCRYPTED = "reasoning.encrypted_content"
_LEAST_OUTPUT = 16  # OpenAI refuses a smaller max_output_tokens
_LONGEST_USER = 64
_SHARED = ("safety_identifier", "prompt_cache_retention", "prompt_cache_options", "moderation")
"""Fields that Chat has as well, under the same name."""
_UNDERSTOOD = ("effort", "max_tokens", "enabled", "exclude", "summary")
_TIERS = {"auto": "auto", "standard_only": "default"}


def _is_for_caller(tool: Tool) -> bool:
    """Whether the caller runs it itself, though the type is one that a provider may run: Codex's search for tools."""
    return (tool.raw or {}).get("execution") == "client"


def encode_request(conversation: Conversation, target: Target) -> Encoded:
    """The body for an upstream. Raises `RequestError` for what RULES says is always a 400."""
    if (short := encode_plain(conversation, target)) is not None:
        return short
    encoder = _Encoder(conversation, target)
    body = encoder.encode()
    return Encoded(
        body=msgspec.json.encode(body),
        losses=tuple(encoder.losses),
        aliases=encoder.names.aliases,
        answer=encoder.answer,
        stops=encoder.stops.gateway,
    )


class _Encoder:
    """One request. `same`: the caller speaks Responses, so what is not modelled goes out as it came."""

    def __init__(self, conversation: Conversation, target: Target) -> None:
        self.losses: list[Loss] = []
        self._c = conversation
        self._target = target
        self._same = conversation.dialect == "openai_responses"
        self.answer: AnswerShape | None = None
        self.names: Names = SameNames()
        self.stops = place_stops(conversation.sampling.stop, "none")  # Responses has no such field
        self._own_fields = target.quirks.openai_only_fields == "send"

    def _lose(self, path: str, reason: str) -> None:
        self.losses.append(Loss(path, reason))

    def encode(self) -> Wire:
        """The body, in a stable order."""
        self.losses.extend(starmap(Loss, self._c.lost))
        if not self._same:
            refuse_untranslatable(self._c)
            self._c, lost = in_known_words(self._c)
            self.losses.extend(lost)
        asked = with_answer_shape(self._c, self._target)
        self._c, self.answer = asked.conversation, asked.answer
        self.losses.extend(asked.losses)
        if not self._same:
            self.names = ToolNames(self._c.tools)
        inputs = InputEncoder(self._c, self._target, self.names, self.losses)
        instructions, items = inputs.encode(self._c.turns)
        body: Wire = {"model": self._target.model}
        if instructions is not None:
            body["instructions"] = instructions
        body["input"] = items
        self._tools(body)
        self._sampling(body)
        reasoning = self._reasoning()
        if reasoning:
            body["reasoning"] = reasoning
        text = self._text()
        if text:
            body["text"] = text
        self._account(body)
        thinks = bool(reasoning) and reasoning.get("effort") != "none"
        self._include(body, wants_state=thinks or inputs.sent_state)
        if self._target.streamed:
            body["stream"] = True
            if self._same and self._c.stream_options:
                body["stream_options"] = self._c.stream_options
        self._rest(body)
        return body

    # -- tools

    def _tools(self, body: Wire) -> None:
        wire = self._declarations() if self._c.tools or self._c.plugins else []
        if wire:
            body["tools"] = wire
        if self._c.tool_choice is not None:
            self._choice(body, self._c.tool_choice, bool(wire))
        parallel = self._c.parallel_tool_calls
        if parallel is not None and (wire or self._same):
            if self._target.quirks.parallel_tool_calls == "send":
                body["parallel_tool_calls"] = parallel
            elif not parallel:
                self._lose("parallel_tool_calls", "this model's API refuses the field")

    def _declarations(self) -> list[Wire]:
        tools = [known for tool in self._c.tools if (known := self._declared(tool)) is not None]
        plugins = [plugin for plugin in self._c.plugins if self._runs_plugin(plugin)]
        silent = [msgspec.structs.replace(plugin, events=False) for plugin in plugins]
        wire = tools_to_wire(tools, self.names.of, silent, native_dialect=self._same) + self._foreign_hosted()
        if self._target.quirks.strict_tools == "omit":
            wire = [{k: v for k, v in tool.items() if k != "strict"} for tool in wire]
        for tool in self._c.tools:
            if tool.cache is not None:
                self._lose(f"{tool.path}.{tool.cache.style}", "Responses tools have no cache marks")
            if not self._same and tool.kind != "native":
                self.losses.extend(losses_of_extra(tool.extra, tool.path, "Responses tools have no such field"))
        return wire

    def _declared(self, tool: Tool) -> Tool | None:
        """The tool in the form in which it goes out; None where it does not, or goes out in this format's own form."""
        if tool.kind != "native":
            return tool
        if self._same or tool.parameters is None or self._listed(tool.type):
            return tool if self._runs(tool) else None
        # The caller runs it itself: a function of that meaning (fault F062).
        self.losses.extend(losses_of_extra(options_of_typed(tool), tool.path, "Responses tools have no such field"))
        return msgspec.structs.replace(tool, kind="function")

    def _runs(self, tool: Tool) -> bool:
        """Whether a tool of a kind of its own goes out as it is."""
        known = unversioned(tool.type) in HOSTED and not _is_for_caller(tool)
        if self._same and (not known or self._listed(tool.type)):
            return True
        if not self._same and self._listed(tool.type):
            return False  # goes out in this format's own form
        self._lose(tool.path, f"the model's provider does not run the tool `{tool.type}`")
        return False

    def _listed(self, kind: str) -> bool:
        return kind in self._target.native_tools or unversioned(kind) in self._target.native_tools

    def _runs_plugin(self, plugin: Plugin) -> bool:
        if self._listed(plugin.id):
            return True
        self._lose(plugin.path or f"plugins.{plugin.id}", f"the tool `{plugin.id}` is not set up here")
        return False

    def _foreign_hosted(self) -> list[Wire]:
        if self._same:
            return []
        kinds = [unversioned(tool.type) for tool in self._c.tools if tool.kind == "native" and self._listed(tool.type)]
        return [{"type": kind} for kind in dict.fromkeys(kinds)]

    def _choice(self, body: Wire, choice: ToolChoice, has_tools: bool) -> None:
        path = "tool_choice"
        rule = self._target.quirks.tool_choice
        forced = choice.mode in ("required", "named") or choice.allowed_mode == "required"
        if not has_tools:
            if choice.mode in ("auto", "none"):
                if self._same:
                    body["tool_choice"] = choice.mode
            else:
                self._lose(path, "no tool is left to choose")
            return
        if forced and rule == "auto":
            self._lose(path, "this model's API cannot force a tool")
            return
        if choice.mode == "named" and rule == "no_named":
            self._lose(path, "this model's API cannot force one tool")
            body["tool_choice"] = "required"
            return
        wire = choice_to_wire(choice, self.names.of, native_dialect=self._same)
        if wire is None:
            self._lose(path, "a choice that only its own format knows")
            return
        body["tool_choice"] = wire

    # -- how to answer

    def _sampling(self, body: Wire) -> None:
        sampling, quirks = self._c.sampling, self._target.quirks
        least = _LEAST_OUTPUT if self._target.vendor == "openai" else 1
        if (limit := output_limit(self._c, self._target, self._lose, least=least)) is not None:
            body["max_output_tokens"] = limit
        for name, value in (("temperature", sampling.temperature), ("top_p", sampling.top_p)):
            if value is None:
                continue
            if quirks.sampling == "send":
                body[name] = value
            elif not says_default(name, value):
                self._lose(name, "this model's API refuses the field")
        if sampling.top_logprobs is not None:
            body["top_logprobs"] = sampling.top_logprobs
        if self.stops.lost:
            self._lose(caller_path(self._c.dialect, "stop"), self.stops.lost)
        for name, said in (
            ("top_k", sampling.top_k),
            ("seed", sampling.seed is not None),
            ("frequency_penalty", sampling.frequency_penalty),
            ("presence_penalty", sampling.presence_penalty),
            ("logit_bias", sampling.logit_bias),
        ):
            if said:
                self._lose(name, f"Responses has no {name}")

    def _reasoning(self) -> Wire:
        config = self._c.reasoning
        if config is None:
            return {}
        path = caller_path(self._c.dialect, "reasoning")
        if self._target.quirks.reasoning_effort == "omit" or not (self._target.reasons or self._same):
            if is_asked(config):
                reason = "cannot be asked how much to think" if self._target.reasons else "does not think"
                self._lose(path, f"this model {reason}")
            return {}
        if config.mode == "between_tools":
            self._lose(f"{path}.type", "Responses cannot ask for thinking between tool calls")
        wire: Wire = {}
        effort = "none" if is_off(config) and config.effort is None else effort_of(config)
        if effort is not None:
            wire["effort"] = effort
        summary = config.summary
        if summary is None and config.mode not in (None, "disabled") and config.display != "omitted":
            summary = "auto"  # a caller who switches thinking on sees it
        if summary is not None:
            wire["summary"] = summary
        if self._same:
            wire.update(config.extra or {})
        else:
            self._lose_reasoning_extra(config)
        return wire

    def _lose_reasoning_extra(self, config: ReasoningConfig) -> None:
        """Chat keeps the `reasoning` object of OpenRouter's clients whole: what was understood of it is no loss."""
        extra = dict(config.extra or {})
        path = "thinking" if self._c.dialect == "anthropic_messages" else "reasoning"
        inner = extra.pop("reasoning", None)
        if is_object(inner):
            extra.update({name: value for name, value in inner.items() if name not in _UNDERSTOOD})
        self.losses.extend(losses_of_extra(extra, path, "Responses has no such field"))

    def _text(self) -> Wire:
        wire: Wire = {}
        shape = self._c.response_format
        if shape is not None and (self._same or shape.type != "text"):
            wire["format"] = format_to_wire(shape, native_dialect=self._same)
        if self._c.verbosity is not None:
            if self._own_fields:
                wire["verbosity"] = self._c.verbosity
            elif not says_default("verbosity", self._c.verbosity):
                self._lose("verbosity", "this model's API refuses the field")
        return wire

    # -- the rest

    def _account(self, body: Wire) -> None:
        c = self._c
        if c.metadata:
            self._own(body, "metadata", c.metadata)
        if c.user is not None and self._own_fields and (self._same or len(c.user) <= _LONGEST_USER):
            body["user"] = c.user
        tier = c.service_tier
        if tier is not None:
            self._own(body, "service_tier", _TIERS[tier] if c.dialect == "anthropic_messages" else tier)
        if c.prompt_cache_key is not None and self._own_fields:
            body["prompt_cache_key"] = c.prompt_cache_key
        if self._own_fields:
            body["store"] = bool(c.store) if self._same else False
        if c.store and not self._same:
            self._lose("store", "this gateway stores nothing")
        if c.cache is not None:
            self._lose(c.cache.style, "this model's API has no such cache mark")

    def _own(self, body: Wire, name: str, value: Any) -> None:
        if self._own_fields:
            body[name] = value
        elif not says_default(name, value):
            self._lose(name, "this model's API refuses the field")

    def _include(self, body: Wire, *, wants_state: bool) -> None:
        """Reasoning comes back encrypted, or it could not be sent again. Models that do not reason refuse to be asked."""
        include = list(self._c.include) if self._same else []
        if self._c.sampling.logprobs and "message.output_text.logprobs" not in include:
            include.append("message.output_text.logprobs")
        stored = body.get("store") is True
        if wants_state and not stored and _ENCRYPTED not in include and self._own_fields:
            include.append(_ENCRYPTED)
        if include:
            body["include"] = include

    def _rest(self, body: Wire) -> None:
        """What is not modelled."""
        if self._c.extra is None:
            return
        extra = dict(self._c.extra)
        if self._same:
            text = extra.pop("text", None)
            if text:
                body["text"] = {**body.get("text", {}), **text}
            for name, value in extra.items():
                body.setdefault(name, value)
            return
        for name in _SHARED:
            value = extra.pop(name, None)
            if value is not None:
                self._own(body, name, value)
        self.losses.extend(losses_of_extra(extra, "", no_common_field("Responses")))
