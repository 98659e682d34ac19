"""Responses as it is published: the request from the records that validate it, the reply as it is written."""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from hyperinfer.api.openapi.schemas import Family, about, always, default, items, objects, only, words
from hyperinfer.formats.openai_responses import wire as w
from hyperinfer.formats.openai_responses.tools import PLUGINS

# What the records that validate leave open #################################################


class OtherContent(msgspec.Struct):
    """Content of another type. It goes to upstreams that speak Responses."""

    type: str


class SummaryText(msgspec.Struct):
    """A piece of a reasoning summary."""

    type: str
    text: str


class ReasoningText(msgspec.Struct):
    """A piece of reasoning."""

    type: str
    text: str


class NamedToolChoice(msgspec.Struct):
    """The model must call this tool."""

    type: str
    name: str


class OtherToolChoice(msgspec.Struct):
    """A choice of another type: a hosted tool, or a set of allowed tools."""

    type: str


_CONTENT = items(w.InputText, w.OutputText, w.InputImage, w.InputFile, w.InputAudio, w.RefusalContent, OtherContent)
_TOOLS = items(w.FunctionTool, w.CustomTool, w.NamespaceTool, w.ServerTool)

REQUEST = Family(
    records=(w.ResponsesRequest,),
    prefix="Responses",
    closed=True,
    open=frozenset({w.ResponsesRequest, w.ServerTool, w.OtherItem, OtherContent, OtherToolChoice}),
    fields={
        w.InputMessage: {
            "type": always("message"),
            "role": words("system", "developer", "user", "assistant"),
            "content": _CONTENT,
        },
        w.InputText: {"type": only("input_text", "text")},
        w.OutputText: {"type": always("output_text")},
        w.InputImage: {"type": always("input_image")},
        w.InputFile: {"type": always("input_file")},
        w.InputAudio: {"type": always("input_audio")},
        w.RefusalContent: {"type": always("refusal")},
        w.FunctionCall: {"type": always("function_call")},
        w.FunctionCallOutput: {"type": always("function_call_output"), "output": _CONTENT},
        w.CustomToolCall: {"type": always("custom_tool_call")},
        w.CustomToolCallOutput: {"type": always("custom_tool_call_output"), "output": _CONTENT},
        w.ReasoningItem: {
            "type": always("reasoning"),
            "summary": items(SummaryText) & default([]),
            "content": items(ReasoningText),
        },
        SummaryText: {"type": always("summary_text")},
        ReasoningText: {"type": always("reasoning_text")},
        w.FunctionTool: {"type": always("function")},
        w.CustomTool: {"type": always("custom")},
        w.NamespaceTool: {"type": always("namespace"), "tools": items(w.FunctionTool, w.CustomTool)},
        w.ServerTool: {"type": words(*PLUGINS)},
        NamedToolChoice: {"type": only("function", "custom")},
        w.TextFormat: {"type": words("text", "json_object", "json_schema")},
        w.TextConfig: {"format": objects(w.TextFormat), "verbosity": words("low", "medium", "high")},
        w.ReasoningOptions: {
            "effort": words("none", "minimal", "low", "medium", "high", "xhigh", "max"),
            "summary": words("auto", "concise", "detailed"),
        },
        w.ResponsesRequest: {
            "model": about("A slug of GET /api/v1/models."),
            "input": items(
                w.InputMessage,
                w.FunctionCall,
                w.FunctionCallOutput,
                w.CustomToolCall,
                w.CustomToolCallOutput,
                w.ReasoningItem,
                w.OtherItem,
            ),
            "tools": _TOOLS,
            "tool_choice": words("auto", "none", "required") & objects(NamedToolChoice, OtherToolChoice),
            "stream_options": objects(w.StreamOptions),
            "previous_response_id": about("Refused: the gateway stores nothing between requests. Send the whole input."),
            "conversation": about("Refused, as previous_response_id is."),
            "prompt": about("Refused, as previous_response_id is."),
            "background": about("Only false."),
            "hi_tool_events": about("Whether the stream tells what the server tools do."),
        },
    },
)

# The reply ##################################################################################


class IncompleteDetails(msgspec.Struct):
    """Why the response is incomplete."""

    reason: str | UnsetType = UNSET


class InputTokensDetails(msgspec.Struct):
    """Parts of `input_tokens`."""

    cached_tokens: int
    cache_write_tokens: int | UnsetType = UNSET


class OutputTokensDetails(msgspec.Struct):
    """Parts of `output_tokens`."""

    reasoning_tokens: int


class ResponsesUsage(msgspec.Struct):
    """Tokens and what they cost."""

    input_tokens: int
    input_tokens_details: InputTokensDetails
    output_tokens: int
    output_tokens_details: OutputTokensDetails
    total_tokens: int
    cost: float | UnsetType = UNSET


class ResponsesResponse(msgspec.Struct):
    """A whole reply."""

    id: str
    object: Literal["response"]
    created_at: int
    status: Literal["completed", "incomplete", "failed", "in_progress", "queued"]
    model: str
    output: list[dict[str, Any]]
    usage: ResponsesUsage
    error: dict[str, Any] | UnsetType | None = UNSET
    incomplete_details: IncompleteDetails | UnsetType | None = UNSET
    instructions: Any | UnsetType = UNSET
    max_output_tokens: int | UnsetType | None = UNSET
    metadata: dict[str, Any] | UnsetType | None = UNSET
    parallel_tool_calls: bool | UnsetType = UNSET
    previous_response_id: str | UnsetType | None = UNSET
    reasoning: dict[str, Any] | UnsetType | None = UNSET
    service_tier: str | UnsetType | None = UNSET
    store: bool | UnsetType | None = UNSET
    temperature: float | UnsetType | None = UNSET
    text: dict[str, Any] | UnsetType = UNSET
    tool_choice: str | dict[str, Any] | UnsetType = UNSET
    tools: list[dict[str, Any]] | UnsetType = UNSET
    top_p: float | UnsetType | None = UNSET
    truncation: str | UnsetType | None = UNSET
    user: str | UnsetType | None = UNSET


REPLY = Family(
    records=(ResponsesResponse,),
    prefix="Responses",
    fields={
        IncompleteDetails: {"reason": words("max_output_tokens", "content_filter")},
        ResponsesUsage: {"cost": about("What the request costs in credits (USD), exactly what is billed.")},
        ResponsesResponse: {
            "id": about("resp_<request id>; GET /api/v1/generation takes it."),
            "created_at": about("Unix seconds."),
            "output": about(
                "The items in their order: reasoning (summary_text), message (output_text), a function_call for each "
                "call, and what else a Responses upstream sent."
            ),
        },
    },
)
