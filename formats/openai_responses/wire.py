"""The request of `POST /responses` as wire records (wire facts 3.1).

These records validate, and `/openapi.json` is generated from them. Enumerations are strings: a word that this version
does not know goes through to an upstream of the same format. Fields that are not here are accepted and carried verbatim.
"""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias

import msgspec
from msgspec import Meta

from hyperinfer.formats.routing_wire import FallbackModels, Provider

_ITEM_SCHEMA: dict[str, Any] = {
    "anyOf": [
        {"type": "string"},
        {
            "type": "array",
            "items": {
                "anyOf": [
                    {"$ref": f"#/components/schemas/{name}"}
                    for name in (
                        "InputMessage",
                        "FunctionCall",
                        "FunctionCallOutput",
                        "CustomToolCall",
                        "CustomToolCallOutput",
                        "ReasoningItem",
                        "OtherItem",
                    )
                ]
            },
        },
    ]
}

Content: TypeAlias = str | list[Any]


class InputText(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Text that the caller wrote."""

    type: str
    text: str


class OutputText(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Text that a model wrote earlier. Clients send it without annotations."""

    type: str
    text: str
    annotations: list[Any] | None = None
    logprobs: list[Any] | None = None


class InputImage(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An image: an https URL, a data URL, or a file id of the upstream's vendor."""

    type: str
    image_url: str | None = None
    file_id: str | None = None
    detail: str | None = None


class InputFile(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A document: an https URL, base64 data (with or without `data:`), or a file id of the upstream's vendor."""

    type: str
    filename: str | None = None
    file_data: str | None = None
    file_url: str | None = None
    file_id: str | None = None


class AudioData(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Base64 audio and its container."""

    data: str
    format: str


class InputAudio(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Audio. Only upstreams of this format may take it."""

    type: str
    input_audio: AudioData


class RefusalContent(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A refusal of an earlier turn."""

    type: str
    refusal: str


class InputMessage(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A message; `type` may be left out. `content`: a string or a list of parts."""

    role: str
    content: Content | None = None
    type: str | None = None
    id: str | None = None
    phase: str | None = None


class FunctionCall(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A call of a function in an earlier turn. `arguments`: JSON text."""

    type: str
    name: str
    arguments: str | None = None
    call_id: str | None = None
    id: str | None = None
    namespace: str | None = None


class FunctionCallOutput(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a function returned: a string, or a list of text, image and file parts."""

    type: str
    output: Content | None = None
    call_id: str | None = None
    id: str | None = None
    name: str | None = None


class CustomToolCall(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A call of a custom tool in an earlier turn. `input`: free text."""

    type: str
    name: str
    input: str | None = None
    call_id: str | None = None
    id: str | None = None
    namespace: str | None = None


class CustomToolCallOutput(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a custom tool returned."""

    type: str
    output: Content | None = None
    call_id: str | None = None
    id: str | None = None
    name: str | None = None


class ReasoningItem(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Reasoning of an earlier turn, to be handed back. Clients leave out `id`, `summary` or both."""

    type: str
    summary: list[Any] | None = None
    content: list[Any] | None = None
    encrypted_content: str | None = None
    id: str | None = None


class OtherItem(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Any other item: history of hosted tools, compactions. Only upstreams of this format take it."""

    type: str


class TextConfig(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """`format`: `text`, `json_object` or `json_schema` with `name`, `schema`, `strict`. `verbosity`: low | medium | high."""

    format: dict[str, Any] | None = None
    verbosity: str | None = None


class TextFormat(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The shape that the answer must have."""

    type: str
    name: str | None = None
    schema: dict[str, Any] | None = None
    strict: bool | None = None
    description: str | None = None


class ReasoningOptions(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """`effort`: none | minimal | low | medium | high | xhigh | max. `summary`: auto | concise | detailed."""

    effort: str | None = None
    summary: str | None = None


class FunctionTool(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A function of the caller. `parameters`: a JSON schema object, null for no arguments."""

    type: str
    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class CustomTool(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A tool of the caller that takes free text. `format`: the grammar of that text."""

    type: str
    name: str
    description: str | None = None
    format: dict[str, Any] | None = None


class NamespaceTool(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A named group of tools."""

    type: str
    name: str
    tools: list[Any]
    description: str | None = None


class ServerTool(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A tool that the gateway or the upstream runs: web_search | web_fetch | pdf | datetime | image, or a hosted tool."""

    type: str
    events: bool | None = None


class StreamOptions(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """`include_obfuscation` is accepted; the gateway's streams never carry obfuscation."""

    include_obfuscation: bool | None = None


class _Read(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What of a request, beside `input`, a model reads, or what changes how it reads."""

    model: str
    instructions: str | None = None
    tools: list[Any] | None = None
    tool_choice: str | dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    text: TextConfig | None = None
    reasoning: ReasoningOptions | None = None


class InputTokensRequest(_Read, frozen=True, kw_only=True, gc=False):
    """The body of `POST /api/v1/responses/input_tokens`."""

    input: Content | None = None


class ResponsesRequest(_Read, frozen=True, kw_only=True, gc=False):
    """The body of `POST /api/v1/responses`."""

    input: Annotated[Content, Meta(extra_json_schema=_ITEM_SCHEMA)]
    max_output_tokens: Annotated[int, Meta(gt=0)] | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    top_logprobs: int | None = None
    stream: bool | None = None
    stream_options: dict[str, Any] | None = None
    include: list[str] | None = None
    store: bool | None = None
    metadata: dict[str, Any] | None = None
    user: str | None = None
    service_tier: str | None = None
    prompt_cache_key: str | None = None
    hi_tool_events: bool | None = None
    provider: Provider | None = None
    models: FallbackModels | None = None
    previous_response_id: str | None = None
    conversation: Any = None
    background: bool | None = None
    prompt: Any = None


SCHEMAS: tuple[type[msgspec.Struct], ...] = (
    ResponsesRequest,
    InputMessage,
    FunctionCall,
    FunctionCallOutput,
    CustomToolCall,
    CustomToolCallOutput,
    ReasoningItem,
    OtherItem,
    InputText,
    OutputText,
    InputImage,
    InputFile,
    InputAudio,
    RefusalContent,
    FunctionTool,
    CustomTool,
    NamespaceTool,
    ServerTool,
)
"""The records whose schemas belong into the API description; `ResponsesRequest.input` refers to the items by name."""
