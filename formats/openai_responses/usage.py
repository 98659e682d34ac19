"""Token counts of Responses: `input_tokens` includes cached ones, `output_tokens` includes reasoning (wire facts 3.2)."""

from __future__ import annotations

from typing import Any

from hyperinfer.formats.usage import Usage, count_of, usd_json
from hyperinfer.formats.wire import is_object

_UPSTREAM_COST = ("cost", "cost_details", "is_byok")
"""What an upstream bills the gateway; never shown to a client."""
_NO_COUNTS: dict[str, Any] = {}


def usage_from_wire(raw: dict[str, Any]) -> Usage:
    """Irregular counts are put right: parts never exceed their whole, reasoning beside the total is added to the output."""
    inputs, outputs = count_of(raw, "input_tokens"), count_of(raw, "output_tokens")
    reads, writes = _details(raw, "input_tokens_details"), _details(raw, "output_tokens_details")
    reasoning = count_of(writes, "reasoning_tokens")
    if reasoning and count_of(raw, "total_tokens") == inputs + outputs + reasoning:
        outputs += reasoning
    cached = min(count_of(reads, "cached_tokens"), inputs)
    return Usage(
        input_tokens=inputs,
        output_tokens=outputs,
        cache_read=cached,
        cache_write=min(count_of(reads, "cache_write_tokens"), inputs - cached),
        reasoning=min(reasoning, outputs),
        dialect="openai_responses",
        raw=raw,
    )


def usage_to_wire(usage: Usage) -> dict[str, Any]:
    """The `usage` object. Fields beside the counts are kept from an upstream that speaks Responses."""
    raw = usage.raw if usage.raw and usage.dialect == "openai_responses" else _NO_COUNTS
    wire: dict[str, Any] = {
        "input_tokens": usage.input_tokens,
        "input_tokens_details": {
            **_details(raw, "input_tokens_details"),
            "cached_tokens": usage.cache_read,
            "cache_write_tokens": usage.cache_write,
        },
        "output_tokens": usage.output_tokens,
        "output_tokens_details": {**_details(raw, "output_tokens_details"), "reasoning_tokens": usage.reasoning},
        "total_tokens": usage.total_tokens,
    }
    for name, value in raw.items():
        if name not in wire and name not in _UPSTREAM_COST:
            wire[name] = value
    if usage.cost is not None:
        wire["cost"] = usd_json(usage.cost)
    return wire


def _details(raw: dict[str, Any], name: str) -> dict[str, Any]:
    if name not in raw:
        return _NO_COUNTS
    value = raw[name]
    return value if is_object(value) else _NO_COUNTS
