"""Token counts, in one accounting style, and the exact printing of money.

OpenAI counts cached tokens inside the prompt, Anthropic beside it (wire facts 1.4 and 2.2). The canonical counts are
inclusive: `input_tokens` holds everything read, `output_tokens` everything written, the others are parts of them.
"""

from __future__ import annotations

from typing import Any

import msgspec


class Usage(msgspec.Struct, frozen=True, gc=False):
    """Tokens of one reply, inclusive totals: `cache_read` and `cache_write` are parts of `input_tokens`, `reasoning` is one
    of `output_tokens`. `cache_write` includes `cache_write_1h`.

    `cost`: what the caller pays, in pico-USD (1e-12 USD), set by the meter; None before. `estimated`: the upstream
    gave no counts, or was not heard to their end. `dialect` and `raw`: the upstream's own usage object, for fields that are
    not modelled.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    cache_read: int = 0
    cache_write: int = 0
    cache_write_1h: int = 0
    reasoning: int = 0
    cost: int | None = None
    estimated: bool = False
    dialect: str | None = None
    raw: dict[str, Any] | None = None

    @property
    def total_tokens(self) -> int:
        """Everything read and written."""
        return self.input_tokens + self.output_tokens

    @property
    def uncached_input(self) -> int:
        """Input tokens that were neither read from nor written to a cache (Anthropic's `input_tokens`)."""
        return max(0, self.input_tokens - self.cache_read - self.cache_write)


def added(first: Usage, second: Usage) -> Usage:
    """The counts of two replies together. What is not modelled stays where only one of them counted anything."""
    if not first.total_tokens or not second.total_tokens:
        kept, other = (second, first) if not first.total_tokens else (first, second)
        return msgspec.structs.replace(kept, cost=None, estimated=kept.estimated or other.estimated)
    return Usage(
        input_tokens=first.input_tokens + second.input_tokens,
        output_tokens=first.output_tokens + second.output_tokens,
        cache_read=first.cache_read + second.cache_read,
        cache_write=first.cache_write + second.cache_write,
        cache_write_1h=first.cache_write_1h + second.cache_write_1h,
        reasoning=first.reasoning + second.reasoning,
        estimated=first.estimated or second.estimated,
    )


MOST_TOKENS = 10**9
"""A hundred times what any model reads. A count above it is a mistake, whose price no ledger could hold."""


def token_count(value: object) -> int:
    """A count as upstreams write it: an integer from 0 to `MOST_TOKENS`, also as 12.0; anything else counts as 0."""
    if isinstance(value, bool):
        return 0
    if isinstance(value, int) or (isinstance(value, float) and value.is_integer()):
        return int(value) if 0 <= value <= MOST_TOKENS else 0
    return 0


def count_of(counts: dict[str, Any], name: str) -> int:
    """The `token_count` of a field of a usage object; 0 where it has none."""
    if name not in counts:
        return 0
    value = counts[name]
    if type(value) is int:
        return value if 0 <= value <= MOST_TOKENS else 0
    return token_count(value)


def usd_json(pico: int) -> msgspec.Raw:
    """An exact JSON number of USD for an amount in pico-USD: no exponent, no binary float on the way."""
    sign = "-" if pico < 0 else ""
    whole, fraction = divmod(abs(pico), 1_000_000_000_000)
    if not fraction:
        return msgspec.Raw(f"{sign}{whole}".encode())
    return msgspec.Raw(f"{sign}{whole}.{fraction:012d}".rstrip("0").encode())
