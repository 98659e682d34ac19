"""Bodies of many megabytes: one is decoded at a time, and the loop is everybody's in between."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, cast

import pytest
import trio

from hyperinfer.engine import Graph, Node, run
from hyperinfer.formats import FORMATS
from hyperinfer.formats.json_depth import DEEPEST
from hyperinfer.nodes import Incoming, Ticket, call, count, decode, decode_count, to_routes
from hyperinfer.nodes.big_bodies import BIG, BigBodies
from hyperinfer.providers.catalogue import Pricing, Provider, Route
from hyperinfer.providers.upstreams import Upstreams
from tests.support.bench import Bench, asked, bench
from tests.support.exchanges import ScriptedExchange
from tests.support.replies import STREAMS, WHOLES
from tests.support.upstreams import Script, ScriptedTransport

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from trio.testing import MockClock

    from hyperinfer.api.edge.dispatch import Handler
    from hyperinfer.formats.codec import Format
    from hyperinfer.formats.conversation import Conversation

T = TypeVar("T")
Nodes: TypeAlias = "tuple[Node[Any, Any], Node[Any, Any]]"
JSON = {"content-type": "application/json"}
SECONDS = 1.0
"""What one takes to decode here."""


class Slow:
    """A format that takes its time over a big body, during which nothing else runs."""

    def __init__(self, format: Format, clock: MockClock) -> None:
        self._format, self._clock = format, clock

    def __getattr__(self, name: str) -> Any:
        return getattr(self._format, name)

    def decode_request(self, body: bytes, depth: int = DEEPEST) -> Conversation:
        if len(body) > BIG:
            self._clock.jump(SECONDS)
        return self._format.decode_request(body, depth)


class Crowd:
    """Clients of one gateway. `ended`: when the answer of each was complete."""

    def __init__(self, gateway: Bench, clock: MockClock) -> None:
        self._gateway = gateway
        self._answer = partial(gateway.data_plane.handle, cast("Format", Slow(FORMATS["openai_chat"], clock)))
        self.ended: dict[str, float | None] = {}

    async def ask(self, name: str, at: float, *, size: int = 2, stream: bool = False, leaves_at: float = math.inf) -> None:
        """Asks for an answer, with a text of so many characters."""
        body = asked("openai_chat", "openai_chat", stream=stream, messages=[{"role": "user", "content": "x" * size}])
        await self._send(name, at, self._answer, body, leaves_at)

    async def count(self, name: str, at: float, *, size: int) -> None:
        """Asks for the number of tokens. That is decoded in no time."""
        handler = partial(self._gateway.data_plane.count, FORMATS["openai_responses"])
        body = asked("openai_responses", "openai_responses", stream=False, input="x" * size)
        await self._send(name, at, handler, body)

    async def _send(self, name: str, at: float, handler: Handler, body: bytes, leaves_at: float = math.inf) -> None:
        await trio.sleep_until(at)
        headers = {"authorization": f"Bearer {self._gateway.secret}", "content-type": "application/json"}
        exchange = ScriptedExchange(body, headers, leaves_at=leaves_at)
        await self._gateway.handle(handler, exchange)
        assert exchange.status == (200 if leaves_at == math.inf else None), exchange.sent
        self.ended[name] = exchange.ended_at


def answers(count: int) -> list[Script]:
    return [Script([(0.0, WHOLES["openai_chat"])], headers=JSON)] * count


async def test_a_small_request_waits_for_one_and_not_for_all(autojump_clock: MockClock) -> None:
    async with bench(*answers(7)) as gateway, trio.open_nursery() as nursery:
        crowd = Crowd(gateway, autojump_clock)
        for number, at in enumerate((0.0, 1.1, 1.2, 1.3)):
            nursery.start_soon(partial(crowd.ask, f"big {number}", at, size=BIG))
        for name, at in (("during one", 0.5), ("between", 1.5), ("during another", 4.2)):
            nursery.start_soon(crowd.ask, name, at)
    assert crowd.ended == {
        **{"big 0": 1.0, "big 1": 3.0, "big 2": 5.0, "big 3": 7.0},
        **{"during one": 1.0, "between": 1.5, "during another": 5.0},
    }


async def test_who_leaves_the_queue_leaves_it_to_the_next(autojump_clock: MockClock) -> None:
    async with bench(*answers(2)) as gateway, trio.open_nursery() as nursery:
        crowd = Crowd(gateway, autojump_clock)
        nursery.start_soon(partial(crowd.ask, "first", 0.0, size=BIG))
        nursery.start_soon(partial(crowd.ask, "has its turn next", 1.1, size=BIG, leaves_at=1.5))
        nursery.start_soon(partial(crowd.ask, "waits", 1.2, size=BIG, leaves_at=1.5))
        nursery.start_soon(partial(crowd.ask, "last", 1.3, size=BIG))
    assert crowd.ended == {"first": 1.0, "has its turn next": None, "waits": None, "last": 3.0}


async def test_alone_nobody_waits(autojump_clock: MockClock) -> None:
    async with bench(*answers(2)) as gateway:
        crowd = Crowd(gateway, autojump_clock)
        await crowd.ask("one", 0.0, size=BIG)
        await crowd.ask("another, later", 10.0, size=BIG)
    assert crowd.ended == {"one": 1.0, "another, later": 11.0}


async def test_all_routes_have_one_queue(autojump_clock: MockClock) -> None:
    """Whole answers, streams and counts."""
    counted = Script([(0.0, b'{"input_tokens": 3}')], headers=JSON)
    streamed = Script([(0.0, b"".join(STREAMS["openai_chat"]))])
    async with bench(*answers(1), streamed, counted) as gateway, trio.open_nursery() as nursery:
        crowd = Crowd(gateway, autojump_clock)
        nursery.start_soon(partial(crowd.ask, "whole", 0.0, size=BIG))
        nursery.start_soon(partial(crowd.ask, "stream", 1.1, size=BIG, stream=True))
        nursery.start_soon(partial(crowd.count, "count", 1.2, size=BIG))
    assert crowd.ended == {"whole": 1.0, "stream": 3.0, "count": 4.0}


async def test_what_goes_up_waits_for_no_rest_but_lengthens_it(autojump_clock: MockClock) -> None:
    big_bodies, ended = BigBodies(), dict[str, float]()

    async def work(name: str, at: float, turn: Callable[[Callable[[], None]], Awaitable[None]]) -> None:
        await trio.sleep_until(at)
        await turn(lambda: autojump_clock.jump(SECONDS))
        ended[name] = trio.current_time()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(work, "first", 0.0, big_bodies.first_turn)
        nursery.start_soon(work, "second", 1.2, big_bodies.first_turn)
        nursery.start_soon(work, "first goes up", 1.5, big_bodies.next_turn)
    assert ended == {"first": 1.0, "first goes up": 2.5, "second": 4.5}


async def test_what_goes_up_at_once_leaves_the_loop_to_others_in_between(autojump_clock: MockClock) -> None:
    big_bodies, seen = BigBodies(), list[float]()

    async def watch(scope: trio.CancelScope) -> None:
        with scope:
            while True:
                seen.append(trio.current_time())
                await trio.lowlevel.checkpoint()

    watching = trio.CancelScope()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(watch, watching)
        async with trio.open_nursery() as big:
            for _ in range(3):
                big.start_soon(big_bodies.next_turn, lambda: autojump_clock.jump(SECONDS))
        watching.cancel()
    assert {SECONDS, 2 * SECONDS} <= set(seen)


class Watched(BigBodies):
    """`asked`: how often for a turn."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = {"first": 0, "next": 0}

    async def first_turn(self, work: Callable[[], T]) -> T:
        self.asked["first"] += 1
        return await super().first_turn(work)

    async def next_turn(self, work: Callable[[], T]) -> T:
        self.asked["next"] += 1
        return await super().next_turn(work)


