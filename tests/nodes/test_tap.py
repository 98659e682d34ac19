"""Who looks on at a request is told what happens in it, and when; and nothing of it changes."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import trio

from hyperinfer.engine import Graph, Observer, run
from hyperinfer.formats import FORMATS
from hyperinfer.nodes import AttemptTap, Incoming, Tap, Ticket, call, decode, encode_whole, to_routes
from hyperinfer.nodes.tap import Taps
from hyperinfer.providers.catalogue import Pricing, Provider, Route
from hyperinfer.providers.transport import Transport
from hyperinfer.providers.upstreams import Upstreams
from tests.support.bench import PATHS, Bench, asked, bench
from tests.support.exchanges import ScriptedExchange
from tests.support.rawserver import Reply, Request, raw_server
from tests.support.replies import STREAMS, WHOLES
from tests.support.upstreams import NEVER, Script

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hyperinfer.engine import Failure
    from hyperinfer.formats.events import Event
    from hyperinfer.formats.upstream_errors import UpstreamFault
    from hyperinfer.nodes import Answering, Planned
    from hyperinfer.nodes.ports import Generation
    from hyperinfer.nodes.tap import WaitsFor

JSON = {"content-type": "application/json"}
BUSY = Script([(0.0, b'{"error":{"message":"no"}}')], status=503, headers=JSON, thinking=1.0)


class Diary(Tap):
    """What is told, with trio's clock. `nodes`: also who looks on at the graph."""

    def __init__(self, *, nodes: bool) -> None:
        self.lines: list[tuple[Any, ...]] = []
        self._nodes = _Nodes(self) if nodes else None

    def note(self, *what: Any) -> None:
        self.lines.append((trio.current_time(), *what))

    @property
    def observer(self) -> Observer | None:
        return self._nodes

    def refused(self, by: str, failure: Failure, status: int | None = None) -> None:
        self.note("refused", by, failure.code)

    def admitting(self, item: Planned) -> None:
        self.note("admitting", item.model.slug)

    def admitted(self, refusal: Failure | None) -> None:
        self.note("admitted", None if refusal is None else refusal.code)

    def waits(self, what: WaitsFor, seconds: float) -> None:
        self.note("waits", what, seconds)

    def waited(self) -> None:
        self.note("waited")

    def attempting(self, answering: Answering) -> AttemptTap:
        self.note("attempt", answering.route.provider.name)
        return _Attempt(self)

    def settling(self, row: Generation) -> None:
        self.note("settling", row.status)

    def settled(self, row: Generation, *, in_time: bool) -> None:
        self.note("settled", in_time)


class _Attempt(AttemptTap):
    def __init__(self, diary: Diary) -> None:
        self._diary = diary
        self._events = 0

    def head(self, status: int, connected: float | None) -> None:
        self._diary.note("head", status, connected)

    def output(self) -> None:
        self._diary.note("output")

    def heard(self, events: Sequence[Event]) -> None:
        self._events += len(events)

    def ended(self, fault: UpstreamFault | None, *, complete: bool) -> None:
        why = None if fault is None else (fault.code, fault.deadline)
        self._diary.note("ended", why, complete, self._events > 0)


class _Nodes(Observer):
    def __init__(self, diary: Diary) -> None:
        self._diary = diary

    def received(self, node: str, item: Any) -> None:
        if node == "meter":
            self._diary.note("meter", type(item).__name__)


async def served(gateway: Bench, tap: Tap | None, *, stream: bool, **script: Any) -> ScriptedExchange:
    headers = {"authorization": f"Bearer {gateway.secret}", "content-type": "application/json"}
    body = asked("openai_chat", "openai_chat", stream=stream)
    exchange = ScriptedExchange(body, headers, path=PATHS["openai_chat"], **script)
    await gateway.handle(partial(gateway.data_plane.handle, FORMATS["openai_chat"], tap=tap), exchange)
    return exchange


def slow(*, stream: bool) -> Script:
    pieces = [(0.5, piece) for piece in STREAMS["openai_chat"]] if stream else [(0.5, WHOLES["openai_chat"])]
    return Script(pieces, thinking=1.0)


