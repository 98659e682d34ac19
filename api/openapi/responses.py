"""Responses as it is published: the request from the records that validate it, the reply as it is written."""

from __future__ import annotations

import msgspec

from hyperinfer.api.openapi.schemas import Family, about, always, default, items, never_null, objects, only, words
from hyperinfer.formats.openai_responses import wire as w
from hyperinfer.formats.openai_responses import wire_response as r
from hyperinfer.formats.openai_responses.tools import PLUGINS
from hyperinfer.formats.routing_wire import Provider

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
_READ = {
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
}

REQUEST = Family(
    records=(w.ResponsesRequest, w.InputTokensRequest),
    prefix="Responses",
    closed=True,
    open=frozenset(
        {w.ResponsesRequest, w.InputTokensRequest, w.ServerTool, w.OtherItem, OtherContent, OtherToolChoice, Provider}
    ),
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
        w.InputTokensRequest: _READ,
        w.ResponsesRequest: {
            **_READ,
            "stream_options": objects(w.StreamOptions),
            "previous_response_id": about("Refused: the gateway stores nothing between requests. Send the whole input."),
            "conversation": about("Refused, as previous_response_id is."),
            "prompt": about("Refused, as previous_response_id is."),
            "background": about("Only false."),
            "hi_tool_events": about("Whether the stream tells what the server tools do."),
        },
    },
)

REPLY = Family(
    records=(r.ResponsesResponse, r.TokenCount),
    prefix="Responses",
    fields={
        r.TokenCount: {"object": always("response.input_tokens")},
        r.IncompleteDetails: {"reason": never_null()},
        r.ResponsesUsage: {"cost": about("What the request costs in credits (USD), exactly what is billed.") & never_null()},
    },
)