async def turns_of(
    size: int, *, answer: bytes, counts: bool, nodes: Callable[[Watched, Upstreams], Nodes]
) -> dict[str, int]:
    """The turns of one request of Responses with so long a text, through two nodes that share them."""
    turns, transport = Watched(), ScriptedTransport(Script([(0.0, answer)], headers=JSON))
    read, serve = nodes(turns, Upstreams(transport, transport))
    provider = Provider("p", "openai_responses", "https://p.test/v1", count_tokens=counts)
    graph = Graph.linear(read, to_routes([Route(provider, "up", Pricing(1, 1, 1, 1, 1))]), serve)
    ticket = Ticket.plain("r1", FORMATS["openai_responses"])
    body = asked("openai_responses", "x", stream=False, input="x" * size)
    ticket.body_size = len(body)
    await run(graph, [Incoming(ticket, body)])
    return turns.asked


@pytest.mark.parametrize(("size", "turns"), [(BIG, {"first": 1, "next": 1}), (2, {"first": 0, "next": 0})])
async def test_what_is_read_and_what_goes_up_have_their_turns(size: int, turns: dict[str, int]) -> None:
    def asking(turns: BigBodies, clients: Upstreams) -> Nodes:
        return decode(big_bodies=turns), call(clients, big_bodies=turns)

    def counting(turns: BigBodies, clients: Upstreams) -> Nodes:
        return decode_count(big_bodies=turns), count(clients, big_bodies=turns)

    number = b'{"input_tokens": 3}'
    assert await turns_of(size, answer=WHOLES["openai_responses"], counts=False, nodes=asking) == turns
    assert await turns_of(size, answer=number, counts=True, nodes=counting) == turns
    assert await turns_of(size, answer=b"", counts=False, nodes=counting) == turns, "of an estimate"


async def test_a_mistake_in_one_is_its_own(autojump_clock: MockClock) -> None:
    big_bodies, done = BigBodies(), list[str]()

    async def work(name: str, what: Callable[[], object]) -> None:
        with pytest.raises(ZeroDivisionError):
            await big_bodies.first_turn(what)
        done.append(name)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(work, "a", lambda: 1 / 0)
        nursery.start_soon(work, "b", lambda: 1 / 0)
    assert sorted(done) == ["a", "b"]
