"""Counts of tokens, whatever an upstream said of them: they add up in both accounting styles, and cost the same in each."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperinfer.formats import FORMATS, Dialect, Event, Upstream
from hyperinfer.formats import events as ev
from hyperinfer.formats.opaque import DEFAULT_VENDOR
from hyperinfer.formats.usage import Usage
from hyperinfer.nodes.bill import cost_lines, total
from hyperinfer.providers.catalogue_records import Pricing
from tests.support.pair import Pair, decode_stream
from tests.support.recordings import DIALECTS
from tests.support.replies import STREAMS, WHOLES

PAIRS = [(upstream, client) for upstream in DIALECTS for client in DIALECTS]
PRICES = Pricing(prompt=7, completion=1_000_003, cached_prompt=11, cache_write=101, cache_write_1h=1_009)
_ODD: list[Any] = [0, 1, None, -5, 12.0, 2.5, "7", True, [], {}, 10**12]
COUNT: st.SearchStrategy[Any] = st.integers(0, 2_000) | st.sampled_from(_ODD)


def details(*names: str) -> st.SearchStrategy[Any]:
    """An object with some of these counts; sometimes none, or no object."""
    odd: list[Any] = [None, 3, [], "x"]
    return st.fixed_dictionaries({}, optional=dict.fromkeys(names, COUNT)) | st.sampled_from(odd)


SAID: dict[Dialect, st.SearchStrategy[dict[str, Any]]] = {
    "openai_chat": st.fixed_dictionaries(
        {},
        optional={
            **dict.fromkeys(["prompt_tokens", "completion_tokens", "total_tokens", "reasoning_tokens"], COUNT),
            **dict.fromkeys(["prompt_cache_hit_tokens", "cached_tokens"], COUNT),
            "prompt_tokens_details": details("cached_tokens", "cache_write_tokens"),
            "completion_tokens_details": details("reasoning_tokens"),
        },
    ),
    "openai_responses": st.fixed_dictionaries(
        {},
        optional={
            **dict.fromkeys(["input_tokens", "output_tokens", "total_tokens"], COUNT),
            "input_tokens_details": details("cached_tokens", "cache_write_tokens"),
            "output_tokens_details": details("reasoning_tokens"),
        },
    ),
    "anthropic_messages": st.fixed_dictionaries(
        {},
        optional={
            **dict.fromkeys(["input_tokens", "output_tokens"], COUNT),
            **dict.fromkeys(["cache_read_input_tokens", "cache_creation_input_tokens"], COUNT),
            "cache_creation": details("ephemeral_5m_input_tokens", "ephemeral_1h_input_tokens"),
            "output_tokens_details": details("thinking_tokens"),
        },
    ),
}
"""What an upstream may say of its counts: anything."""


def replies(upstream: Dialect, said: dict[str, Any]) -> list[list[Event]]:
    """The events of a stream and of a whole reply that hold these counts."""
    body = json.loads(WHOLES[upstream]) | {"usage": said}
    stream = b"".join(_with_usage(upstream, frame, said) for frame in STREAMS[upstream])
    source = Upstream(vendor=DEFAULT_VENDOR[upstream], id_seed="seed")
    found = decode_stream(upstream, [stream])
    whole = FORMATS[upstream].decode_response(json.dumps(body).encode(), source)
    return [[event for event in found if not isinstance(event, str)], list(whole)]


def _with_usage(upstream: Dialect, frames: bytes, said: dict[str, Any]) -> bytes:
    """Frames with the counts in the place of theirs. Messages' first event keeps its own: what came first, came first."""
    out: list[bytes] = []
    for line in frames.split(b"\n"):
        if line.startswith(b"data: {") and b'"message_start"' not in line:
            value: dict[str, Any] = json.loads(line[6:])
            holder = value.get("response", value)
            if holder.get("usage"):
                holder["usage"] = said
            line = b"data: " + json.dumps(value).encode()
        out.append(line)
    return b"\n".join(out)


def counted(events: list[Event]) -> Usage:
    """The last counts of a reply."""
    return next((event.usage for event in reversed(events) if isinstance(event, ev.UsageUpdate)), Usage())


def check_sums(client: Dialect, usage: dict[str, Any], counts: Usage) -> None:
    """The counts in the style of the client are those, each once."""
    match client:
        case "openai_chat" | "openai_responses":
            ins, outs = ("prompt", "completion") if client == "openai_chat" else ("input", "output")
            reads, writes = usage[f"{ins}_tokens_details"], usage[f"{outs}_tokens_details"]
            assert usage["total_tokens"] == usage[f"{ins}_tokens"] + usage[f"{outs}_tokens"]
            assert (usage[f"{ins}_tokens"], usage[f"{outs}_tokens"]) == (counts.input_tokens, counts.output_tokens)
            assert (reads["cached_tokens"], reads.get("cache_write_tokens", 0)) == (counts.cache_read, counts.cache_write)
            assert writes["reasoning_tokens"] == counts.reasoning
        case "anthropic_messages":
            read, wrote = usage["cache_read_input_tokens"], usage["cache_creation_input_tokens"]
            assert usage["input_tokens"] + read + wrote == counts.input_tokens
            assert (usage["output_tokens"], read, wrote) == (counts.output_tokens, counts.cache_read, counts.cache_write)
            split: dict[str, int] = usage.get("cache_creation") or {}
            if split:
                assert sum(split.values()) == wrote
                assert split["ephemeral_1h_input_tokens"] == counts.cache_write_1h
            parts: dict[str, int] = usage.get("output_tokens_details") or {}
            assert parts.get("thinking_tokens", 0) == counts.reasoning


@pytest.mark.parametrize(("upstream", "client"), PAIRS)
def test_counts_add_up_and_cost_the_same_in_both_styles(upstream: Dialect, client: Dialect) -> None:
    pair = Pair(client, upstream=upstream)

    @settings(max_examples=40, deadline=None)
    @given(SAID[upstream])
    def check(said: dict[str, Any]) -> None:
        for events in replies(upstream, said):
            counts = counted(events)
            assert counts.cache_read + counts.cache_write <= counts.input_tokens
            assert counts.reasoning <= counts.output_tokens
            assert counts.cache_write_1h <= counts.cache_write
            assert min(msgspec.structs.astuple(counts)[:6]) >= 0
            assert sum(line.tokens for line in cost_lines(counts, PRICES)) == counts.total_tokens
            check_sums(client, json.loads(pair.whole(events))["usage"], counts)
            for heard in (counted(pair.through_whole(events)), counted_of_stream(pair, events)):
                assert same_counts(heard, counts)
                if client == "anthropic_messages":
                    assert total(cost_lines(heard, PRICES)) == total(cost_lines(counts, PRICES))
                else:  # OpenAI does not tell for how long the cache holds what was written
                    without = msgspec.structs.replace(counts, cache_write_1h=0)
                    assert total(cost_lines(heard, PRICES)) == total(cost_lines(without, PRICES))

    check()


def counted_of_stream(pair: Pair, events: list[Event]) -> Usage:
    """The counts that a reader of the client's stream has in the end."""
    return counted([event for event in pair.through_stream(events) if not isinstance(event, str)])


def same_counts(one: Usage, other: Usage) -> bool:
    """Whether all buckets agree that both styles have."""
    names = ("input_tokens", "output_tokens", "cache_read", "cache_write", "reasoning")
    return all(getattr(one, name) == getattr(other, name) for name in names)
