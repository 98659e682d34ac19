"""Each deadline at its instant, under its own name."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import httpx2
import pytest

from hyperinfer.providers.catalogue import Timeouts, load
from tests.nodes.envelopes import check_error, check_failed_stream
from tests.support.bench import DIALECTS, MODEL, Bench, asked, bench, catalogue
from tests.support.exchanges import ScriptedExchange
from tests.support.replies import STREAMS, WHOLES
from tests.support.upstreams import NEVER, Script

if TYPE_CHECKING:
    from hyperinfer.engine import Cause
    from hyperinfer.formats import Dialect

QUICK = catalogue(
    "timeouts: {connect: 2, first_token: 8, idle: 3, stream: 20, whole: 6}", limits="{retries: 0, keepalive: 1000}"
)
FRAMES = STREAMS["openai_chat"]


def check_attempt(gateway: Bench, status: int | None, ms: int, deadline: Cause) -> None:
    ((code, found, took, why),) = [(a.code, a.status, a.ms, a.deadline) for a in gateway.row.attempts]
    assert (code, found, took, why) == ("provider_timeout", status, ms, deadline)
    assert gateway.row.error_code == "provider_timeout"
    assert (gateway.row.cost > 0) == (gateway.row.first_token_ms is not None), "what the client got is billed"
    assert gateway.transport.played[0].closed_at is not None


def deadline_told(client: Dialect, exchange: ScriptedExchange) -> str:
    """Which deadline the client was told of, beside the words for people."""
    body = json.loads(exchange.sent)
    details = body["details"] if client == "anthropic_messages" and "details" in body else body["error"]["details"]
    return str(details["deadline"])


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("client", DIALECTS)
async def test_connect(client: Dialect, stream: bool, autojump_clock: object) -> None:
    async with bench(Script(connecting=2.0), catalogue=QUICK) as gateway:
        exchange = await gateway.ask(client, "openai_chat", stream=stream)
        assert check_error(client, exchange, "provider_timeout") == "No connection to the provider in time."
        assert exchange.ended_at == gateway.transport.played[0].closed_at == 2.0
        check_attempt(gateway, None, 2000, "connect")


async def test_a_connection_that_cannot_be_had_in_time_is_tried_again(autojump_clock: object) -> None:
    quick = catalogue("timeouts: {connect: 2}")
    async with bench(Script(connecting=3.0), Script([(0.0, b"".join(FRAMES))]), catalogue=quick) as gateway:
        assert (await gateway.ask("openai_chat", "openai_chat", stream=True)).status == 200
        assert [played.at for played in gateway.transport.played] == [0.0, 2.1875]


@pytest.mark.parametrize("client", DIALECTS)
async def test_first_token(client: Dialect, autojump_clock: object) -> None:
    # Bytes come all the time, but nothing of the model.
    pieces = [(2.0, FRAMES[0]), *[(2.0, b": still thinking\n\n")] * 5]
    async with bench(Script(pieces), catalogue=QUICK) as gateway:
        exchange = await gateway.ask(client, "openai_chat", stream=True)
        assert check_error(client, exchange, "provider_timeout") == "The provider sent no output within 8 s."
        assert exchange.ended_at == gateway.transport.played[0].closed_at == 8.0
        check_attempt(gateway, 200, 8000, "first_token")


async def test_first_token_before_the_head(autojump_clock: object) -> None:
    async with bench(Script(thinking=9.0), catalogue=QUICK) as gateway:
        exchange = await gateway.ask("openai_chat", "openai_chat", stream=True)
        check_error("openai_chat", exchange, "provider_timeout")
        assert exchange.ended_at == 8.0
        check_attempt(gateway, None, 8000, "first_token")


@pytest.mark.parametrize("client", DIALECTS)
async def test_idle_within_the_output(client: Dialect, autojump_clock: object) -> None:
    pieces = [(2.0, FRAMES[0]), (2.0, FRAMES[1]), (2.5, b": here\n\n"), (2.5, b"da"), NEVER]
    async with bench(Script(pieces), catalogue=QUICK) as gateway:
        exchange = await gateway.ask(client, "openai_chat", stream=True)
        last = check_failed_stream(client, exchange, "provider_timeout")
        assert "The provider fell silent for 3 s." in last
        assert exchange.ended_at == gateway.transport.played[0].closed_at == 12.0
        check_attempt(gateway, 200, 12_000, "idle")


async def test_idle_before_the_output(autojump_clock: object) -> None:
    async with bench(Script([NEVER], thinking=1.0), catalogue=QUICK) as gateway:
        exchange = await gateway.ask("openai_chat", "openai_chat", stream=True)
        message = check_error("openai_chat", exchange, "provider_timeout")
        assert (message, exchange.ended_at) == ("The provider fell silent for 3 s.", 4.0)


async def test_the_time_that_the_client_takes_is_not_idle(autojump_clock: object) -> None:
    # Five seconds for each write, and a channel that fills: the upstream is not read meanwhile, and that is not its fault.
    pieces = [(0.5, FRAMES[0] + FRAMES[1]), *[(0.5, FRAMES[2])] * 9, (0.5, b"".join(FRAMES[3:]))]
    patient = catalogue("timeouts: {first_token: 8, idle: 3, stream: 1000}", limits="{keepalive: 1000}")
    async with bench(Script(pieces), catalogue=patient) as gateway:
        exchange = ScriptedExchange(
            asked("openai_chat", "openai_chat", stream=True),
            {"authorization": f"Bearer {gateway.secret}", "content-type": "application/json"},
            writing=5.0,
        )
        await gateway.serve("openai_chat", exchange)
        assert gateway.row.status == "completed"
        assert exchange.ended_at == 0.5 + 5.0 * len(exchange.writes)


@pytest.mark.parametrize("client", DIALECTS)
async def test_stream(client: Dialect, autojump_clock: object) -> None:
    pieces = [(2.0, FRAMES[0] + FRAMES[1]), *[(2.0, FRAMES[2])] * 20]
    async with bench(Script(pieces), catalogue=QUICK) as gateway:
        exchange = await gateway.ask(client, "openai_chat", stream=True)
        last = check_failed_stream(client, exchange, "provider_timeout")
        assert "The provider's stream took longer than 20 s." in last
        assert exchange.ended_at == gateway.transport.played[0].closed_at == 20.0
        ((attempt),) = gateway.row.attempts
        assert (attempt.code, attempt.deadline, gateway.row.error_code) == ("provider_timeout", "stream", "provider_timeout")


@pytest.mark.parametrize("client", DIALECTS)
@pytest.mark.parametrize(
    "script", [Script(thinking=7.0), Script([(5.0, WHOLES["openai_chat"][:9]), NEVER])], ids=["head", "body"]
)
async def test_whole(client: Dialect, script: Script, autojump_clock: object) -> None:
    async with bench(script, catalogue=QUICK) as gateway:
        exchange = await gateway.ask(client, "openai_chat", stream=False)
        message = check_error(client, exchange, "provider_timeout")
        assert message == "The provider did not answer within 6 s."
        assert exchange.ended_at == gateway.transport.played[0].closed_at == 6.0
        assert [attempt.deadline for attempt in gateway.row.attempts] == ["whole"]
        assert deadline_told(client, exchange) == "whole"


async def test_a_whole_response_may_be_silent(autojump_clock: object) -> None:
    usual = catalogue()
    async with bench(Script([(500.0, WHOLES["openai_chat"])]), catalogue=usual) as gateway:
        exchange = await gateway.ask("openai_chat", "openai_chat", stream=False)
        assert (exchange.status, exchange.head_at) == (200, 500.0)


async def test_what_comes_at_the_very_instant_is_too_late(autojump_clock: object) -> None:
    async with bench(Script([(3.0, b"".join(FRAMES))]), catalogue=QUICK) as gateway:
        check_error("openai_chat", await gateway.ask("openai_chat", "openai_chat", stream=True), "provider_timeout")


async def test_a_deadline_of_ours_is_final_and_one_of_the_upstream_is_not(autojump_clock: object) -> None:
    timeouts = catalogue("timeouts: {idle: 3}")
    async with bench(Script([NEVER]), catalogue=timeouts) as gateway:
        await gateway.ask("openai_chat", "openai_chat", stream=True)
        assert len(gateway.transport.played) == 1
    again = Script([(0.0, b"".join(FRAMES))])
    async with bench(Script(breaks=httpx2.ConnectTimeout("slow")), again, catalogue=timeouts) as gateway:
        assert (await gateway.ask("openai_chat", "openai_chat", stream=True)).status == 200


async def test_a_complete_stream_is_not_waited_for(autojump_clock: object) -> None:
    # The reply is complete; its response stays open. The client has its end at once.
    async with bench(Script([(1.0, b"".join(FRAMES)), NEVER]), catalogue=QUICK) as gateway:
        exchange = await gateway.ask("openai_chat", "openai_chat", stream=True)
        assert (exchange.ended_at, gateway.row.status) == (1.0, "completed")
        assert gateway.transport.played[0].closed_at == 1.05
    async with bench(Script([(1.0, b"".join(FRAMES)), (0.01, b"")])) as gateway:
        await gateway.ask("openai_chat", "openai_chat", stream=True)
        assert gateway.transport.played[0].read_to_end


def test_the_deadlines_of_the_design() -> None:
    usual = Timeouts()
    assert (usual.connect, usual.first_token, usual.idle, usual.stream, usual.whole) == (10.0, 300.0, 120.0, 3600.0, 600.0)


PROVIDERS_OWN = """\
providers:
  quick: {protocol: openai_chat, base_url: "https://quick.test/v1", api_key: sk-q, timeouts: {first_token: 4}}
  patient: {protocol: openai_chat, base_url: "https://patient.test/v1", api_key: sk-p}
creators:
  test: {name: Test}
models:
"""


@pytest.mark.parametrize(("provider", "ends"), [("quick", 4.0), ("patient", 300.0)])
async def test_a_provider_has_its_own(provider: str, ends: float, autojump_clock: object) -> None:
    text = PROVIDERS_OWN + MODEL.format(slug="m", routes=f"{{provider: {provider}, model: up}}")
    async with bench(Script(thinking=1000.0), catalogue=load(text, {}, "test.yaml")) as gateway:
        exchange = await gateway.ask("openai_chat", "m", stream=True)
        assert exchange.ended_at == ends
        assert [attempt.deadline for attempt in gateway.row.attempts] == ["first_token"]


async def test_a_timeout_of_the_upstreams_own_is_none_of_ours(autojump_clock: object) -> None:
    quick = catalogue(limits="{retries: 0}")
    async with bench(Script(status=504), catalogue=quick) as gateway:
        check_error("openai_chat", await gateway.ask("openai_chat", "openai_chat", stream=True), "provider_timeout")
        assert [(attempt.code, attempt.deadline) for attempt in gateway.row.attempts] == [("provider_timeout", None)]
