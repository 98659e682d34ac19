"""What a request costs, what its row says, and that the row is there before the end of the response."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from hyperinfer.formats import FORMATS
from hyperinfer.formats.tokens import estimate_input
from hyperinfer.formats.usage import Usage, usd_json
from hyperinfer.nodes.bill import cost_lines, total
from hyperinfer.nodes.items import Answering, Tally, Ticket
from hyperinfer.nodes.meter import counted
from hyperinfer.nodes.ports import CostLine
from hyperinfer.nodes.settlement import Settlement
from hyperinfer.providers.catalogue import Pricing
from tests.nodes.envelopes import check_error, check_failed_stream
from tests.support.bench import DIALECTS, asked, bench, catalogue
from tests.support.judge import breaches
from tests.support.replies import STREAMS, WHOLES, usage_of
from tests.support.upstreams import Script

if TYPE_CHECKING:
    from hyperinfer.formats import Dialect

PRICES = Pricing(
    prompt=3_000_000, completion=15_000_000, cached_prompt=300_000, cache_write=3_750_000, cache_write_1h=6_000_000
)


def test_the_buckets_are_disjoint_and_make_up_everything() -> None:
    usage = Usage(input_tokens=100, output_tokens=7, cache_read=20, cache_write=30, cache_write_1h=10, reasoning=3)
    lines = cost_lines(usage, PRICES)
    assert lines == (
        CostLine("prompt", 50, 3_000_000, 150_000_000),
        CostLine("cached_prompt", 20, 300_000, 6_000_000),
        CostLine("cache_write", 20, 3_750_000, 75_000_000),
        CostLine("cache_write_1h", 10, 6_000_000, 60_000_000),
        CostLine("completion", 7, 15_000_000, 105_000_000),
    )
    assert sum(line.tokens for line in lines) == usage.total_tokens
    assert total(lines) == 396_000_000


def test_nothing_is_charged_for_nothing() -> None:
    assert cost_lines(Usage(), PRICES) == ()


MESSAGES_CACHE: dict[str, Any] = {
    "input_tokens": 50,
    "cache_read_input_tokens": 20,
    "cache_creation_input_tokens": 30,
    "cache_creation": {"ephemeral_5m_input_tokens": 20, "ephemeral_1h_input_tokens": 10},
    "output_tokens": 7,
}


@pytest.mark.parametrize("client", DIALECTS)
async def test_cache_buckets_end_to_end(client: Dialect, autojump_clock: object) -> None:
    reply = json.loads(WHOLES["anthropic_messages"]) | {"usage": MESSAGES_CACHE}
    async with bench(Script([(1.0, json.dumps(reply).encode())])) as gateway:
        exchange = await gateway.ask(client, "anthropic_messages", stream=False)
        row = gateway.row
        assert [(line.bucket, line.tokens) for line in row.lines] == [
            ("prompt", 50), ("cached_prompt", 20), ("cache_write", 20), ("cache_write_1h", 10), ("completion", 7),
        ]  # fmt: skip
        assert row.cost == 396_000_000
        assert (row.tokens_prompt, row.tokens_cache_write, row.tokens_cache_write_1h) == (100, 30, 10)
        assert b'"cost":' + bytes(usd_json(396_000_000)) in exchange.sent
        assert (await gateway.store.workspace("lab")).balance == 10**14 - 396_000_000
        assert await gateway.store.generation(gateway.principal.workspace, row.id) == row


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("client", DIALECTS)
async def test_an_upstream_that_counts_nothing_is_estimated(client: Dialect, stream: bool, autojump_clock: object) -> None:
    chunk = b'data: {"id":"c","choices":[{"index":0,"delta":{"content":"%b"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
    body = asked(client, "openai_chat", stream=stream)
    async with bench(Script([(1.0, chunk % (b"x" * 41))])) as gateway:
        exchange = await gateway.send(client, body)
        row = gateway.row
        conversation = FORMATS[client].decode_request(body)
        assert row.tokens_prompt == estimate_input(conversation, model="up", protocol="openai_chat")
        assert 5 <= row.tokens_completion <= 15
        assert row.estimated
        assert row.cost == row.tokens_prompt * 3_000_000 + row.tokens_completion * 15_000_000
        assert b'"cost":' + bytes(usd_json(row.cost)) in exchange.sent
        usage = usage_of(client, stream, exchange.sent)
        assert usage.get("completion_tokens", usage.get("output_tokens")) == row.tokens_completion


def _tally(context_length: int, text: str = "", began: bool = True, usage: Usage | None = None) -> Tally:
    chat = FORMATS["openai_chat"]
    answering = Answering(
        ticket=Ticket(request_id="r", format=chat, created=0, started=0.0),
        conversation=chat.decode_request(asked("openai_chat", "x", stream=True)),
        slug="s",
        route=catalogue().models["test/free"].routes[0],
        route_index=0,
        context_length=context_length,
    )
    tally = Tally(answering=answering, began=began, usage=usage)
    if text:
        tally.written.text(text)
    return tally


def test_estimates_are_marked_and_bounded() -> None:
    asked_tokens = counted(_tally(0)).input_tokens
    assert 4 <= asked_tokens <= 12
    written = counted(_tally(0, "Hello, how are you?"))
    assert written == Usage(input_tokens=asked_tokens, output_tokens=written.output_tokens, estimated=True)
    assert 5 <= written.output_tokens <= 12
    assert counted(_tally(3)) == Usage(input_tokens=3, estimated=True)  # what the model can read
    given = Usage(input_tokens=5, output_tokens=1)
    assert counted(_tally(0, "Hello, how are you?", usage=given)) == given
    assert counted(_tally(0, began=False)) == Usage()


def test_a_count_that_was_not_heard_to_its_end_is_not_lowered() -> None:
    part = Usage(input_tokens=5, output_tokens=1000, estimated=True)
    assert counted(_tally(0, "Hello", usage=part)) == part
    early = Usage(input_tokens=5, output_tokens=1, estimated=True)
    assert counted(_tally(0, "Hello, how are you?", usage=early)).output_tokens > 1


async def test_what_was_counted_is_no_estimate(autojump_clock: object) -> None:
    async with bench(Script([(1.0, WHOLES["openai_chat"])])) as gateway:
        await gateway.ask("openai_chat", "openai_chat", stream=False)
        assert not gateway.row.estimated


@pytest.mark.parametrize(
    ("finish", "status", "reason"),
    [
        ("stop", "completed", "stop"),
        ("length", "incomplete", "length"),
        ("content_filter", "incomplete", "refusal"),
        ("tool_calls", "completed", "tool_calls"),
    ],
)
async def test_the_status_of_a_row(finish: str, status: str, reason: str, autojump_clock: object) -> None:
    reply = json.loads(WHOLES["openai_chat"])
    reply["choices"][0]["finish_reason"] = finish
    if finish == "tool_calls":
        call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
        reply["choices"][0]["message"]["tool_calls"] = [call]
    async with bench(Script([(1.0, json.dumps(reply).encode())])) as gateway:
        await gateway.ask("openai_chat", "openai_chat", stream=False)
        assert (gateway.row.status, gateway.row.finish_reason, gateway.row.error_code) == (status, reason, None)
        assert gateway.row.cost > 0


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("client", DIALECTS)
async def test_the_row_is_there_before_the_end(client: Dialect, stream: bool, autojump_clock: object) -> None:
    data = b"".join(STREAMS["openai_chat"]) if stream else WHOLES["openai_chat"]
    async with bench(Script([(1.0, data)])) as gateway:
        gateway.store.settling = 4.0
        exchange = await gateway.ask(client, "openai_chat", stream=stream)
        ((asked_at, _),) = gateway.store.settlements
        assert (asked_at, exchange.ended_at) == (1.0, 5.0)
        assert exchange.writes[-1][0] == 5.0
        end = {"openai_chat": b"[DONE]", "openai_responses": b'"completed"', "anthropic_messages": b"message_stop"}
        if stream:
            assert not any(end[client] in data for at, data in exchange.writes if at < 5.0)
        else:
            assert exchange.head_at == 5.0


@pytest.mark.parametrize("why", ["rejected", "too late"])
@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("client", DIALECTS)
async def test_what_cannot_be_recorded_has_no_good_end(
    client: Dialect, stream: bool, why: str, autojump_clock: object
) -> None:
    pieces = [(1.0, frame) for frame in STREAMS["openai_chat"]] if stream else [(1.0, WHOLES["openai_chat"])]
    async with bench(Script(pieces)) as gateway:
        gateway.store.rejects = why == "rejected"
        gateway.store.settling = 60.0
        exchange = await gateway.ask(client, "openai_chat", stream=stream)
        if stream:
            last = check_failed_stream(client, exchange, "internal_error")
            assert "The request could not be recorded." in last
        else:
            check_error(client, exchange, "internal_error")
        last_came = 6.0 if stream else 1.0
        assert exchange.ended_at == last_came + (0 if why == "rejected" else 10.0)
        assert len(gateway.store.settlements) == (why != "rejected")


@pytest.mark.parametrize("late", ["refused", "recorded"])
@pytest.mark.parametrize("client", DIALECTS)
async def test_a_deadline_does_not_pass_while_the_end_is_settled(
    client: Dialect, late: str, caplog: pytest.LogCaptureFixture, autojump_clock: object
) -> None:
    """The provider has said all by then: it neither failed, nor does that keep back that the request is not recorded."""
    frames = STREAMS["openai_chat"]
    pieces = [(1.0, frame) for frame in frames]
    quick = catalogue("timeouts: {stream: 8}")
    async with bench(Script(pieces), catalogue=quick) as gateway:
        gateway.store.settling = 60.0 if late == "refused" else 5.0
        exchange = await gateway.ask(client, "openai_chat", stream=True)
        if late == "refused":
            last = check_failed_stream(client, exchange, "internal_error")
            assert "The request could not be recorded." in last
        else:
            assert breaches(client, exchange.sent) == []
            assert gateway.row.status == "completed"
        assert not [record for record in caplog.records if record.name == "hyperinfer.upstream"], "nothing failed there"


async def test_an_error_stays_itself_when_it_cannot_be_recorded(autojump_clock: object) -> None:
    async with bench(Script([(1.0, b'{"error":{"message":"no"}}')], status=400)) as gateway:
        gateway.store.rejects = True
        check_error("openai_chat", await gateway.ask("openai_chat", "openai_chat", stream=True), "invalid_request")


async def test_settled_once_whoever_asks(autojump_clock: object) -> None:
    async with bench(Script([(1.0, WHOLES["openai_chat"])])) as gateway:
        await gateway.ask("openai_chat", "openai_chat", stream=False)
        settled = gateway.row
        balance = (await gateway.store.workspace("lab")).balance
        await gateway.store.settle(settled)
        assert (await gateway.store.workspace("lab")).balance == balance
        assert (await gateway.store.verify_ledger()).generations == 1


async def test_a_ticket_is_settled_once(autojump_clock: object) -> None:
    async with bench() as gateway:
        settlement = Settlement(gateway.store)
        ticket = Ticket.plain("r", FORMATS["openai_chat"])
        assert await settlement.finish(ticket)  # never admitted: nothing to settle
        await settlement.close(ticket)
        assert gateway.store.settlements == []


@pytest.mark.parametrize("client", DIALECTS)
async def test_what_came_before_a_failure_is_billed_and_estimated(client: Dialect, autojump_clock: object) -> None:
    frames = STREAMS["openai_chat"]
    async with bench(Script([(1.0, frames[0] + frames[1] + frames[2])])) as gateway:
        await gateway.ask(client, "openai_chat", stream=True)
        row = gateway.row
        assert (row.status, row.error_code, row.estimated) == ("failed", "provider_unavailable", True)
        answering = [line.bucket for line in row.lines]
        assert answering == ["prompt", "completion"]
        assert row.cost == sum(line.cost for line in row.lines) > 0
        assert (row.tokens_prompt, row.tokens_completion) == tuple(line.tokens for line in row.lines)
        assert [attempt.unbilled for attempt in row.attempts] == [None]


@pytest.mark.parametrize("client", DIALECTS)
async def test_a_failure_of_which_the_client_got_nothing_is_listed_and_not_billed(
    client: Dialect, autojump_clock: object
) -> None:
    frames = STREAMS["anthropic_messages"]
    silent = Script([(1.0, frames[0])])
    async with bench(silent, silent, silent, catalogue=catalogue(limits="{retries: 2}")) as gateway:
        await gateway.ask(client, "anthropic_messages", stream=True)
        row = gateway.row
        assert (row.status, row.cost, row.lines) == ("failed", 0, ())
        used = [attempt.unbilled or 0 for attempt in row.attempts]
        assert len(used) == 3
        assert min(used) == max(used) > 0, "what the provider counted at its start"


async def test_a_free_model_needs_no_credits_and_leaves_a_row(autojump_clock: object) -> None:
    async with bench(Script([(1.0, WHOLES["openai_chat"])]), credits=0) as gateway:
        assert (await gateway.ask("openai_chat", "free", stream=False)).status == 200
        assert (gateway.row.cost, gateway.row.tokens_completion) == (0, 5)
        check_error("openai_chat", await gateway.ask("openai_chat", "openai_chat", stream=False), "insufficient_credits")


async def test_one_response_may_overshoot(autojump_clock: object) -> None:
    async with bench(Script([(1.0, WHOLES["openai_chat"])]), credits=1) as gateway:
        assert (await gateway.ask("openai_chat", "openai_chat", stream=False)).status == 200
        assert (await gateway.store.workspace("lab")).balance < 0
