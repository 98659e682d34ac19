"""Signs of life (RULES: Streams)."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import pytest
import trio

from tests.nodes.envelopes import check_error, check_failed_stream
from tests.support.bench import DIALECTS, asked, bench, catalogue
from tests.support.judge import breaches
from tests.support.replies import STREAMS, WHOLES, text_of
from tests.support.tool_rounds import ScriptedTool, call, found, switched_on, text, tooling, upstream
from tests.support.upstreams import NEVER, Script

if TYPE_CHECKING:
    from hyperinfer.formats import Dialect
    from hyperinfer.formats.server_tools import ToolOutcome
    from tests.support.exchanges import ScriptedExchange

FRAMES = STREAMS["openai_chat"]


def is_sign(client: Dialect, data: bytes) -> bool:
    ping = b"event: ping\n" in data
    return data.startswith(b": keep-alive\n") and ping == (client == "anthropic_messages")


def times(exchange: ScriptedExchange) -> list[float]:
    """When something was written; a keep-alive comes one step of the clock's arithmetic late."""
    return [round(at, 9) for at, _ in exchange.writes]


@pytest.mark.parametrize("client", DIALECTS)
async def test_they_come_after_ten_seconds_of_silence(client: Dialect, autojump_clock: object) -> None:
    pieces = [(34.0, FRAMES[0] + FRAMES[1]), (8.0, FRAMES[2]), (12.0, b"".join(FRAMES[3:]))]
    async with bench(Script(pieces)) as gateway:
        exchange = await gateway.ask(client, "openai_chat", stream=True)
        assert exchange.status == 200
        assert times(exchange) == [10.0, 20.0, 30.0, 34.0, 42.0, 52.0, 54.0]
        assert [is_sign(client, data) for _, data in exchange.writes] == [True] * 3 + [False] * 2 + [True, False]
        assert breaches(client, exchange.sent) == []
        assert text_of(client, True, exchange.sent) == "Hello"
        assert gateway.row.first_token_ms == 34_000


async def test_they_do_not_drift(autojump_clock: object) -> None:
    pieces = [(200.5, b"".join(FRAMES))]
    async with bench(Script(pieces, thinking=0.25)) as gateway:
        exchange = await gateway.ask("openai_chat", "openai_chat", stream=True)
        signs = [at for at, data in exchange.writes if is_sign("openai_chat", data)]
        assert len(signs) == 12  # the idle deadline ends it
        assert [at - 10.0 * number for number, at in enumerate(signs, 1)] == pytest.approx([0.0] * 12, abs=1e-13)


async def test_a_whole_response_has_none(autojump_clock: object) -> None:
    async with bench(Script([(100.0, WHOLES["openai_chat"])])) as gateway:
        exchange = await gateway.ask("openai_chat", "openai_chat", stream=False)
        assert (len(exchange.writes), exchange.head_at) == (1, 100.0)


@pytest.mark.parametrize("client", DIALECTS)
async def test_a_failure_at_the_same_instant_wins(client: Dialect, autojump_clock: object) -> None:
    async with bench(Script(status=400, thinking=10.0)) as gateway:
        check_error(client, await gateway.ask(client, "openai_chat", stream=True), "invalid_request")
    timeouts = catalogue("timeouts: {first_token: 10}")
    async with bench(Script([NEVER]), catalogue=timeouts) as gateway:
        check_error(client, await gateway.ask(client, "openai_chat", stream=True), "provider_timeout")


@pytest.mark.parametrize("client", DIALECTS)
async def test_a_failure_after_the_first_one_is_told_in_the_stream(client: Dialect, autojump_clock: object) -> None:
    refusing = Script([(0.0, b'{"error":{"message":"no"}}')], status=400, thinking=10.5)
    async with bench(refusing) as gateway:
        exchange = await gateway.ask(client, "openai_chat", stream=True)
        check_failed_stream(client, exchange, "invalid_request")
        assert times(exchange) == [10.0, 10.5]
        assert is_sign(client, exchange.writes[0][1])


@pytest.mark.parametrize("client", DIALECTS)
async def test_retries_go_on_behind_them(client: Dialect, autojump_clock: object) -> None:
    busy = Script([(0.0, b'{"error":{"message":"busy"}}')], status=503, thinking=11.0)
    answer = Script([(6.0, b"".join(STREAMS["anthropic_messages"]))])
    async with bench(busy, answer) as gateway:
        exchange = await gateway.ask(client, "two", stream=True)
        assert times(exchange) == [10.0, 17.0]
        assert breaches(client, exchange.sent) == []
        assert text_of(client, True, exchange.sent) == "Hello"
        assert gateway.row.provider == "anthropic_messages"


async def test_a_retry_starts_no_new_silence(autojump_clock: object) -> None:
    busy = Script(status=503, thinking=9.0)
    async with bench(busy, Script([(2.0, b"".join(FRAMES))])) as gateway:
        exchange = await gateway.ask("openai_chat", "twice", stream=True)
        assert times(exchange) == [10.0, 11.0]


async def test_the_time_that_a_write_takes_is_no_silence(autojump_clock: object) -> None:
    pieces = [(1.0, FRAMES[0] + FRAMES[1]), (30.0, b"".join(FRAMES[2:]))]
    async with bench(Script(pieces)) as gateway:
        exchange = await gateway.send("openai_chat", asked("openai_chat", "openai_chat", stream=True), writing=4.0)
        # Written at 5; due at 15 and done at 19; due at 29 and done at 33; the rest came at 31.
        assert times(exchange) == [5.0, 19.0, 33.0, 37.0]


