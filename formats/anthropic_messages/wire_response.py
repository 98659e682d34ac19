"""The reply as it is published (contract, schemas AnthropicMessageResponse and AnthropicError). Replies are written from
events, not through these records."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta


class MessagesUsage(msgspec.Struct, kw_only=True):
    """Tokens. `input_tokens` counts neither cache reads nor cache writes."""

    input_tokens: int
    output_tokens: int
    cache_read_input_tokens: int
    cache_creation_input_tokens: int
    cache_creation: dict[str, int] | None = None
    server_tool_use: dict[str, int] | None = None
    cost: Annotated[float | None, Meta(description="USD, exact.")] = None


class MessagesResponse(msgspec.Struct, kw_only=True):
    """A reply. `stop_reason`: end_turn, max_tokens, stop_sequence, tool_use, pause_turn, refusal or
    model_context_window_exceeded."""

    id: Annotated[str, Meta(description="msg_<request id>.")]
    type: Annotated[str, Meta(description="Always `message`.")]
    role: Annotated[str, Meta(description="Always `assistant`.")]
    model: str
    content: Annotated[list[dict[str, Any]], Meta(description="text, thinking, tool_use, and what the upstream sent.")]
    stop_reason: str
    stop_sequence: str | None
    usage: MessagesUsage


class MessagesErrorBody(msgspec.Struct, kw_only=True):
    """What went wrong. `code`: the gateway's stable code."""

    type: str
    code: str
    message: str
    param: str | None = None
    details: dict[str, Any] | None = None


class MessagesError(msgspec.Struct, kw_only=True):
    """The error envelope. `type` is always `error`."""

    type: str
    error: MessagesErrorBody
    request_id: str


class TokenCount(msgspec.Struct, kw_only=True):
    """The tokens of a request, all that a model would read."""

    input_tokens: int
