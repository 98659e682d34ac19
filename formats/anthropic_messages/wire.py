"""The request of Anthropic Messages as it is validated: known fields with their types.

The published schema is made from these records (contract: POST /api/v1/messages). They are wider than the contract where
real clients need it (wire facts 5.1, 5.4): every object takes unknown fields, `null` means absent, an enum field takes
other strings, blocks of unknown types go on to an upstream that speaks Messages.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from hyperinfer.formats.routing_wire import FallbackModels, Provider

JsonObject = dict[str, Any]


class TextBlock(msgspec.Struct, kw_only=True, gc=False):
    """Text."""

    type: str
    text: str
    citations: list[Any] | None = None
    cache_control: JsonObject | None = None


class Source(msgspec.Struct, kw_only=True, gc=False):
    """Where an image or document comes from. `type`: base64, url, text, content or file, each with its own field."""

    type: str
    media_type: str | None = None
    data: str | None = None
    url: str | None = None
    file_id: str | None = None
    content: str | list[JsonObject] | None = None


class ImageBlock(msgspec.Struct, kw_only=True, gc=False):
    """An image."""

    type: str
    source: Source
    cache_control: JsonObject | None = None


class DocumentBlock(msgspec.Struct, kw_only=True, gc=False):
    """A PDF or text document."""

    type: str
    source: Source
    title: str | None = None
    context: str | None = None
    citations: JsonObject | None = None
    cache_control: JsonObject | None = None


class ThinkingBlock(msgspec.Struct, kw_only=True, gc=False):
    """Thinking of an earlier answer, to be sent back as it came."""

    type: str
    thinking: str
    signature: str | None = None


class RedactedThinkingBlock(msgspec.Struct, kw_only=True, gc=False):
    """Encrypted thinking of an earlier answer, to be sent back as it came."""

    type: str
    data: str


class ToolUseBlock(msgspec.Struct, kw_only=True, gc=False):
    """A tool call of an earlier answer."""

    type: str
    id: str
    name: str
    input: JsonObject
    cache_control: JsonObject | None = None


class ToolResultBlock(msgspec.Struct, kw_only=True, gc=False):
    """The result of a tool call, in the user message after it. `tool_use_id` may be left out where one call is open."""

    type: str
    tool_use_id: str | None = None
    content: str | list[JsonObject] | None = None
    is_error: bool | None = None
    cache_control: JsonObject | None = None


class SearchResultBlock(msgspec.Struct, kw_only=True, gc=False):
    """A search result of the caller's own, that the model may cite."""

    type: str
    source: str
    title: str
    content: list[JsonObject]


class InputMessage(msgspec.Struct, kw_only=True, gc=False):
    """One message. `role`: user, assistant, or system in mid-conversation. `content`: a string or blocks."""

    role: str
    content: str | list[JsonObject] | None = None


class ToolDefinition(msgspec.Struct, kw_only=True, gc=False):
    """A tool. One with a `type` other than `custom` is Anthropic's own and has no `input_schema`."""

    type: str | None = None
    name: str | None = None
    description: str | None = None
    input_schema: JsonObject | None = None
    strict: bool | None = None
    cache_control: JsonObject | None = None


class ToolChoiceField(msgspec.Struct, kw_only=True, gc=False):
    """`type`: auto, any, tool (with `name`) or none."""

    type: str
    name: str | None = None
    disable_parallel_tool_use: bool | None = None


class Thinking(msgspec.Struct, kw_only=True, gc=False):
    """`type`: enabled (with `budget_tokens`), disabled, adaptive or between_tools. `display`: summarized or omitted."""

    type: str
    budget_tokens: int | None = None
    display: str | None = None


class OutputFormat(msgspec.Struct, kw_only=True, gc=False):
    """The shape of the answer. `type`: json_schema."""

    type: str
    schema: JsonObject | None = None


class OutputConfig(msgspec.Struct, kw_only=True, gc=False):
    """`effort`: low, medium, high, xhigh or max."""

    effort: str | None = None
    format: OutputFormat | None = None


class RequestMetadata(msgspec.Struct, kw_only=True, gc=False):
    """`user_id`: an opaque id of the caller's end user."""

    user_id: str | None = None


class PluginField(msgspec.Struct, kw_only=True, gc=False):
    """A server tool of the gateway. `id`: web_search, web_fetch, pdf, datetime or image."""

    id: str
    events: bool | None = None


class CountTokensRequest(msgspec.Struct, kw_only=True, gc=False):
    """The body of POST /api/v1/messages/count_tokens: what of a request a model reads, or what changes how it reads."""

    model: str
    messages: Annotated[list[InputMessage], Meta(min_length=1)]
    system: str | list[JsonObject] | None = None
    tools: list[ToolDefinition] | None = None
    tool_choice: ToolChoiceField | None = None
    thinking: Thinking | None = None
    output_config: OutputConfig | None = None
    cache_control: JsonObject | None = None


class MessagesRequest(CountTokensRequest, kw_only=True, gc=False):
    """The body of POST /api/v1/messages."""

    max_tokens: Annotated[int, Meta(ge=0, description="0 only warms the prompt cache.")]
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    stop_sequences: list[str] | None = None
    stream: bool | None = None
    metadata: RequestMetadata | None = None
    service_tier: str | None = None
    plugins: list[PluginField] | None = None
    hi_tool_events: bool | None = None
    provider: Provider | None = None
    models: FallbackModels | None = None


CONTENT_BLOCKS: tuple[type[msgspec.Struct], ...] = (
    TextBlock,
    ImageBlock,
    DocumentBlock,
    SearchResultBlock,
    ThinkingBlock,
    RedactedThinkingBlock,
    ToolUseBlock,
    ToolResultBlock,
)
"""The records of the content blocks that are read, for the published schema. Blocks of other types are carried."""