async def test_how_long_is_a_setting(autojump_clock: object) -> None:
    async with bench(Script([(5.0, b"".join(FRAMES))]), catalogue=catalogue(limits="{keepalive: 2}")) as gateway:
        exchange = await gateway.ask("openai_chat", "openai_chat", stream=True)
        assert times(exchange) == [2.0, 4.0, 5.0]


async def test_time_before_admission_does_not_count(autojump_clock: object) -> None:
    async with bench(Script([(11.0, b"".join(FRAMES))])) as gateway:
        gateway.store.admitting = 3.0
        exchange = await gateway.ask("openai_chat", "openai_chat", stream=True)
        assert times(exchange) == [13.0, 14.0]


@pytest.mark.parametrize("client", DIALECTS)
async def test_while_a_retry_waits(client: Dialect, autojump_clock: object) -> None:
    busy = Script([(0.0, b'{"error":{"message":"busy"}}')], status=503, headers={"retry-after": "4"}, thinking=9.0)
    async with bench(busy, Script([(0.0, b"".join(FRAMES))])) as gateway:
        exchange = await gateway.ask(client, "openai_chat", stream=True)
        assert times(exchange) == [10.0, 13.0]
        assert [played.at for played in gateway.transport.played] == [0.0, 13.0]
        assert is_sign(client, exchange.writes[0][1])
        assert breaches(client, exchange.sent) == []


@pytest.mark.parametrize("client", DIALECTS)
async def test_while_a_tool_runs(client: Dialect, autojump_clock: object) -> None:
    search = ScriptedTool(steps=[(35.0, found())], seconds=60.0)
    scripts = (upstream("openai_chat", call("web_search"), stream=True), upstream("openai_chat", text("ok"), stream=True))
    async with bench(*scripts, tooling=tooling(search)) as gateway:
        exchange = await gateway.ask(client, "openai_chat", stream=True, **switched_on(client, "web_search"))
        ((began, *_),) = search.ran
        signs = [at for at, data in exchange.writes if is_sign(client, data)]
        assert len(signs) == 3
        assert all(began < at < began + 35.0 for at in signs)
        assert breaches(client, exchange.sent) == []
        assert text_of(client, True, exchange.sent) == "ok"


@pytest.mark.parametrize("client", DIALECTS)
async def test_while_attached_pdfs_are_read(client: Dialect, autojump_clock: object) -> None:
    async def read_pdf(source: bytes | str) -> ToolOutcome:
        await trio.sleep(25.0)
        return found("The words.")

    tools = tooling(ScriptedTool("pdf", price=500), read_pdf=read_pdf)
    file = base64.b64encode(b"%PDF-1").decode()
    parts: dict[Dialect, Any] = {
        "openai_chat": {"type": "file", "file": {"filename": "a.pdf", "file_data": f"data:application/pdf;base64,{file}"}},
        "openai_responses": {
            "type": "input_file",
            "filename": "a.pdf",
            "file_data": f"data:application/pdf;base64,{file}",
        },
        "anthropic_messages": {
            "type": "document",
            "source": {"type": "base64", "media_type": "application/pdf", "data": file},
        },
    }
    turns = [{"role": "user", "content": [parts[client]]}]
    field = "input" if client == "openai_responses" else "messages"
    async with bench(Script([(1.0, b"".join(FRAMES))]), tooling=tools) as gateway:
        asking: Any = {**switched_on(client, "pdf"), field: turns}
        exchange = await gateway.ask(client, "openai_chat", stream=True, **asking)
        assert times(exchange) == [10.0, 20.0, 26.0]
        assert [is_sign(client, data) for _, data in exchange.writes] == [True, True, False]
        assert breaches(client, exchange.sent) == []
        assert (gateway.row.status, len(gateway.row.attempts)) == ("completed", 1)
    async with bench(tooling=tools) as gateway:
        asking = {**switched_on(client, "pdf"), field: turns}
        await gateway.ask(client, "openai_chat", stream=True, leaves_at=trio.current_time() + 12.0, **asking)
        assert (gateway.row.status, gateway.row.cost, gateway.row.attempts) == ("cancelled", 0, ())


@pytest.mark.parametrize("protocol", DIALECTS)
@pytest.mark.parametrize("client", DIALECTS)
async def test_never_within_a_frame(client: Dialect, protocol: Dialect, autojump_clock: object) -> None:
    """The upstream falls silent within each of its frames in turn; what the client is written are whole events each time."""
    for place, frame in enumerate(STREAMS[protocol]):
        before, after = STREAMS[protocol][:place], STREAMS[protocol][place + 1 :]
        pieces = [(0.0, b"".join([*before, frame[:-9]])), (12.0, b"".join([frame[-9:], *after]))]
        async with bench(Script([piece for piece in pieces if piece[1]])) as gateway:
            began = trio.current_time()
            exchange = await gateway.ask(client, protocol, stream=True)
        assert breaches(client, exchange.sent) == []
        assert text_of(client, True, exchange.sent) == "Hello"
        assert all(data.endswith(b"\n\n") for _, data in exchange.writes)
        signs = [data for _, data in exchange.writes if is_sign(client, data)]
        assert len(signs) == int(exchange.ended_at == began + 12.0), place
        assert signs or place == len(STREAMS[protocol]) - 1, "only what was complete is not waited for"
