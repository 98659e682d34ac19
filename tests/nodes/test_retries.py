"""Retries and failover on virtual time: at these instants, to these routes, and never after output."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from hyperinfer.nodes.ports import Attempt
from tests.nodes.envelopes import check_error
from tests.support.bench import DIALECTS, bench, catalogue
from tests.support.judge import breaches
from tests.support.ledger import NOW
from tests.support.replies import STREAMS, WHOLES, text_of
from tests.support.upstreams import Script

if TYPE_CHECKING:
    from hyperinfer.formats import Dialect

JSON = {"content-type": "application/json"}


def good(protocol: Dialect, *, stream: bool = True) -> Script:
    return Script([(0.0, b"".join(STREAMS[protocol]) if stream else WHOLES[protocol])])


def bad(status: int, thinking: float = 1.0, **headers: str) -> Script:
    given = JSON | {name.replace("_", "-"): value for name, value in headers.items()}
    return Script([(0.0, b'{"error":{"message":"no"}}')], status=status, headers=given, thinking=thinking)


@pytest.mark.parametrize("stream", [True, False])
async def test_the_instants_of_a_repetition(stream: bool, autojump_clock: object) -> None:
    async with bench(bad(503), bad(500), good("openai_chat", stream=stream)) as gateway:
        exchange = await gateway.ask("openai_chat", "openai_chat", stream=stream)
        # Pauses of 0.25 and 0.5 s, of which a jitter of 0.5 leaves three quarters.
        assert [played.at for played in gateway.transport.played] == [0.0, 1.1875, 2.5625]
        assert [played.closed_at for played in gateway.transport.played[:2]] == [1.0, 2.1875]
        assert (exchange.status, exchange.head_at) == (200, 2.5625)
        assert gateway.row.attempts == (
            Attempt("openai_chat", "up", 503, "provider_overloaded", 1000, 0, at=0),
            Attempt("openai_chat", "up", 500, "provider_unavailable", 1000, 0, at=1187),
            Attempt("openai_chat", "up", 200, None, 0, at=2562),
        )
        assert (gateway.row.first_token_ms, gateway.row.latency_ms) == (2562, 2562)


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504, 529])
async def test_these_are_repeated(status: int, autojump_clock: object) -> None:
    async with bench(bad(status), good("openai_chat")) as gateway:
        assert (await gateway.ask("openai_chat", "openai_chat", stream=True)).status == 200


@pytest.mark.parametrize("status", [302, 400, 401, 402, 403, 404, 409, 413, 415, 422])
async def test_these_are_not_repeated(status: int, autojump_clock: object) -> None:
    async with bench(bad(status)) as gateway:
        await gateway.ask("openai_chat", "openai_chat", stream=True)
        assert len(gateway.transport.played) == 1


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(
    "breaks", [httpx2.ConnectError("no"), httpx2.ConnectTimeout("no"), httpx2.ReadError("reset"), None], ids=repr
)
async def test_broken_connections_are_repeated(
    stream: bool, breaks: httpx2.TransportError | None, autojump_clock: object
) -> None:
    # None: the response ends before there was anything of the model in it.
    first = Script([(0.0, STREAMS["openai_chat"][0])]) if breaks is None else Script(breaks=breaks)
    async with bench(first, good("openai_chat", stream=stream)) as gateway:
        exchange = await gateway.ask("openai_chat", "openai_chat", stream=stream)
        assert exchange.status == 200
        if stream:
            assert breaches("openai_chat", exchange.sent) == []


async def test_retry_after_is_kept_to(autojump_clock: object) -> None:
    async with bench(bad(429, retry_after="2"), bad(429, retry_after_ms="1500"), good("openai_chat")) as gateway:
        assert (await gateway.ask("openai_chat", "openai_chat", stream=True)).status == 200
        assert [played.at for played in gateway.transport.played] == [0.0, 3.0, 5.5]


async def test_a_retry_after_may_be_a_date(autojump_clock: object) -> None:
    at = format_datetime(datetime.fromtimestamp(NOW + 3, UTC), usegmt=True)
    async with bench(bad(503, retry_after=at), good("openai_chat")) as gateway:
        assert (await gateway.ask("openai_chat", "openai_chat", stream=True)).status == 200
        assert [played.at for played in gateway.transport.played] == [0.0, 3.75]  # it has whole seconds


async def test_there_are_two_by_default_and_all_attempts_are_told_with_their_faults(autojump_clock: object) -> None:
    refused = Script(breaks=httpx2.ConnectError("no"))
    async with bench(bad(429), refused, bad(503)) as gateway:
        exchange = await gateway.ask("openai_chat", "openai_chat", stream=True)
        check_error("openai_chat", exchange, "provider_overloaded")
        assert [(a.status, a.code) for a in gateway.row.attempts] == [
            (429, "provider_rate_limit"), (None, "provider_unavailable"), (503, "provider_overloaded"),
        ]  # fmt: skip


async def test_a_provider_that_wants_no_repetition_gets_none_but_another_is_asked(autojump_clock: object) -> None:
    async with bench(bad(503, x_should_retry="false")) as gateway:
        assert (await gateway.ask("openai_chat", "openai_chat", stream=True)).status == 529
    async with bench(bad(503, x_should_retry="false"), bad(503), good("openai_chat")) as gateway:
        assert (await gateway.ask("openai_chat", "twice", stream=True)).status == 200
        assert [a.provider for a in gateway.row.attempts] == ["openai_chat", "second", "second"]


async def test_a_longer_one_is_handed_on_at_once(autojump_clock: object) -> None:
    async with bench(bad(429, retry_after="6")) as gateway:
        exchange = await gateway.ask("openai_chat", "openai_chat", stream=True)
        check_error("openai_chat", exchange, "provider_rate_limit")
        assert (exchange.sent_headers["retry-after"], exchange.ended_at) == ("6", 1.0)


async def test_what_would_be_too_long_in_all_is_handed_on_too(autojump_clock: object) -> None:
    async with bench(bad(429, retry_after="3"), bad(429, retry_after="3")) as gateway:
        exchange = await gateway.ask("openai_chat", "openai_chat", stream=True)
        assert (exchange.sent_headers["retry-after"], exchange.ended_at) == ("3", 5.0)


async def test_an_error_in_the_stream_before_output_is_repeated_too(autojump_clock: object) -> None:
    frame = b'data: {"error": {"message": "slow down", "code": 429}}\n\n'
    async with bench(Script([(0.0, frame)]), Script([(0.0, frame)]), Script([(0.0, frame)])) as gateway:
        exchange = await gateway.ask("openai_chat", "openai_chat", stream=True)
        check_error("openai_chat", exchange, "provider_rate_limit")
        assert [played.at for played in gateway.transport.played] == [0.0, 0.1875, 0.5625]


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("client", DIALECTS)
async def test_failover_to_a_route_of_another_protocol(client: Dialect, stream: bool, autojump_clock: object) -> None:
    async with bench(bad(429, retry_after="60"), good("anthropic_messages", stream=stream)) as gateway:
        exchange = await gateway.ask(client, "two", stream=stream)
        assert exchange.status == 200
        assert text_of(client, stream, exchange.sent) == "Hello"
        assert exchange.ended_at == 1.0
        first, second = gateway.transport.played
        assert first.url == "https://openai_chat.test/v1/chat/completions"
        assert second.url == "https://anthropic_messages.test/v1/messages"
        row = gateway.row
        assert (row.model, row.provider, row.route) == ("test/two", "anthropic_messages", 1)
        assert [(a.provider, a.code) for a in row.attempts] == [
            ("openai_chat", "provider_rate_limit"), ("anthropic_messages", None),
        ]  # fmt: skip


@pytest.mark.parametrize("status", [401, 403])
async def test_refused_credentials_are_tried_elsewhere_alone(status: int, autojump_clock: object) -> None:
    async with bench(bad(status), bad(503), good("openai_chat")) as gateway:
        assert (await gateway.ask("openai_chat", "twice", stream=True)).status == 200
        assert [a.provider for a in gateway.row.attempts] == ["openai_chat", "second", "second"]
        assert [json.loads(played.body)["model"] for played in gateway.transport.played] == ["up", "up2", "up2"]


async def test_the_credentials_of_a_route_go_to_it_alone(autojump_clock: object) -> None:
    async with bench(bad(401), good("openai_chat")) as gateway:
        await gateway.ask("openai_chat", "twice", stream=True)
        assert [p.headers["authorization"] for p in gateway.transport.played] == [
            "Bearer sk-secret-openai_chat", "Bearer sk-secret-second",
        ]  # fmt: skip
        assert not any(gateway.secret in str(played.headers) for played in gateway.transport.played)


async def test_losses_are_those_of_the_route_that_answered(autojump_clock: object) -> None:
    fields: dict[str, Any] = {"seed": 5, "logit_bias": {"1": 1}}
    async with bench(bad(503), good("anthropic_messages")) as gateway:
        exchange = await gateway.ask("openai_chat", "two", stream=True, **fields)
        assert {loss.path for loss in gateway.row.losses} == {"seed", "logit_bias"}
        assert exchange.sent_headers["x-hyperinfer-loss"] == "2"
    async with bench(good("openai_chat")) as gateway:
        exchange = await gateway.ask("openai_chat", "two", stream=True, **fields)
        assert (gateway.row.losses, exchange.sent_headers["x-hyperinfer-loss"]) == ((), "0")


async def test_a_route_that_cannot_express_the_request_is_passed_over(autojump_clock: object) -> None:
    # Strict and with a field that only Chat has: the second route is out, the first one is asked again.
    strict = {"x-hyperinfer-strict": "true"}
    body = b'{"model":"test/two","stream":true,"seed":5,"messages":[{"role":"user","content":"hi"}]}'
    async with bench(bad(503), good("openai_chat")) as gateway:
        assert (await gateway.send("openai_chat", body, strict)).status == 200
        assert [a.provider for a in gateway.row.attempts] == ["openai_chat", "openai_chat"]
    async with bench(bad(401)) as gateway:
        exchange = await gateway.send("openai_chat", body, strict)
        check_error("openai_chat", exchange, "provider_auth")


async def test_the_number_of_retries_is_a_setting(autojump_clock: object) -> None:
    async with bench(*[bad(503)] * 5, catalogue=catalogue(limits="{retries: 4}")) as gateway:
        exchange = await gateway.ask("openai_chat", "openai_chat", stream=True)
        check_error("openai_chat", exchange, "provider_overloaded")
        assert len(gateway.transport.played) == 5


async def test_tools_get_their_names_back_from_the_route_that_answered(autojump_clock: object) -> None:
    tool = {"type": "custom", "name": "run"}
    call = b"".join(
        b"event: %b\ndata: %b\n\n" % (json.loads(line)["type"].encode(), line)
        for line in (
            b'{"type":"message_start","message":{"id":"m","type":"message","role":"assistant","model":"up","content":[],'
            b'"usage":{"input_tokens":1,"output_tokens":1}}}',
            b'{"type":"content_block_start","index":0,"content_block":'
            b'{"type":"tool_use","id":"t1","name":"run","input":{}}}',
            b'{"type":"content_block_delta","index":0,"delta":'
            b'{"type":"input_json_delta","partial_json":"{\\"input\\":\\"ls -l\\"}"}}',
            b'{"type":"content_block_stop","index":0}',
            b'{"type":"message_delta","delta":{"stop_reason":"tool_use"},"usage":{"output_tokens":5}}',
            b'{"type":"message_stop"}',
        )
    )
    async with bench(bad(503), Script([(0.0, call)])) as gateway:
        exchange = await gateway.ask("openai_responses", "two", stream=True, tools=[tool])
        assert breaches("openai_responses", exchange.sent) == []
        assert b'"custom_tool_call"' in exchange.sent
        assert b'"input":"ls -l"' in exchange.sent