@pytest.mark.parametrize("nodes", [True, False])
@pytest.mark.parametrize("stream", [True, False])
async def test_looking_on_changes_nothing_of_a_request(stream: bool, nodes: bool, autojump_clock: object) -> None:
    got: list[Any] = []
    for tap in (None, Diary(nodes=nodes)):
        async with bench(BUSY, slow(stream=stream)) as gateway:
            began = trio.current_time()
            exchange = await served(gateway, tap, stream=stream)
            lines = [(at - began, data) for at, data in exchange.writes]
            got.append((exchange.status, lines, gateway.row.latency_ms, gateway.row.attempts, trio.current_time() - began))
    assert got[0] == got[1]


@pytest.mark.parametrize("stream", [True, False])
async def test_what_happens_is_told_when_it_does(stream: bool, autojump_clock: object) -> None:
    diary = Diary(nodes=False)
    async with bench(BUSY, slow(stream=stream)) as gateway:
        await served(gateway, diary, stream=stream)
        end = gateway.row.latency_ms / 1000
    first = 1.1875 + 1.0 + 0.5 * (2 if stream else 1)  # the first event of a stream says nothing yet
    assert diary.lines[:10] == [
        (0, "admitting", "test/openai_chat"),
        (0, "admitted", None),
        (0, "attempt", "openai_chat"),
        (1, "head", 503, None),
        (1, "ended", ("provider_overloaded", None), False, False),
        (1, "waits", "pause", 0.1875),
        (1.1875, "waited"),
        (1.1875, "attempt", "openai_chat"),
        (2.1875, "head", 200, None),
        (first, "output"),
    ]
    # The end of a stream is settled before the last bytes of it are written, so that the attempt is over after that.
    order = [2, 0, 1] if stream else [0, 1, 2]
    told = [("ended", None, True, True), ("settling", "completed"), ("settled", True)]
    assert [line[1:] for line in diary.lines[10:]] == [line for _, line in sorted(zip(order, told, strict=True))]
    assert [line[0] for line in diary.lines[10:]] == [pytest.approx(end, abs=0.001)] * 3


async def test_a_client_that_leaves_and_a_deadline_are_told(autojump_clock: object) -> None:
    diary = Diary(nodes=True)
    async with bench(Script([(0.0, STREAMS["openai_chat"][0]), NEVER], thinking=1.0)) as gateway:
        await served(gateway, diary, stream=True, leaves_at=5.0)
    assert [line for line in diary.lines if line[1] in ("ended", "settling", "settled")] == [
        (5, "ended", None, False, False),
        (5, "settling", "cancelled"),
        (5, "settled", True),
    ]


async def test_a_refusal_of_the_ledger_is_told(autojump_clock: object) -> None:
    diary, other = Diary(nodes=False), Diary(nodes=False)
    async with bench(credits=0) as gateway:
        assert (await served(gateway, Taps(diary, other), stream=False)).status == 402
    assert [line[1:] for line in diary.lines] == [
        ("admitting", "test/openai_chat"),
        ("admitted", "insufficient_credits"),
        ("refused", "ledger", "insufficient_credits"),
    ]
    assert other.lines == diary.lines


async def test_whether_a_connection_was_made_for_an_attempt_is_told() -> None:
    whole = WHOLES["openai_chat"]
    reply = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(whole), whole)
    heard: list[tuple[float, float | None]] = []

    class Heads(Tap):
        def attempting(self, answering: Answering) -> AttemptTap:
            began = trio.current_time()

            class Head(AttemptTap):
                def head(self, status: int, connected: float | None) -> None:
                    heard.append((began, connected))

            return Head()

    async with raw_server([Request(), Reply(reply), Request(), Reply(reply)]) as server, Transport() as transport:
        routes = [Route(Provider("p", "openai_chat", server.url), "up", Pricing(1, 1, 1, 1, 1))]
        graph = Graph.linear(decode(), to_routes(routes), call(Upstreams(transport, transport)), encode_whole())
        for number in range(2):
            ticket = Ticket.plain(f"r{number}", FORMATS["openai_chat"])
            ticket.add_tap(Heads())
            await run(graph, [Incoming(ticket, asked("openai_chat", "x", stream=False))])
        assert server.unexpected == 0
    (began, first), (again, second) = heard
    assert first is not None
    assert began <= first < again
    assert second == first
