"""What a gateway has recorded, a recorded upstream plays: the upstream's bytes, at their times, in all three protocols."""

from __future__ import annotations

import json
from typing import Any

import httpx2
import pytest
import trio

from hyperinfer.testing import RecordedUpstream
from tests.support.bench import DIALECTS, asked, bench
from tests.support.recorder import record
from tests.support.replies import STREAMS, WHOLES
from tests.support.upstreams import Script


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("dialect", DIALECTS)
async def test_a_recorded_request_is_played(dialect: Any, stream: bool, autojump_clock: object) -> None:
    frames = STREAMS[dialect] if stream else [WHOLES[dialect]]
    body = asked(dialect, dialect, stream=stream)
    busy = Script([(0.0, b'{"error":{"message":"Busy"}}')], status=503, headers={"content-type": "application/json"})
    async with bench(busy, Script([(0.25, frame) for frame in frames], thinking=1.0)) as gateway:
        _, scribe = record(gateway)
        assert (await gateway.send(dialect, body)).status == 200
    heard: list[tuple[float, bytes]] = []
    with RecordedUpstream(scribe.one) as upstream:
        async with httpx2.AsyncClient(transport=upstream.transport()) as client:
            # What the gateway asked its upstream is what is asked here.
            for exchange in upstream.exchanges:
                began = trio.current_time()
                url = f"http://a.test{exchange.asked.path}"
                async with client.stream("POST", url, content=exchange.asked.body.data) as reply:
                    heard += [(trio.current_time() - began, piece) async for piece in reply.aiter_raw()]
    assert heard == [(0.0, busy.pieces[0][1]), *((1.25 + 0.25 * place, frame) for place, frame in enumerate(frames))]
    assert [request.model for request in upstream.requests] == ["up", "up"]
    assert upstream.requests[0].json == json.loads(upstream.exchanges[0].asked.body.data)
