"""Every client format against every upstream protocol, streamed and whole, in every form in which an upstream answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hyperinfer.formats.usage import usd_json
from tests.support.bench import DIALECTS, bench
from tests.support.judge import breaches
from tests.support.replies import STREAMS, TEXT, WHOLES, text_of, usage_of
from tests.support.upstreams import Script

if TYPE_CHECKING:
    from hyperinfer.formats import Dialect

COST = 6 * 3_000_000 + 4 * 300_000 + 5 * 15_000_000


@pytest.mark.parametrize("answers", ["as asked", "the other way"])
@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("protocol", DIALECTS)
@pytest.mark.parametrize("client", DIALECTS)
async def test_a_reply(client: Dialect, protocol: Dialect, stream: bool, answers: str, autojump_clock: object) -> None:
    as_stream = stream == (answers == "as asked")
    pieces = [(1.0, frame) for frame in STREAMS[protocol]] if as_stream else [(1.0, WHOLES[protocol])]
    async with bench(Script(pieces, headers={"content-type": "text/plain"})) as gateway:
        exchange = await gateway.ask(client, protocol, stream=stream)
        assert exchange.status == 200
        assert text_of(client, stream, exchange.sent) == TEXT
        if stream:
            assert breaches(client, exchange.sent) == []
            assert exchange.sent_headers["content-type"] == "text/event-stream; charset=utf-8"
        else:
            assert exchange.sent_headers["content-type"] == "application/json"
            assert exchange.sent_headers["content-length"] == str(len(exchange.sent))
        row = gateway.row
        assert exchange.sent_headers["x-request-id"] == row.id
        assert (exchange.sent_headers.get("request-id") == row.id) == (client == "anthropic_messages")
        assert exchange.sent_headers["x-hyperinfer-loss"] == "0"
        assert row.id.encode() in exchange.sent
        assert (row.status, row.error_code, row.finish_reason) == ("completed", None, "stop")
        assert (row.tokens_prompt, row.tokens_cached_prompt, row.tokens_completion) == (10, 4, 5)
        assert [(line.bucket, line.tokens, line.cost) for line in row.lines] == [
            ("prompt", 6, 18_000_000), ("cached_prompt", 4, 1_200_000), ("completion", 5, 75_000_000),
        ]  # fmt: skip
        assert row.cost == COST
        assert b'"cost":' + bytes(usd_json(COST)) in exchange.sent
        assert usage_of(client, stream, exchange.sent)["cost"] == pytest.approx(COST / 10**12)
        assert (row.model, row.provider, row.upstream_model, row.streamed) == (f"test/{protocol}", protocol, "up", stream)
        assert [(a.provider, a.status, a.code) for a in row.attempts] == [(protocol, 200, None)]
        ((settled_at, _),) = gateway.store.settlements
        assert exchange.ended_at == settled_at
