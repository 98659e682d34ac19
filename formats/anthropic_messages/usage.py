"""Token counts of Messages: caches are counted beside `input_tokens`, not inside (wire facts 1.4, 4.2)."""

from __future__ import annotations

from typing import Any, Final

from hyperinfer.formats.usage import MOST_TOKENS, Usage, count_of, token_count, usd_json
from hyperinfer.formats.wire import is_array, is_object

DIALECT: Final = "anthropic_messages"
_COSTS = frozenset({"cost", "cost_details", "is_byok"})
"""An upstream's own prices, which never go through (RULES)."""
_PARTS = frozenset({"cache_creation", "output_tokens_details"})
"""Where the parts of the counts stand."""


def decode_usage(raw: dict[str, Any], before: dict[str, Any] | None = None) -> Usage:
    """The counts of a usage object. `before`: that of `message_start`, whose fields hold until they are overwritten.

    An `input_tokens` of 0 after another number is a server that gives it only once, not a prompt that shrank. The tokens
    of a compaction are billed although the sums leave them out, so they are added here; `raw` keeps the sums as sent.
    """
    merged = {**before, **{name: value for name, value in raw.items() if value is not None}} if before else raw
    fresh = count_of(merged, "input_tokens")
    if not fresh and before:
        fresh = count_of(before, "input_tokens")
    read = count_of(merged, "cache_read_input_tokens")
    written, written_1h = _written(merged)
    output = count_of(merged, "output_tokens")
    details = merged.get("output_tokens_details")
    thinking = count_of(details, "thinking_tokens") if is_object(details) else 0
    compactions = _compactions(merged)
    for entry in compactions:
        more, more_1h = _written(entry)
        fresh += count_of(entry, "input_tokens")
        read += count_of(entry, "cache_read_input_tokens")
        written, written_1h = written + more, written_1h + more_1h
        output += count_of(entry, "output_tokens")
    if compactions or written > MOST_TOKENS:
        fresh, read, written, output = token_count(fresh), token_count(read), token_count(written), token_count(output)
    return Usage(
        input_tokens=fresh + read + written,
        output_tokens=output,
        cache_read=read,
        cache_write=written,
        cache_write_1h=min(written_1h, written),
        reasoning=min(thinking, output),
        dialect=DIALECT,
        raw=raw,
    )


def _written(counts: dict[str, Any]) -> tuple[int, int]:
    """(all tokens written to the cache, those of them that live an hour)."""
    split = counts.get("cache_creation")
    total = count_of(counts, "cache_creation_input_tokens")
    if not is_object(split):
        return total, 0
    long = count_of(split, "ephemeral_1h_input_tokens")
    total = total or long + count_of(split, "ephemeral_5m_input_tokens")
    return total, min(long, total)


def _compactions(counts: dict[str, Any]) -> list[dict[str, Any]]:
    if "iterations" not in counts:
        return []
    entries = counts["iterations"] if is_array(counts["iterations"]) else []
    return [entry for entry in entries if is_object(entry) and entry.get("type") == "compaction"]


def encode_usage(usage: Usage) -> dict[str, Any]:
    """The usage object for a client: input and cache counts always (faults F091, F092), the cost where it is known.

    What an upstream of this format said stays, but for counts that do not add up. Where it compacted the history, its sums
    leave that out, and stay as they are.
    """
    own = usage.raw if usage.dialect == DIALECT else None
    fields = {name: value for name, value in own.items() if name not in _COSTS} if own else dict[str, Any]()
    as_sent = bool(_compactions(fields))
    for name, count in (
        ("input_tokens", usage.uncached_input),
        ("cache_creation_input_tokens", usage.cache_write),
        ("cache_read_input_tokens", usage.cache_read),
        ("output_tokens", usage.output_tokens),
    ):
        if not (as_sent and token_count(fields.get(name))):
            fields[name] = count
    if not as_sent and (usage.cache_write or usage.reasoning or not _PARTS.isdisjoint(fields)):
        _set_parts(fields, usage)
    if usage.cost is not None:
        fields["cost"] = usd_json(usage.cost)
    return fields


def _set_parts(fields: dict[str, Any], usage: Usage) -> None:
    """The parts of the counts: where there are any, and where the upstream gave some."""
    split = {
        "ephemeral_5m_input_tokens": usage.cache_write - usage.cache_write_1h,
        "ephemeral_1h_input_tokens": usage.cache_write_1h,
    }
    own = usage.dialect == DIALECT
    for name, parts, told in (
        ("cache_creation", split, usage.cache_write and not own),
        ("output_tokens_details", {"thinking_tokens": usage.reasoning}, usage.reasoning and not own),
    ):
        theirs = fields.get(name)
        if is_object(theirs):
            fields[name] = {**theirs, **parts}
        elif told:
            fields[name] = parts
        elif theirs is not None:
            del fields[name]
