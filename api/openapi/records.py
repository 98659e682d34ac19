"""What the control plane reads and answers (contract: /healthz, /readyz, /api/v1/generation, /api/v1/playground-keys)."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from hyperinfer.nodes.ports import ChosenBy, IngressFormat, LossRecord

State = Literal["ok", "down"]
Source = Literal["playground", "chat"]

_USD = {"type": "number"}


class Health(msgspec.Struct, frozen=True):
    """The process answers."""

    status: Literal["ok"] = "ok"


class ReadinessChecks(msgspec.Struct, frozen=True, kw_only=True):
    """Each dependency of this deployment: `store` with the embedded one, `postgres` and `redis` with the shared ones; there
    `store` is down while nothing can be journaled."""

    store: State | UnsetType = UNSET
    redis: State | UnsetType = UNSET
    postgres: State | UnsetType = UNSET


class Readiness(msgspec.Struct, frozen=True):
    """Whether requests should be sent here. `degraded` also while the process drains."""

    status: Literal["ok", "degraded"]
    checks: ReadinessChecks


class GenerationLine(msgspec.Struct, frozen=True):
    """One line of the bill: `tokens` x `price_micro_usd` = `cost_micro_usd`; the lines add up to the cost."""

    bucket: Annotated[
        str,
        Meta(description="prompt, cached_prompt, cache_write, cache_write_1h, completion, or the name of a server tool."),
    ]
    tokens: Annotated[int, Meta(description="Tokens; for a server tool, calls.")]
    price_micro_usd: Annotated[
        str, Meta(description="Exact micro-USD for one token, which is USD per 1M tokens; for a server tool, for one call.")
    ]
    cost_micro_usd: Annotated[str, Meta(description="Exact micro-USD.")]


class GenerationAttempt(msgspec.Struct, frozen=True):
    """One call of one upstream."""

    provider: str
    model: Annotated[str, Meta(description="The upstream's own name of it.")]
    status: Annotated[int | None, Meta(description="Of its HTTP response; null without one.")]
    code: Annotated[str | None, Meta(description="Why it failed; null when it did not.")]
    ms: Annotated[int, Meta(description="To the first output, or the failure.")]
    unbilled_micro_usd: Annotated[
        str | UnsetType,
        Meta(description="What a failed attempt used of which the client saw nothing, as far as the upstream said."),
    ] = UNSET
    deadline: Annotated[
        Literal["connect", "first_token", "idle", "stream", "whole"] | UnsetType,
        Meta(description="The deadline of the gateway that ended it, by its name in the catalogue's `timeouts`."),
    ] = UNSET
    chosen_by: Annotated[
        ChosenBy | UnsetType,
        Meta(description="Why this route was asked, where its model has several, or the request several models."),
    ] = UNSET


class GenerationData(msgspec.Struct, frozen=True, kw_only=True):
    """A request: what it was, what it used, what it cost."""

    id: Annotated[str, Meta(description="The request id, without the prefix that a response's own id has.")]
    model: str
    provider: Annotated[str, Meta(description="The upstream that answered.")]
    upstream_model: Annotated[str, Meta(description="The upstream's name of the model.")]
    ingress_format: IngressFormat
    source: Literal["api", "playground", "chat"]
    streamed: bool
    tokens_prompt: Annotated[int, Meta(description="All input tokens; cache reads and writes are parts of them.")]
    tokens_completion: Annotated[int, Meta(description="All output tokens, reasoning included.")]
    tokens_reasoning: int
    tokens_cached_prompt: int
    tokens_cache_write: int
    tokens_cache_write_1h: Annotated[int, Meta(description="The part of tokens_cache_write that is kept for an hour.")]
    estimated: Annotated[
        bool, Meta(description="Whether some of these tokens are an estimate, since the upstream did not count them all.")
    ]
    limit_reached: Annotated[
        bool, Meta(description="Whether the model was kept from calling server tools any more, having done so often enough.")
    ]
    total_cost: Annotated[msgspec.Raw, Meta(description="Credits (USD), exact.", extra_json_schema=_USD)]
    cost_micro_usd: Annotated[str, Meta(description="The same in micro-USD, exact, as text.")]
    tool_costs_micro_usd: Annotated[
        dict[str, str], Meta(description="The server tools' part of the cost, by tool, in exact micro-USD.")
    ]
    lines: Annotated[tuple[GenerationLine, ...], Meta(description="How the cost adds up.")]
    latency_ms: Annotated[int, Meta(description="From admission to the end.")]
    first_token_ms: Annotated[int | None, Meta(description="From admission to the first output; null without any.")]
    status: Literal["completed", "incomplete", "failed", "cancelled", "interrupted", "pending"]
    error_code: Annotated[str | UnsetType, Meta(description="Only when the request failed.")] = UNSET
    finish_reason: str | None
    losses: Annotated[
        tuple[LossRecord, ...], Meta(description="What the upstream's format, or the client's, could not express.")
    ]
    attempts: Annotated[tuple[GenerationAttempt, ...], Meta(description="Every upstream that was called, in order.")]
    created_at: Annotated[str, Meta(description="ISO 8601, UTC.", extra_json_schema={"format": "date-time"})]


class GenerationReply(msgspec.Struct, frozen=True):
    """The answer of GET /api/v1/generation."""

    data: GenerationData


class PlaygroundKeyRequest(msgspec.Struct, frozen=True):
    """Whom a one-time key is for."""

    workspace_id: str
    user_id: str
    source: Source = "playground"


class PlaygroundKey(msgspec.Struct, frozen=True):
    """A one-time key. It is shown here and nowhere else."""

    key: str
    expires_at: Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
    source: Source
