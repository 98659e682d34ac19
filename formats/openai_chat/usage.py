"""Token counts of Chat (wire facts 2.2, 4.2): inclusive totals with details."""

from __future__ import annotations

from typing import Any

import msgspec

from hyperinfer.formats.usage import Usage, count_of, usd_json
from hyperinfer.formats.wire import is_object

_OURS = frozenset({"cost", "cost_details", "is_byok", "cost_in_usd_ticks", "cost_in_nano_usd", "estimated_cost"})
"""An upstream's own prices. They never reach a client (RULES)."""
_NO_COUNTS: dict[str, Any] = {}


def usage_from_wire(raw: dict[str, Any]) -> Usage:
    """Canonical counts. What a server counts beside the completion is put inside, so that the sums agree.

    xAI adds its reasoning tokens only to the total; Google's compatible endpoint adds its thinking there and tells it
    nowhere else. Both bill it as output.
    """
    prompt, completion, total = (
        count_of(raw, "prompt_tokens"),
        count_of(raw, "completion_tokens"),
        count_of(raw, "total_tokens"),
    )
    read, written = _details(raw, "prompt_tokens_details"), _details(raw, "completion_tokens_details")
    reasoning = count_of(written, "reasoning_tokens") or count_of(raw, "reasoning_tokens")
    if (beside := total - prompt - completion) > 0:
        completion += beside
        reasoning = reasoning or beside
    elif reasoning > completion:  # counted outside the completion and the total
        completion += reasoning
    cached = count_of(read, "cached_tokens")
    if not cached:
        cached = count_of(raw, "prompt_cache_hit_tokens") or count_of(raw, "cached_tokens")  # of DeepSeek; of Moonshot
    cached = min(cached, prompt)
    cache_write = min(count_of(read, "cache_write_tokens"), prompt - cached) if read else 0
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
    own = usage.raw if usage.dialect == "openai_chat" else None
    wire = {name: value for name, value in own.items() if name not in _OURS} if own else dict[str, Any]()
    wire["prompt_tokens"] = usage.input_tokens
    wire["completion_tokens"] = usage.output_tokens
    wire["total_tokens"] = usage.total_tokens
    read, written = _details(wire, "prompt_tokens_details"), _details(wire, "completion_tokens_details")
    counts = {"cached_tokens": usage.cache_read}
    if usage.cache_write or "cache_write_tokens" in read:
        counts["cache_write_tokens"] = usage.cache_write
    wire["prompt_tokens_details"] = {**read, **counts}
    wire["completion_tokens_details"] = {**written, "reasoning_tokens": usage.reasoning}
    if usage.cost is not None:
        wire["cost"] = usd_json(usage.cost)
    return wire


def usage_json(usage: Usage) -> msgspec.Raw:
    """The same, encoded."""
    return msgspec.Raw(msgspec.json.encode(usage_to_wire(usage)))


def _details(raw: dict[str, Any], name: str) -> dict[str, Any]:
    if name not in raw:
        return _NO_COUNTS
    found = raw[name]
    return found if is_object(found) else _NO_COUNTS
