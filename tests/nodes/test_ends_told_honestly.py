"""Why a reply ended, in every cell, streamed and whole: calls are waited for, cuts are told, and no end is made up."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.faults.kit import CHAT, MESSAGES, RESPONSES, Seen
from tests.faults.reading import Reading, read
from tests.faults.wire import (
    block,
    call_events,
    call_item,
    chat_call,
    chat_ending,
    chat_whole,
    chunk,
    completed,
    message_ending,
    message_start,
    message_whole,
    response_stream,
    response_whole,
)
from tests.nodes.envelopes import check_error, check_failed_stream
from tests.support.bench import DIALECTS, bench
from tests.support.judge import breaches_if_judged
from tests.support.texts import text_frames, text_whole
from tests.support.upstreams import Script

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hyperinfer.formats import Dialect

ULM = '{"city":"Ulm"}'
CALL: dict[str, Any] = {"id": "call_0", "type": "function", "function": {"name": "weather", "arguments": ULM}}
USE: dict[str, Any] = {"type": "tool_use", "id": "toolu_0", "name": "weather", "input": {"city": "Ulm"}}

both = pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
to = pytest.mark.parametrize("upstream", DIALECTS)
of = pytest.mark.parametrize("client", DIALECTS)


def a_call(upstream: Dialect, word: str, *, stream: bool) -> bytes:
    """A reply that calls a tool and ends by `word` of its protocol."""
    if upstream == CHAT:
        if stream:
            return chunk({"role": "assistant", **chat_call(0, "call_0", "weather", ULM)}) + chat_ending(word)
        return chat_whole({"content": None, "tool_calls": [CALL]}, word)
    if upstream == MESSAGES:
        if stream:
            use = block(0, "tool_use", ("input_json", ULM), id="toolu_0", name="weather")
            return message_start() + use + message_ending(word)
        return message_whole(USE, stop=word)
    item = call_item("fc_0", "call_0", "weather", ULM)
    more: dict[str, Any] = {"status": word}
    more |= {"incomplete_details": {"reason": "max_output_tokens"} if word == "incomplete" else None}
    if stream:
        return response_stream(*call_events(0, "fc_0", "call_0", "weather", ULM), completed(item, **more))
    return response_whole(item, **more)


async def answered(client: Dialect, upstream: Dialect, says: bytes, *, stream: bool) -> tuple[Reading, str, str | None]:
    """What the client reads; status and reason in the row."""
    async with bench(Script([(1.0, says)])) as gateway:
        exchange = await gateway.ask(client, upstream, stream=stream)
        if stream:
            assert breaches_if_judged(client, exchange.sent) == []
        found = read(Seen(client, stream, exchange.sent, exchange.status or 0))
        assert found.calls == [("weather", {"city": "Ulm"})]
        return found, gateway.row.status, gateway.row.finish_reason


_ENDS_ITS_TURN: Mapping[Dialect, str] = {CHAT: "stop", RESPONSES: "completed", MESSAGES: "end_turn"}
_WAITS: Mapping[Dialect, str] = {CHAT: "tool_calls", RESPONSES: "completed", MESSAGES: "tool_use"}


@both
@to
@of
async def test_a_call_is_waited_for_though_its_upstream_says_that_it_stopped(
    client: Dialect, upstream: Dialect, stream: bool, autojump_clock: object
) -> None:
    says = a_call(upstream, _ENDS_ITS_TURN[upstream], stream=stream)
    found, status, reason = await answered(client, upstream, says, stream=stream)
    assert (found.stop, status, reason) == (_WAITS[client], "completed", "tool_calls")


_CUT: Mapping[Dialect, str] = {CHAT: "length", RESPONSES: "incomplete", MESSAGES: "max_tokens"}


@both
@to
@of
async def test_a_cut_is_told_also_after_a_call(
    client: Dialect, upstream: Dialect, stream: bool, autojump_clock: object
) -> None:
    says = a_call(upstream, _CUT[upstream], stream=stream)
    found, status, reason = await answered(client, upstream, says, stream=stream)
    assert (found.stop, status, reason) == (_CUT[client], "incomplete", "length")


@to
@of
async def test_a_stream_without_a_terminal_signal_is_a_failure(
    client: Dialect, upstream: Dialect, autojump_clock: object
) -> None:
    """Broken off anywhere after its first output, at the edge of an event, whatever it had said by then."""
    opening, frames, ending = text_frames(upstream, ("One. ", "Two."))
    events = [frame + b"\n\n" for frame in ending.split(b"\n\n") if frame]
    terminal = {CHAT: b'"finish_reason": "stop"', RESPONSES: b"response.completed", MESSAGES: b'"end_turn"'}[upstream]
    before_it = next(n for n, event in enumerate(events) if terminal in event)
    for kept in range(before_it + 1):
        async with bench(Script([(1.0, b"".join((opening, *frames, *events[:kept])))])) as gateway:
            exchange = await gateway.ask(client, upstream, stream=True)
            check_failed_stream(client, exchange, "provider_unavailable")
            assert read(Seen(client, True, exchange.sent), failed=True).stop in (None, "failed")
            row = gateway.row
            assert (row.status, row.error_code, row.finish_reason) == ("failed", "provider_unavailable", None)


@pytest.mark.parametrize("answers", ["as a document", "as a stream"])
@to
@of
async def test_a_whole_reply_without_its_end_is_a_failure(
    client: Dialect, upstream: Dialect, answers: str, autojump_clock: object
) -> None:
    opening, frames, _ = text_frames(upstream, ("One. ", "Two."))
    says = text_whole(upstream, "One. Two.")[:-2] if answers == "as a document" else b"".join((opening, *frames))
    async with bench(*[Script([(1.0, says)])] * 3) as gateway:
        exchange = await gateway.ask(client, upstream, stream=False)
        check_error(client, exchange, "provider_unavailable")
        assert "One." not in json.loads(exchange.sent)["error"]["message"]
        row = gateway.row
        assert (row.status, row.error_code, row.finish_reason, row.cost) == ("failed", "provider_unavailable", None, 0)
