"""Token counts of Chat (wire facts 2.2, 4.2): inclusive totals with details."""

from __future__ import annotations

from typing import Any

import msgspec

from hyperinfer.formats.usage import Usage, token_count, usd_json
from hyperinfer.formats.wire import is_object

_OURS = ("cost", "cost_details", "is_byok", "cost_in_usd_ticks", "cost_in_nano_usd", "estimated_cost")
"""An upstream's own prices. They never reach a client (RULES)."""

_CACHED = ("prompt_cache_hit_tokens", "cached_tokens")
"""Where DeepSeek and Moonshot count what came from the cache."""


def usage_from_wire(raw: dict[str, Any]) -> Usage:
    """Canonical counts. What a server counts beside the completion is put inside, so that the sums agree.

    xAI adds its reasoning tokens only to the total; Google's compatible endpoint adds its thinking there and tells it
    nowhere else. Both bill it as output.
    """
    prompt, completion = token_count(raw.get("prompt_tokens")), token_count(raw.get("completion_tokens"))
    total = token_count(raw.get("total_tokens"))
    read, written = _details(raw, "prompt_tokens_details"), _details(raw, "completion_tokens_details")
    reasoning = token_count(written.get("reasoning_tokens")) or token_count(raw.get("reasoning_tokens"))
    if (beside := total - prompt - completion) > 0:
        completion += beside
        reasoning = reasoning or beside
    elif reasoning > completion:  # counted outside the completion and the total
        completion += reasoning
    cached = token_count(read.get("cached_tokens"))
    for name in _CACHED:
        cached = cached or token_count(raw.get(name))
    cached = min(cached, prompt)
    cache_write = min(token_count(read.get("cache_write_tokens")), prompt - cached)
    return Usage(
        input_tokens=prompt,
        output_tokens=completion,
        cache_read=cached,
        cache_write=cache_write,
        reasoning=min(reasoning, completion),
        dialect="openai_chat",
        raw=raw,
    )


def usage_to_wire(usage: Usage) -> dict[str, Any]:
    """Chat's `usage`, with the exact cost in USD. The fields of a Chat upstream that are not modelled come along."""
    wire: dict[str, Any] = {}
    if usage.dialect == "openai_chat" and usage.raw:
        wire.update((key, value) for key, value in usage.raw.items() if key not in _OURS)
    wire["prompt_tokens"] = usage.input_tokens
    wire["completion_tokens"] = usage.output_tokens
    wire["total_tokens"] = usage.total_tokens
    theirs = wire.get("prompt_tokens_details")
    prompt_details = {"cached_tokens": usage.cache_read}
    if usage.cache_write or (is_object(theirs) and "cache_write_tokens" in theirs):
        prompt_details["cache_write_tokens"] = usage.cache_write
    wire["prompt_tokens_details"] = _over(theirs, prompt_details)
    wire["completion_tokens_details"] = _over(wire.get("completion_tokens_details"), {"reasoning_tokens": usage.reasoning})
    if usage.cost is not None:
        wire["cost"] = usd_json(usage.cost)
    return wire


def usage_json(usage: Usage) -> msgspec.Raw:
    """The same, encoded."""
    return msgspec.Raw(msgspec.json.encode(usage_to_wire(usage)))


def _details(raw: dict[str, Any], name: str) -> dict[str, Any]:
    found = raw.get(name)
    return found if is_object(found) else {}


def _over(raw: object, ours: dict[str, int]) -> dict[str, Any]:
    return {**raw, **ours} if is_object(raw) else dict(ours)
