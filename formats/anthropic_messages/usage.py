"""Token counts of Messages: caches are counted beside `input_tokens`, not inside (wire facts 1.4, 4.2)."""

from __future__ import annotations

from typing import Any, Final

from hyperinfer.formats.usage import Usage, token_count, usd_json
from hyperinfer.formats.wire import is_array, is_object

DIALECT: Final = "anthropic_messages"
_COSTS = frozenset({"cost", "cost_details", "is_byok"})
"""An upstream's own prices, which never go through (RULES)."""


def decode_usage(raw: dict[str, Any], before: dict[str, Any] | None = None) -> Usage:
    """The counts of a usage object. `before`: that of `message_start`, whose fields hold until they are overwritten.

    An `input_tokens` of 0 after another number is a server that gives it only once, not a prompt that shrank. The tokens
    of a compaction are billed although the sums leave them out, so they are added here; `raw` keeps the sums as sent.
    """
    merged = {**(before or {}), **{name: value for name, value in raw.items() if value is not None}}
    fresh = token_count(merged.get("input_tokens")) or token_count((before or {}).get("input_tokens"))
    read = token_count(merged.get("cache_read_input_tokens"))
    written, written_1h = _written(merged)
    output = token_count(merged.get("output_tokens"))
    details = merged.get("output_tokens_details")
    thinking = token_count(details.get("thinking_tokens")) if is_object(details) else 0
    for entry in _compactions(merged.get("iterations")):
        more, more_1h = _written(entry)
        fresh += token_count(entry.get("input_tokens"))
        read += token_count(entry.get("cache_read_input_tokens"))
        written, written_1h = written + more, written_1h + more_1h
        output += token_count(entry.get("output_tokens"))
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
    long = token_count(split.get("ephemeral_1h_input_tokens")) if is_object(split) else 0
    short = token_count(split.get("ephemeral_5m_input_tokens")) if is_object(split) else 0
    total = token_count(counts.get("cache_creation_input_tokens")) or long + short
    return total, min(long, total)


def _compactions(iterations: Any) -> list[dict[str, Any]]:
    entries = iterations if is_array(iterations) else []
    return [entry for entry in entries if is_object(entry) and entry.get("type") == "compaction"]


def encode_usage(usage: Usage) -> dict[str, Any]:
    """The usage object for a client: input and cache counts always (faults F091, F092), the cost where it is known.

    What an upstream of this format said stays, but for counts that do not add up. Where it compacted the history, its sums
    leave that out, and stay as they are.
    """
    own = usage.raw if usage.dialect == DIALECT else None
    fields = {name: value for name, value in (own or {}).items() if name not in _COSTS}
    as_sent = bool(_compactions(fields.get("iterations")))
    for name, count in (
        ("input_tokens", usage.uncached_input),
        ("cache_creation_input_tokens", usage.cache_write),
        ("cache_read_input_tokens", usage.cache_read),
        ("output_tokens", usage.output_tokens),
    ):
        if not (as_sent and token_count(fields.get(name))):
            fields[name] = count
    if not as_sent:
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
