"""What a request's bytes take is free while its reply is read: a stream of an hour holds neither the client's nor ours."""

from __future__ import annotations

import gc
import json
import tracemalloc
from typing import TYPE_CHECKING, Self

import httpx2
import pytest

from hyperinfer.engine import Failure, Graph, run
from hyperinfer.engine.testing import ListSink
from hyperinfer.formats import FORMATS
from hyperinfer.nodes import Chunk, Incoming, Output, Ticket, call, decode, encode, to_routes
from hyperinfer.providers.catalogue import Pricing, Provider, Route
from hyperinfer.providers.upstreams import Upstreams
from tests.support.bench import DIALECTS, asked, bench
from tests.support.replies import STREAMS, WHOLES
from tests.support.upstreams import Script

if TYPE_CHECKING:
    from hyperinfer.formats import Dialect


LARGE = 100_000
"""Bytes: below either body, and above any single thing that the conversation is kept in."""


class Reply(httpx2.AsyncByteStream):
    """A reply in two pieces; before the second it looks what is held."""

    def __init__(self, data: bytes) -> None:
        self._pieces = [data[:-40], data[-40:]]
        self.held: list[int] = []

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        if not self._pieces:
            raise StopAsyncIteration
        if len(self._pieces) == 1:
            self.held = [trace.size for trace in tracemalloc.take_snapshot().traces if trace.size > LARGE]
        return self._pieces.pop(0)


class Once(httpx2.AsyncBaseTransport):
    """Answers, and keeps nothing of what it was asked but its size."""

    def __init__(self, reply: Reply) -> None:
        self._reply = reply
        self.asked = 0

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        self.asked = len(await request.aread())
        return httpx2.Response(200, headers={"content-type": "text/event-stream"}, stream=self._reply)


@pytest.mark.parametrize("protocol", DIALECTS)
async def test_no_body_is_held_while_the_reply_comes(protocol: Dialect) -> None:
    reply = Reply(b"".join(STREAMS[protocol]))
    transport = Once(reply)
    route = Route(Provider("p", protocol, "https://p.test/v1"), "up", Pricing(1, 1, 1, 1, 1))
    graph = Graph.linear(decode(), to_routes([route]), call(Upstreams(transport, transport)), encode())
    sink: ListSink[Output | Failure] = ListSink()
    messages = [
        {"role": ("user", "assistant")[number % 2], "content": f"this is number {number}"} for number in range(4_000)
    ]
    tracemalloc.start()
    try:
        ticket = Ticket.plain("r1", FORMATS["openai_chat"])
        body = {"model": "x", "stream": True, "max_tokens": 10, "messages": messages}
        await run(graph, [Incoming(ticket, json.dumps(body).encode())], sink)
    finally:
        tracemalloc.stop()
    assert transport.asked > LARGE
    assert any(isinstance(item, Chunk) for item in sink.items)
    assert reply.held == []


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("protocol", DIALECTS)
async def test_nothing_of_a_request_that_is_over_waits_for_the_collector(
    protocol: Dialect, stream: bool, autojump_clock: object
) -> None:
    """Which goes by the number of objects, and may leave megabytes for long."""
    body = asked("openai_chat", protocol, stream=stream, messages=[{"role": "user", "content": "x" * 2 * LARGE}])
    reply = b"".join(STREAMS[protocol]) if stream else WHOLES[protocol]
    async with bench(Script([(0.0, reply)])) as gateway:
        gc.collect()
        gc.disable()
        tracemalloc.start()
        try:
            exchange = await gateway.send("openai_chat", body)
            gateway.transport.played[0].body = b""
            held = [trace.size for trace in tracemalloc.take_snapshot().traces if trace.size > LARGE]
        finally:
            tracemalloc.stop()
            gc.enable()
        assert exchange.status == 200
        assert held == []
