"""The routes that count tokens: a span for each provider that is asked."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

import httpx2
import pytest

from tests.support.bench import bench
from tests.support.exchanges import ScriptedExchange
from tests.support.traced import keeping, spans, tree
from tests.support.upstreams import NEVER, Script

if TYPE_CHECKING:
    from tests.support.bench import Bench

PATH = "/api/v1/messages/count_tokens"
JSON = {"content-type": "application/json"}


async def ask(gateway: Bench, model: str, leaves_at: float = math.inf) -> None:
    body = {"model": f"test/{model}", "messages": [{"role": "user", "content": "private words"}]}
    headers = {"authorization": f"Bearer {gateway.secret}", **JSON}
    exchange = ScriptedExchange(json.dumps(body).encode(), headers, path=PATH, leaves_at=leaves_at)
    handler = gateway.data_plane.route(PATH)
    assert handler is not None
    await gateway.handle(handler, exchange)


async def test_a_provider_that_counts(autojump_clock: object) -> None:
    tracer, kept = keeping()
    async with bench(Script([(0.5, b'{"input_tokens": 77}')], thinking=0.25, headers=JSON), tracer=tracer) as gateway:
        await ask(gateway, "anthropic_messages")
    assert tree(kept.one) == {
        f"POST {PATH} 0-0.75": {
            "decode_count 0-0": {},
            "route 0-0": {},
            "count 0-0.75": {"count_tokens up 0-0.75": {}},
        }
    }
    (span,) = spans(kept.one, "count_tokens")
    told = span.attributes
    assert told["gen_ai.operation.name"] == "count_tokens"
    assert (told["gen_ai.usage.input_tokens"], told["http.response.status_code"]) == (77, 200)
    assert (told["hyperinfer.model"], told["server.address"]) == ("test/anthropic_messages", "anthropic_messages.test")
    assert [name for _, name in span.events] == ["hyperinfer.response_head"]


@pytest.mark.parametrize(
    ("script", "leaves", "error"),
    [(Script([(0.1, b"{}")], status=429, headers=JSON), 9.0, "provider_rate_limit"),
     (Script([(0.1, b"77")], headers=JSON), 9.0, "provider_unavailable"),
     (Script(breaks=httpx2.ConnectError("refused")), 9.0, "provider_unavailable"),
     (Script([NEVER], headers=JSON), 9.0, "provider_timeout"),
     (Script([NEVER], headers=JSON), 1.0, None)],
)  # fmt: skip
async def test_one_that_does_not(script: Script, leaves: float, error: str | None, autojump_clock: object) -> None:
    tracer, kept = keeping()
    async with bench(script, tracer=tracer) as gateway:
        await ask(gateway, "anthropic_messages", leaves_at=leaves)
    (span,) = spans(kept.one, "count_tokens")
    assert span.error == error
    assert span.attributes.get("hyperinfer.cut_short", False) == (error is None)
    assert "gen_ai.usage.input_tokens" not in span.attributes


async def test_an_estimate_asks_nobody(autojump_clock: object) -> None:
    tracer, kept = keeping()
    async with bench(tracer=tracer) as gateway:
        await ask(gateway, "openai_chat")
    assert spans(kept.one, "count_tokens") == []
