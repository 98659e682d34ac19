"""Calls that are raced or have a deadline, over real connections: those that lose are closed while the winner goes on."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack
from functools import partial
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from hyperinfer.engine import Failure, Graph, gather, race, run, within
from hyperinfer.engine.testing import ListSink
from hyperinfer.formats import FORMATS
from hyperinfer.nodes import Answering, Incoming, Reply, Ticket, call, decode, to_routes
from hyperinfer.providers.catalogue import Pricing, Provider, Route
from hyperinfer.providers.transport import Transport
from hyperinfer.providers.upstreams import Upstreams
from tests.support.bench import asked
from tests.support.engine_parts import at
from tests.support.rawserver import Hold, RawServer, Request, Script, Wait, raw_server
from tests.support.rawserver import Reply as Bytes
from tests.support.replies import WHOLES

WHOLE = WHOLES["openai_chat"]
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(WHOLE)

NEVER = 99.0


@pytest.fixture
def still_clock() -> MockClock:
    """Stands still while anything happens; goes on when all tasks wait for a time."""
    return MockClock(autojump_threshold=0.1)


def spoken(item: Reply | Failure) -> bool:
    return isinstance(item, tuple)


class Outcome:
    """What came of a node made of one call for each script, each at a server of its own."""

    def __init__(self) -> None:
        self.sink: ListSink[Any] = ListSink()
        self.servers: list[RawServer] = []
        self.ticket = Ticket.plain("r1", FORMATS["openai_chat"], now=lambda: 1_700_000_000.0)
        self.ended = 0.0

    async def of(self, made: Any, *answers: float) -> Outcome:
        """`answers`: after how many seconds each server does."""
        async with trio.open_nursery() as nursery:
            async with AsyncExitStack() as stack:
                await self._run(made, answers, stack, nursery)
            nursery.cancel_scope.cancel()
        return self

    async def _run(self, made: Any, answers: Sequence[float], stack: AsyncExitStack, nursery: trio.Nursery) -> None:
        transport = await stack.enter_async_context(Transport())
        called = call(Upstreams(transport, transport), retries=0)
        models: list[Graph] = []
        for place, seconds in enumerate(answers):
            due = trio.Event()
            nursery.start_soon(_set_after, due, seconds)
            answer: Script = [Wait(due), Bytes(HEAD + WHOLE)] if seconds < NEVER else []
            script: Script = [Request(), *answer, Hold()]
            server = await stack.enter_async_context(raw_server(script))
            self.servers.append(server)
            provider = Provider(f"p{place}", "openai_chat", server.url)
            models.append(Graph.linear(to_routes([Route(provider, "up", Pricing(1, 1, 1, 1, 1))]), called))
        incoming = Incoming(self.ticket, asked("openai_chat", "x", stream=False))
        await run(Graph.linear(decode(), made(*models)), [incoming], self.sink)
        self.ended = at(trio.current_time())
        assert transport.active == 0
        for server in self.servers:
            if not self.answered(server):
                await server.connections[0].closed.wait()

    def answered(self, server: RawServer) -> bool:
        """Whether it was heard to its end: such a connection is kept."""
        heard = [attempt.provider for attempt in self.ticket.attempts if attempt.status == 200 and attempt.code is None]
        return f"p{self.servers.index(server)}" in heard

    def closed_at(self, place: int) -> float | None:
        """When a server saw its client leave."""
        instant = self.servers[place].connections[0].closed_at
        return None if instant is None else at(instant)


async def _set_after(event: trio.Event, seconds: float) -> None:
    await trio.sleep(seconds)
    event.set()


async def test_the_loser_of_a_race_is_closed_when_the_other_speaks(still_clock: MockClock) -> None:
    seen = await Outcome().of(partial(race, wins=spoken), NEVER, 2)
    assert [item.route.provider.name for item in seen.sink.items if isinstance(item, Answering)] == ["p1"]
    assert (seen.ended, seen.closed_at(0)) == (2, 2)
    assert sorted(attempt.provider for attempt in seen.ticket.attempts) == ["p0", "p1"]


async def test_a_hedged_call_too(still_clock: MockClock) -> None:
    seen = await Outcome().of(partial(race, wins=spoken, stagger=1), NEVER, 2)
    assert (seen.ended, seen.closed_at(0)) == (2, 2)
    assert {attempt.provider: round(attempt.ms, -1) for attempt in seen.ticket.attempts} == {"p0": 2000, "p1": 1000}


async def test_a_call_that_is_late_is_closed(still_clock: MockClock) -> None:
    seen = await Outcome().of(partial(within, item=3, name="model"), NEVER)
    assert [item.code for item in seen.sink.items if isinstance(item, Failure)] == ["provider_timeout"]
    assert (seen.ended, seen.closed_at(0)) == (3, 3)


async def test_those_that_are_gathered_are_asked_at_the_same_time(still_clock: MockClock) -> None:
    seen = await Outcome().of(gather, 3, 2)
    ((first, second),) = seen.sink.items
    assert seen.ended == 3
    assert first[-1] == second[-1]
    assert {attempt.provider: attempt.ms for attempt in seen.ticket.attempts} == {"p0": 3000, "p1": 2000}
