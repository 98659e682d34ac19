"""The end of a whole request over a real connection: the same whether or not the sockets of the process are watched."""

from __future__ import annotations

import json
import sys

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from hyperinfer.api.edge.watch import Watch
from hyperinfer.engine import Drain, Failure, Graph, run
from hyperinfer.engine.testing import ListSink
from hyperinfer.formats import FORMATS
from hyperinfer.nodes import Chunk, Head, Incoming, Output, Ticket, call, decode, encode_whole, to_routes
from hyperinfer.providers.catalogue import Pricing, Provider, Route
from hyperinfer.providers.catalogue_records import Timeouts
from hyperinfer.providers.transport import Transport
from hyperinfer.providers.upstreams import Upstreams
from tests.support.bench import asked
from tests.support.rawserver import Hold, RawServer, Reply, Request, Script, raw_server
from tests.support.replies import WHOLES, text_of

WHOLE = WHOLES["openai_chat"]
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(WHOLE)
NEVER_ENDING: dict[str, Script] = {
    "no head": [Request(), Hold()],
    "no body": [Request(), Reply(HEAD), Hold()],
    "no end": [Request(), Reply(HEAD + WHOLE[:40]), Reply(WHOLE[40:50]), Hold()],
    "an error without an end": [Request(), Reply(HEAD.replace(b"200 OK", b"418 Teapot") + b"{"), Hold()],
}

both = pytest.mark.parametrize(
    "watched", [False, pytest.param(True, marks=pytest.mark.skipif(sys.platform != "linux", reason="epoll"))]
)


@pytest.fixture
def still_clock() -> MockClock:
    """Stands still while anything happens; goes on when all tasks wait for a time."""
    return MockClock(autojump_threshold=0.1)


async def answered(server: RawServer, drain: Drain, *, watched: bool) -> tuple[int, bytes]:
    """The response to one whole request, which may take four seconds. A connection that failed is closed."""
    provider = Provider("p", "openai_chat", server.url, timeouts=Timeouts(whole=4.0))
    routes = [Route(provider, "up", Pricing(1, 1, 1, 1, 1))]
    sink: ListSink[Output | Failure] = ListSink()
    watch = Watch()
    async with trio.open_nursery() as nursery, Transport(sockets=watch if watched else None) as made:
        nursery.start_soon(watch.run)
        upstreams = Upstreams(made, made)
        graph = Graph.linear(decode(), to_routes(routes), call(upstreams, retries=0, drain=drain), encode_whole())
        ticket = Ticket.plain("r1", FORMATS["openai_chat"], now=lambda: 1_700_000_000.0)
        await run(graph, [Incoming(ticket, asked("openai_chat", "x", stream=False))], sink)
        head, *chunks = sink.items
        assert isinstance(head, Head)
        assert (made.active, made.idle) == (0, head.status == 200)
        nursery.cancel_scope.cancel()
    return head.status, b"".join(chunk.data for chunk in chunks if isinstance(chunk, Chunk))


@both
@pytest.mark.parametrize("script", NEVER_ENDING.values(), ids=NEVER_ENDING)
async def test_the_deadline(script: Script, watched: bool, still_clock: MockClock) -> None:
    async with raw_server(script) as server:
        status, body = await answered(server, Drain(), watched=watched)
        assert (status, json.loads(body)["error"]["message"]) == (504, "The provider did not answer within 4 s.")
        assert (trio.current_time(), server.unexpected, len(server.requests)) == (4.0, 0, 1)


@both
@pytest.mark.parametrize("script", NEVER_ENDING.values(), ids=NEVER_ENDING)
async def test_the_hard_end(script: Script, watched: bool, still_clock: MockClock) -> None:
    drain = Drain()

    async def finish() -> None:
        await wait_all_tasks_blocked(0.02)
        drain.begin(2.0)
        await drain.finish(9.0)

    async with raw_server(script) as server, trio.open_nursery() as nursery:
        drain.admit()
        nursery.start_soon(finish)
        status, body = await answered(server, drain, watched=watched)
        drain.release()
        assert (status, b"shutting down" in body) == (502, True)
        assert (trio.current_time(), server.unexpected, len(server.requests)) == (2.0, 0, 1)


@both
@pytest.mark.parametrize("piece", [0, 11])
async def test_a_reply_in_time(piece: int, watched: bool, still_clock: MockClock) -> None:
    async with raw_server([Request(), Reply(HEAD + WHOLE, piece)]) as server:
        status, body = await answered(server, Drain(), watched=watched)
        assert (status, text_of("openai_chat", False, body)) == (200, "Hello")
