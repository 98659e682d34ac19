"""The request of Chat Completions as it is validated: known fields with their types.

The published schema is made from these records (contract: POST /api/v1/chat/completions). They are wider than the
contract where real clients need it (wire facts 5): every object takes unknown fields, `null` means absent, an enum field
takes other strings, which go on to an upstream that speaks Chat.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from hyperinfer.formats.routing_wire import FallbackModels, Provider

Count = Annotated[int, Meta(gt=0)]


class TextPart(msgspec.Struct, kw_only=True, gc=False):
    """Text."""

    type: str
    text: str
    cache_control: dict[str, Any] | None = None
    prompt_cache_breakpoint: dict[str, Any] | None = None


class ImageUrl(msgspec.Struct, kw_only=True, gc=False):
    """An https or data URL."""

    url: str
    detail: str | None = None


class ImagePart(msgspec.Struct, kw_only=True, gc=False):
    """An image."""

    type: str
    image_url: ImageUrl
    cache_control: dict[str, Any] | None = None
    prompt_cache_breakpoint: dict[str, Any] | None = None


class File(msgspec.Struct, kw_only=True, gc=False):
    """A file by its bytes (a data URL or base64), an https URL or a vendor's id."""

    filename: str | None = None
    file_data: str | None = None
    file_url: str | None = None
    file_id: str | None = None


class FilePart(msgspec.Struct, kw_only=True, gc=False):
    """A file."""

    type: str
    file: File
    cache_control: dict[str, Any] | None = None
    prompt_cache_breakpoint: dict[str, Any] | None = None


class InputAudio(msgspec.Struct, kw_only=True, gc=False):
    """Audio as base64."""

    data: str
    format: str


class AudioPart(msgspec.Struct, kw_only=True, gc=False):
    """Audio input."""

    type: str
    input_audio: InputAudio
    cache_control: dict[str, Any] | None = None
    prompt_cache_breakpoint: dict[str, Any] | None = None


class RefusalPart(msgspec.Struct, kw_only=True, gc=False):
    """A refusal in an earlier answer."""

    type: str
    refusal: str


class Function(msgspec.Struct, kw_only=True, gc=False):
    """The function of a call. `arguments` is JSON text."""

    name: str
    arguments: str | dict[str, Any] | None = None


class Custom(msgspec.Struct, kw_only=True, gc=False):
    """The custom tool of a call, with its raw input."""

    name: str
    input: str | None = None


class ToolCall(msgspec.Struct, kw_only=True, gc=False):
    """A call of an earlier answer."""

    id: str | None = None
    type: str | None = None
    function: Function | None = None
    custom: Custom | None = None
    index: int | None = None


class Message(msgspec.Struct, kw_only=True, gc=False):
    """One message. `reasoning`, `reasoning_content` and `reasoning_details` bring reasoning of earlier answers back."""

    role: str
    content: str | list[dict[str, Any]] | None = None
    name: str | None = None
    refusal: str | None = None
    reasoning: str | None = None
    reasoning_content: str | None = None
    reasoning_details: list[dict[str, Any]] | None = None
    thinking_blocks: list[dict[str, Any]] | None = None
    tool_calls: list[ToolCall] | None = None
    function_call: Function | None = None
    tool_call_id: str | None = None
    cache_control: dict[str, Any] | None = None


class FunctionDefinition(msgspec.Struct, kw_only=True, gc=False):
    """A function that the model may call. No `parameters` means no arguments."""

    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class CustomDefinition(msgspec.Struct, kw_only=True, gc=False):
    """A custom tool: free text, or a grammar in `format`."""

    name: str
    description: str | None = None
    format: dict[str, Any] | None = None


class Tool(msgspec.Struct, kw_only=True, gc=False):
    """A tool: `function`, `custom`, or a type of the upstream's own."""

    type: str
    function: FunctionDefinition | None = None
    custom: CustomDefinition | None = None
    cache_control: dict[str, Any] | None = None


class JsonSchema(msgspec.Struct, kw_only=True, gc=False):
    """A named JSON schema."""

    name: str
    schema: dict[str, Any] | None = None
    strict: bool | None = None
    description: str | None = None


class ResponseFormat(msgspec.Struct, kw_only=True, gc=False):
    """The shape of the answer."""

    type: str
    json_schema: JsonSchema | None = None


class Reasoning(msgspec.Struct, kw_only=True, gc=False):
    """OpenRouter's object form of the reasoning wish."""

    effort: str | None = None
    max_tokens: int | None = None
    enabled: bool | None = None
    exclude: bool | None = None


class PluginRequest(msgspec.Struct, kw_only=True, gc=False):
    """A server tool of the gateway."""

    id: str
    events: bool | None = None


class ChatRequest(msgspec.Struct, kw_only=True, gc=False):
    """The body of POST /api/v1/chat/completions."""

    model: str
    messages: Annotated[list[Message], Meta(min_length=1)]
    tools: list[Tool] | None = None
    tool_choice: str | dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    max_tokens: Count | None = None
    max_completion_tokens: Count | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    top_k: int | None = None
    stop: str | list[str] | None = None
    n: int | None = None
    seed: int | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    logit_bias: dict[str, Any] | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    response_format: ResponseFormat | None = None
    reasoning_effort: str | None = None
    reasoning: Reasoning | None = None
    verbosity: str | None = None
    stream: bool | None = None
    stream_options: dict[str, Any] | None = None
    plugins: list[PluginRequest] | None = None
    hi_tool_events: bool | None = None
    provider: Provider | None = None
    models: FallbackModels | None = None
    user: str | None = None
    metadata: dict[str, Any] | None = None
    service_tier: str | None = None
    prompt_cache_key: str | None = None
    store: bool | None = None
