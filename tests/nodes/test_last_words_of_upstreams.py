"""What upstreams say at the very end of a reply: it is recorded like all else, and nonsense in it costs nobody anything."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.faults.kit import CHAT, MESSAGES, RESPONSES
from tests.faults.wire import (
    bare_chunk,
    block,
    chat_whole,
    chunk,
    completed,
    event,
    message_ending,
    message_start,
    message_whole,
    response_stream,
    response_whole,
    text_events,
    text_item,
)
from tests.support.bench import DIALECTS, bench
from tests.support.upstreams import Script

if TYPE_CHECKING:
    from hyperinfer.formats import Dialect

both = pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
of = pytest.mark.parametrize("client", DIALECTS)
to = pytest.mark.parametrize("upstream", DIALECTS)

DETAILS = {"type": "refusal", "category": "bio", "explanation": "Not this."}
USED = {"input_tokens": 10, "output_tokens": 5, "server_tool_use": {"web_search_requests": 2}}


@both
@pytest.mark.parametrize("client", [CHAT, RESPONSES])
async def test_what_only_the_end_tells_is_among_the_losses(client: Dialect, stream: bool, autojump_clock: object) -> None:
    """The row is written before the client sees the end, and yet knows what that end leaves out."""
    if stream:
        delta = {"stop_reason": "refusal", "stop_sequence": None, "stop_details": DETAILS}
        end = event("message_delta", delta=delta, usage=USED) + event("message_stop")
        says = message_start() + block(0, "text", ("text", "No")) + end
    else:
        says = message_whole({"type": "text", "text": "No"}, stop="refusal", stop_details=DETAILS, usage=USED)
    async with bench(Script([(1.0, says)])) as gateway:
        await gateway.ask(client, MESSAGES, stream=stream)
        paths = {loss.path for loss in gateway.row.losses}
        assert paths == {"response.stop_details", "response.usage.server_tool_use.web_search_requests"}


def says_it_used(upstream: Dialect, count: int, *, stream: bool) -> bytes:
    """A reply that read `count` tokens, as its provider says."""
    if upstream == CHAT:
        usage: dict[str, Any] = {"prompt_tokens": count, "completion_tokens": 5, "total_tokens": count + 5}
        if not stream:
            return chat_whole({"content": "Well"}, usage=usage)
        return chunk({"content": "Well"}) + chunk({}, "stop") + bare_chunk(choices=[], usage=usage) + b"data: [DONE]\n\n"
    usage = {"input_tokens": count, "output_tokens": 5}
    if upstream == MESSAGES:
        if not stream:
            return message_whole({"type": "text", "text": "Well"}, usage=usage)
        return message_start() + block(0, "text", ("text", "Well")) + message_ending(**usage)
    usage["total_tokens"] = count + 5
    if not stream:
        return response_whole(text_item("Well"), usage=usage)
    return response_stream(*text_events(0, "Well"), completed(text_item("Well"), usage=usage))


@pytest.mark.parametrize("count", [10**13, 10**30, -1])
@both
@of
@to
async def test_counts_that_no_reply_can_have_are_not_billed(
    client: Dialect, upstream: Dialect, stream: bool, count: int, autojump_clock: object
) -> None:
    """An estimate takes their place: the reply arrives, and its row can be written."""
    async with bench(Script([(1.0, says_it_used(upstream, count, stream=stream))])) as gateway:
        exchange = await gateway.ask(client, upstream, stream=stream)
        row = gateway.row
        assert (exchange.status, row.status, row.estimated, row.tokens_completion) == (200, "completed", True, 5)
        assert 0 < row.tokens_prompt < 100
        assert str(count) not in exchange.sent.decode()


@both
async def test_a_compaction_can_have_no_absurd_sum_either(stream: bool, autojump_clock: object) -> None:
    """Each of these counts is one that a reply could have."""
    iterations = [{"type": "compaction", "input_tokens": 10**9, "output_tokens": 10**9}] * 20
    usage = {"input_tokens": 10, "output_tokens": 5, "iterations": iterations}
    if stream:
        delta = {"stop_reason": "end_turn", "stop_sequence": None}
        end = event("message_delta", delta=delta, usage=usage) + event("message_stop")
        says = message_start() + block(0, "text", ("text", "Well")) + end
    else:
        says = message_whole({"type": "text", "text": "Well"}, usage=usage)
    async with bench(Script([(1.0, says)])) as gateway:
        exchange = await gateway.ask(CHAT, MESSAGES, stream=stream)
        assert exchange.status == 200
        assert gateway.row.estimated
        assert gateway.row.cost < 10**12, json.dumps(gateway.row.cost)
