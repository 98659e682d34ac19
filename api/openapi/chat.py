"""Chat Completions as it is published: the request from the records that validate it, the reply as it is written."""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from hyperinfer.api.openapi.schemas import Family, about, always, items, objects, only, words
from hyperinfer.formats.openai_chat import wire as w
from hyperinfer.formats.openai_responses.tools import PLUGINS
from hyperinfer.formats.routing_wire import Provider

# What the records that validate leave open #################################################


class OtherPart(msgspec.Struct):
    """A part of another type. It goes to upstreams that speak Chat Completions."""

    type: str


class NamedFunction(msgspec.Struct):
    """A function by its name."""

    name: str


class NamedToolChoice(msgspec.Struct):
    """The model must call this function."""

    type: str
    function: NamedFunction


class OtherToolChoice(msgspec.Struct):
    """A choice of another type: a custom tool, or a set of allowed tools."""

    type: str


class StreamOptions(msgspec.Struct):
    """The final usage chunk always comes, whatever `include_usage` says."""

    include_usage: bool | None = None


REQUEST = Family(
    records=(w.ChatRequest,),
    prefix="Chat",
    closed=True,
    open=frozenset({w.ChatRequest, w.PluginRequest, OtherPart, OtherToolChoice, Provider}),
    fields={
        w.Message: {
            "role": only("system", "developer", "user", "assistant", "tool", "function"),
            "content": items(w.TextPart, w.ImagePart, w.FilePart, w.AudioPart, w.RefusalPart, OtherPart),
        },
        w.TextPart: {"type": always("text")},
        w.ImagePart: {"type": always("image_url")},
        w.FilePart: {"type": always("file")},
        w.AudioPart: {"type": always("input_audio")},
        w.RefusalPart: {"type": always("refusal")},
        w.ImageUrl: {"detail": about("auto, low or high")},
        w.ToolCall: {"type": words("function", "custom")},
        w.Tool: {"type": words("function", "custom")},
        w.ResponseFormat: {"type": words("text", "json_object", "json_schema")},
        w.Reasoning: {"effort": words("none", "minimal", "low", "medium", "high", "xhigh", "max")},
        w.PluginRequest: {"id": words(*PLUGINS)},
        NamedToolChoice: {"type": always("function")},
        w.ChatRequest: {
            "model": about("A slug of GET /api/v1/models."),
            "tool_choice": words("auto", "none", "required") & objects(NamedToolChoice, OtherToolChoice),
            "reasoning_effort": words("none", "minimal", "low", "medium", "high", "xhigh", "max"),
            "verbosity": words("low", "medium", "high"),
            "service_tier": words("auto", "default", "flex", "priority"),
            "stream_options": objects(StreamOptions),
            "plugins": about("Server tools of the gateway."),
            "hi_tool_events": about("Whether the stream tells what the server tools do."),
            "n": about("More than 1 only where the model's provider can."),
        },
    },
)

# The reply ##################################################################################


class ReplyFunction(msgspec.Struct):
    """A function and the JSON text of its arguments."""

    name: str
    arguments: str


class ReplyCustom(msgspec.Struct):
    """A custom tool and its raw input."""

    name: str
    input: str


class ReplyToolCall(msgspec.Struct):
    """A tool that the model calls."""

    id: str
    type: Literal["function", "custom"]
    function: ReplyFunction | UnsetType = UNSET
    custom: ReplyCustom | UnsetType = UNSET


class ReplyMessage(msgspec.Struct):
    """The model's answer."""

    role: Literal["assistant"]
    content: str | None
    refusal: str | None = None
    reasoning: str | UnsetType = UNSET
    reasoning_content: str | UnsetType = UNSET
    reasoning_details: list[dict[str, Any]] | UnsetType = UNSET
    tool_calls: list[ReplyToolCall] | UnsetType = UNSET
    annotations: list[dict[str, Any]] | UnsetType = UNSET
    images: list[dict[str, Any]] | UnsetType = UNSET


class Choice(msgspec.Struct):
    """One answer."""

    index: int
    message: ReplyMessage
    finish_reason: Literal["stop", "length", "tool_calls", "content_filter"]
    logprobs: dict[str, Any] | None = None


class PromptTokensDetails(msgspec.Struct):
    """Parts of `prompt_tokens`."""

    cached_tokens: int | UnsetType = UNSET
    cache_write_tokens: int | UnsetType = UNSET


class CompletionTokensDetails(msgspec.Struct):
    """Parts of `completion_tokens`."""

    reasoning_tokens: int | UnsetType = UNSET


class ChatCompletionsUsage(msgspec.Struct):
    """Tokens and what they cost."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: PromptTokensDetails | UnsetType = UNSET
    completion_tokens_details: CompletionTokensDetails | UnsetType = UNSET
    cost: float | UnsetType = UNSET


class ChatCompletionResponse(msgspec.Struct):
    """A whole reply."""

    id: str
    object: Literal["chat.completion"]
    created: int
    model: str
    choices: list[Choice]
    usage: ChatCompletionsUsage
    system_fingerprint: str | UnsetType | None = UNSET
    service_tier: str | UnsetType | None = UNSET
    hi_tool_events: list[dict[str, Any]] | UnsetType = UNSET


REPLY = Family(
    records=(ChatCompletionResponse,),
    prefix="Chat",
    fields={
        ReplyMessage: {
            "reasoning": about("The model's reasoning; reasoning_content says the same."),
            "images": about("Images that the model or the tool `image` made: image_url parts with data URLs."),
            "reasoning_details": about("Reasoning to be sent back as it is, signatures and encrypted parts included."),
        },
        ChatCompletionsUsage: {"cost": about("What the request costs in credits (USD), exactly what is billed.")},
        ChatCompletionResponse: {
            "id": about("gen-<request id>; GET /api/v1/generation takes it."),
            "created": about("Unix seconds."),
            "hi_tool_events": about(
                "What the gateway's own tools did, where the request asks for it: id, name, input, summary, error, sources, "
                "cost_micro_usd. A stream has a hi_tool_event on a chunk of its own as each begins and ends."
            ),
        },
    },
)
