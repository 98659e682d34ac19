"""Messages as it is published: the request from the records that validate it, the reply as it is written."""

from __future__ import annotations

import msgspec

from hyperinfer.api.openapi.errors import ERROR_CODE
from hyperinfer.api.openapi.schemas import Family, about, always, component, items, never_null, only, words
from hyperinfer.formats.anthropic_messages import wire as w
from hyperinfer.formats.anthropic_messages import wire_response as r
from hyperinfer.formats.openai_responses.tools import PLUGINS
from hyperinfer.formats.routing_wire import Provider


class OtherBlock(msgspec.Struct):
    """A block of another type. It goes to upstreams that speak Messages."""

    type: str


_RESULT = (w.TextBlock, w.ImageBlock, w.DocumentBlock, w.SearchResultBlock, OtherBlock)

_READ = {
    "model": about("A slug of GET /api/v1/models."),
    "system": items(w.TextBlock, OtherBlock),
}

REQUEST = Family(
    records=(w.MessagesRequest, w.CountTokensRequest),
    prefix="Messages",
    closed=True,
    open=frozenset({w.MessagesRequest, w.CountTokensRequest, w.PluginField, w.RequestMetadata, OtherBlock, Provider}),
    fields={
        w.InputMessage: {
            "role": only("user", "assistant", "system"),
            "content": items(*w.CONTENT_BLOCKS, OtherBlock),
        },
        w.TextBlock: {"type": always("text")},
        w.ImageBlock: {"type": always("image")},
        w.DocumentBlock: {"type": always("document")},
        w.SearchResultBlock: {"type": always("search_result"), "content": items(w.TextBlock)},
        w.ThinkingBlock: {"type": always("thinking")},
        w.RedactedThinkingBlock: {"type": always("redacted_thinking")},
        w.ToolUseBlock: {"type": always("tool_use")},
        w.ToolResultBlock: {
            "type": always("tool_result"),
            "content": items(*_RESULT),
        },
        w.Source: {"type": words("base64", "url", "text", "content", "file"), "content": items(w.TextBlock, w.ImageBlock)},
        w.ToolChoiceField: {"type": words("auto", "any", "tool", "none")},
        w.Thinking: {
            "type": words("enabled", "disabled", "adaptive", "between_tools"),
            "display": words("summarized", "omitted"),
        },
        w.OutputFormat: {"type": words("json_schema")},
        w.OutputConfig: {"effort": words("low", "medium", "high", "xhigh", "max")},
        w.PluginField: {"id": words(*PLUGINS)},
        w.CountTokensRequest: _READ,
        w.MessagesRequest: {
            **_READ,
            "plugins": about("Server tools of the gateway."),
            "hi_tool_events": about("Whether the stream tells what the server tools do."),
        },
    },
)

REPLY = Family(
    records=(r.MessagesResponse, r.MessagesError, r.TokenCount),
    names={
        r.MessagesResponse: "AnthropicMessageResponse",
        r.MessagesError: "AnthropicError",
        r.TokenCount: "AnthropicTokenCount",
    },
    fields={
        r.MessagesResponse: {
            "type": always("message"),
            "role": always("assistant"),
            "stop_reason": words(
                "end_turn",
                "max_tokens",
                "stop_sequence",
                "tool_use",
                "pause_turn",
                "refusal",
                "model_context_window_exceeded",
            ),
            "usage": about("input_tokens counts neither cache reads nor cache writes."),
        },
        r.MessagesUsage: {"cost": about("What the request costs in credits (USD), exactly what is billed.") & never_null()},
        r.MessagesError: {"type": always("error")},
        r.MessagesErrorBody: {
            "type": about("The error class that Anthropic's SDKs know, such as invalid_request_error."),
            "code": component(ERROR_CODE),
        },
    },
)
