"""The end of a drain's grace: whatever still runs ends well-formed, is settled, and leaves nothing open."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio

from tests.nodes.envelopes import check_error, check_failed_stream
from tests.support.bench import DIALECTS, Bench, asked, bench
from tests.support.exchanges import ScriptedExchange
from tests.support.replies import STREAMS, WHOLES
from tests.support.upstreams import NEVER, Script

if TYPE_CHECKING:
    from hyperinfer.formats import Dialect

FRAMES = STREAMS["openai_chat"]


async def drained(gateway: Bench, client: Dialect, body: bytes, *, writing: float = 0.0) -> ScriptedExchange:
    """One request that is under way when a drain of three seconds begins, at the second second."""
    exchange = ScriptedExchange(
        body, {"authorization": f"Bearer {gateway.secret}", "content-type": "application/json"}, writing=writing
    )
    async with trio.open_nursery() as nursery:
        nursery.start_soon(gateway.serve, client, exchange)
        await trio.sleep(2.0)
        gateway.drain.begin(3.0)
        assert await gateway.drain.finish(10.0) == 0
    return exchange


@pytest.mark.parametrize("client", DIALECTS)
async def test_a_stream_ends_with_an_error(client: Dialect, autojump_clock: object) -> None:
    async with bench(Script([(1.0, FRAMES[0] + FRAMES[1]), NEVER])) as gateway:
        exchange = await drained(gateway, client, asked(client, "openai_chat", stream=True))
        last = check_failed_stream(client, exchange, "provider_unavailable")
        assert "shutting down" in last
        assert exchange.ended_at == gateway.transport.played[0].closed_at == 5.0
        row = gateway.row
        assert (row.status, row.error_code) == ("failed", "provider_unavailable")
        assert row.cost > 0, "what the client got is billed"


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("script", [Script(connecting=9.0), Script([NEVER])], ids=["connecting", "silent"])
async def test_before_output_it_is_an_error_response(stream: bool, script: Script, autojump_clock: object) -> None:
    async with bench(script) as gateway:
        exchange = await drained(gateway, "openai_chat", asked("openai_chat", "openai_chat", stream=stream))
        assert "shutting down" in check_error("openai_chat", exchange, "provider_unavailable")
        assert exchange.ended_at == gateway.transport.played[0].closed_at == 5.0


async def test_in_a_pause_between_attempts(autojump_clock: object) -> None:
    busy = Script(status=503, headers={"retry-after": "4"}, thinking=1.5)
    async with bench(busy) as gateway:
        exchange = await drained(gateway, "openai_chat", asked("openai_chat", "openai_chat", stream=True))
        check_error("openai_chat", exchange, "provider_unavailable")
        assert exchange.ended_at == 5.0


@pytest.mark.parametrize("stream", [True, False])
async def test_what_ends_within_the_grace_ends_as_ever(stream: bool, autojump_clock: object) -> None:
    data = b"".join(FRAMES) if stream else WHOLES["openai_chat"]
    async with bench(Script([(4.5, data)])) as gateway:
        exchange = await drained(gateway, "openai_chat", asked("openai_chat", "openai_chat", stream=stream))
        assert (exchange.status, exchange.ended_at, gateway.row.status) == (200, 4.5, "completed")


@pytest.mark.parametrize("stream", [True, False])
async def test_a_reply_that_is_complete_is_no_failure_though_its_connection_still_is_open(
    stream: bool, autojump_clock: object
) -> None:
    """The hard end, at 5 s, comes within the moment that the upstream is given to end its HTTP response."""
    async with bench(Script([(4.98, b"".join(FRAMES)), NEVER])) as gateway:
        exchange = await drained(gateway, "openai_chat", asked("openai_chat", "openai_chat", stream=stream))
        assert (exchange.status, gateway.row.status, gateway.row.error_code) == (200, "completed", None)
        assert gateway.transport.played[0].closed_at == 5.0


@pytest.mark.parametrize("stream", [True, False])
async def test_what_is_being_settled_or_written_is_completed(stream: bool, autojump_clock: object) -> None:
    data = b"".join(FRAMES) if stream else WHOLES["openai_chat"]
    async with bench(Script([(4.5, data)])) as gateway:
        gateway.store.settling = 2.0
        body = asked("openai_chat", "openai_chat", stream=stream)
        exchange = await drained(gateway, "openai_chat", body, writing=1.0)
        assert (exchange.status, exchange.ended_at, gateway.row.status) == (200, 7.5, "completed")


async def test_a_slow_client_gets_its_end_when_it_reads_again(autojump_clock: object) -> None:
    pieces = [(0.25, FRAMES[0] + FRAMES[1]), *[(0.25, FRAMES[2])] * 40]
    async with bench(Script(pieces)) as gateway:
        body = asked("openai_chat", "openai_chat", stream=True)
        exchange = await drained(gateway, "openai_chat", body, writing=1.0)
        check_failed_stream("openai_chat", exchange, "provider_unavailable")
        assert gateway.transport.played[0].closed_at == 5.0
        assert gateway.row.status == "failed"


@pytest.mark.parametrize("client", DIALECTS)
async def test_nothing_new_is_admitted(client: Dialect, autojump_clock: object) -> None:
    async with bench() as gateway:
        gateway.drain.begin(3.0)
        exchange = await gateway.ask(client, "openai_chat", stream=True)
        check_error(client, exchange, "provider_overloaded")
        assert exchange.sent_headers["retry-after"] == "1"
        assert gateway.store.settlements == []
