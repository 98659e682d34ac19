"""The reply as it is published (contract, schema ResponsesResponse). Replies are written from events, not through these
records."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta


class IncompleteDetails(msgspec.Struct, frozen=True, kw_only=True):
    """Why a response is `incomplete`."""

    reason: Literal["max_output_tokens", "content_filter"] | None = None


class InputTokensDetails(msgspec.Struct, frozen=True, kw_only=True):
    """Parts of the input: read from and written to a prompt cache."""

    cached_tokens: int
    cache_write_tokens: int


class OutputTokensDetails(msgspec.Struct, frozen=True, kw_only=True):
    """Parts of the output."""

    reasoning_tokens: int


class ResponsesUsage(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens; the totals include their parts."""

    input_tokens: int
    input_tokens_details: InputTokensDetails
    output_tokens: int
    output_tokens_details: OutputTokensDetails
    total_tokens: int
    cost: Annotated[float | None, Meta(description="USD, exact.")] = None


class FailedError(msgspec.Struct, frozen=True, kw_only=True):
    """Why a response failed. `code`: OpenAI's word where clients act on it, else the gateway's; `hi_code`: always the
    gateway's stable code."""

    code: str
    message: str
    hi_code: str | None = None
    request_id: str | None = None
    param: str | None = None


class ResponsesResponse(msgspec.Struct, frozen=True, kw_only=True):
    """The response object, whole or at the end of a stream. It also echoes the request."""

    id: Annotated[str, Meta(description="resp_<request id>.")]
    object: Literal["response"]
    created_at: Annotated[int, Meta(description="Unix seconds.")]
    status: Literal["completed", "incomplete", "failed", "in_progress", "queued"]
    model: str
    output: Annotated[
        list[dict[str, Any]],
        Meta(
            description="Output items in order: optional `reasoning` (summary_text), `message` (output_text content), and "
            "one `function_call` per tool call."
        ),
    ]
    usage: ResponsesUsage
    incomplete_details: IncompleteDetails | None = None
    error: FailedError | None = None
    instructions: str | list[Any] | None = None
    metadata: dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    reasoning: dict[str, Any] | None = None
    temperature: float | None = None
    text: dict[str, Any] | None = None
    tool_choice: str | dict[str, Any] | None = None
    tools: list[dict[str, Any]] | None = None
    top_p: float | None = None
    max_output_tokens: int | None = None
    previous_response_id: str | None = None


class TokenCount(msgspec.Struct, frozen=True, kw_only=True):
    """The tokens of a request, all that a model would read."""

    object: str
    input_tokens: int
