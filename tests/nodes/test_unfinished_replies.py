"""Replies that their upstream hands over before they have ended, and whole ones that do not say why they ended."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.faults.kit import CHAT, MESSAGES, RESPONSES, Seen
from tests.faults.reading import read
from tests.faults.wire import call_item, chat_whole, message_whole, response_stream, response_whole, text_events, text_item
from tests.nodes.envelopes import check_error, check_failed_stream
from tests.support.bench import DIALECTS, bench
from tests.support.judge import breaches_if_judged
from tests.support.upstreams import Script

if TYPE_CHECKING:
    from hyperinfer.formats import Dialect

both = pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
of = pytest.mark.parametrize("client", DIALECTS)
unfinished = pytest.mark.parametrize("status", ["queued", "in_progress"])


@pytest.mark.parametrize("output", [(), (text_item("So far"),)], ids=["nothing yet", "a part"])
@unfinished
@both
@of
async def test_a_response_that_has_not_ended_is_no_reply_in_another_form(
    client: Dialect, stream: bool, status: str, output: tuple[dict[str, Any], ...], autojump_clock: object
) -> None:
    """As the object that its upstream sent, it can be told only to who asked for such an object."""
    says = response_whole(*output, status=status)
    async with bench(Script([(1.0, says)])) as gateway:
        exchange = await gateway.ask(client, RESPONSES, stream=stream)
        row = gateway.row
        assert len(gateway.transport.played) == 1, "the upstream still works on it: it is not asked again"
        if client == RESPONSES and not stream:
            told = json.loads(exchange.sent)
            assert (exchange.status, told["status"]) == (200, status)
            assert [item["content"][0]["text"] for item in told["output"]] == ["So far"] * len(output)
            assert (row.status, row.error_code, row.finish_reason) == ("incomplete", None, "unfinished")
            return
        assert (row.status, row.error_code, row.finish_reason, row.cost) == ("failed", "provider_unavailable", None, 0)
        assert status in check_error(client, exchange, "provider_unavailable")
        assert b"So far" not in exchange.sent


@pytest.mark.parametrize(
    ("status", "output", "usage", "billed"),
    [
        ("queued", (), None, "nothing"),
        ("queued", (text_item("So far"),), None, "an estimate"),
        ("queued", (), {"input_tokens": 7, "output_tokens": 0, "total_tokens": 7}, "what was counted"),
        ("in_progress", (), None, "an estimate"),
    ],
)
async def test_a_response_that_has_not_begun_is_not_billed(
    status: str, output: tuple[dict[str, Any], ...], usage: object, billed: str, autojump_clock: object
) -> None:
    """What is queued was not read yet. One that says how much was read, or what came of it, has begun."""
    async with bench(Script([(1.0, response_whole(*output, status=status, usage=usage))])) as gateway:
        exchange = await gateway.ask(RESPONSES, RESPONSES, stream=False)
        row, told = gateway.row, json.loads(exchange.sent)
        assert (row.tokens_prompt > 0, row.cost > 0, row.estimated) == (
            billed != "nothing",
            billed != "nothing",
            billed == "an estimate",
        )
        assert billed != "what was counted" or row.tokens_prompt == 7
        assert (told["usage"] or {"cost": 0})["cost"] == pytest.approx(row.cost / 10**12)


@unfinished
@both
@of
async def test_nor_is_a_stream_that_ends_with_one(
    client: Dialect, stream: bool, status: str, autojump_clock: object
) -> None:
    """`response.done` leaves the status to the response. A stream is no place to be told that there is none yet."""
    done = {"id": "resp_1", "object": "response", "status": status, "model": "up", "output": [text_item("So far")]}
    says = response_stream(*text_events(0, "So far"), ("done", {"response": done}))
    end = says.index(b"event: response.done")
    async with bench(Script([(1.0, says[:end]), (1.0, says[end:])])) as gateway:
        exchange = await gateway.ask(client, RESPONSES, stream=stream)
        row = gateway.row
        (check_failed_stream if stream else check_error)(client, exchange, "provider_unavailable")
        assert (row.status, row.error_code, row.finish_reason) == ("failed", "provider_unavailable", None)


CALL: dict[str, Any] = {"id": "call_0", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
USE: dict[str, Any] = {"type": "tool_use", "id": "toolu_0", "name": "weather", "input": {}}
REPLIES: dict[Dialect, tuple[dict[str, Any], dict[str, Any]]] = {
    CHAT: (json.loads(chat_whole({"content": "All"})), json.loads(chat_whole({"content": None, "tool_calls": [CALL]}))),
    MESSAGES: (json.loads(message_whole({"type": "text", "text": "All"})), json.loads(message_whole(USE))),
    RESPONSES: (
        json.loads(response_whole(text_item("All"))),
        json.loads(response_whole(call_item("fc_0", "call_0", "weather", "{}"))),
    ),
}
ENDED: dict[Dialect, tuple[str, str]] = {
    CHAT: ("stop", "tool_calls"),
    MESSAGES: ("end_turn", "tool_use"),
    RESPONSES: ("completed", "completed"),
}


def without_a_reason(upstream: Dialect, said: object, *, calls: bool) -> bytes:
    """A whole reply with `said` in the place of the reason, or nothing there at all for `...`."""
    whole = json.loads(json.dumps(REPLIES[upstream][calls]))
    place = whole["choices"][0] if upstream == CHAT else whole
    name = {CHAT: "finish_reason", MESSAGES: "stop_reason", RESPONSES: "status"}[upstream]
    if said is ...:
        del place[name]
    else:
        place[name] = said
    return json.dumps(whole).encode()


@pytest.mark.parametrize("calls", [False, True], ids=["text", "a call"])
@pytest.mark.parametrize("said", [None, "", ...], ids=["null", "empty", "absent"])
@both
@pytest.mark.parametrize("upstream", DIALECTS)
@of
async def test_a_whole_reply_that_does_not_say_why_it_ended_has_ended(
    client: Dialect, upstream: Dialect, stream: bool, said: object, calls: bool, autojump_clock: object
) -> None:
    """The document is complete, which is what the reason of a stream is waited for. Servers of Chat do so: Together's
    older API ("", recorded), KoboldCpp, and OpenAI's own for a while in 2023."""
    async with bench(Script([(1.0, without_a_reason(upstream, said, calls=calls))])) as gateway:
        exchange = await gateway.ask(client, upstream, stream=stream)
        if stream:
            assert breaches_if_judged(client, exchange.sent) == []
        found = read(Seen(client, stream, exchange.sent, exchange.status or 0))
        assert (found.calls, found.text) == (([("weather", {})], "") if calls else ([], "All"))
        assert found.stop == ENDED[client][calls]
        assert (gateway.row.status, gateway.row.finish_reason) == ("completed", ("stop", "tool_calls")[calls])
