"""Bodies of many megabytes: one is decoded at a time, and the loop is everybody's in between."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import pytest
import trio

from hyperinfer.formats import FORMATS
from hyperinfer.formats.json_depth import DEEPEST
from hyperinfer.nodes.big_bodies import BIG, BigBodies
from tests.support.bench import Bench, asked, bench
from tests.support.exchanges import ScriptedExchange
from tests.support.replies import STREAMS, WHOLES
from tests.support.upstreams import Script

if TYPE_CHECKING:
    from collections.abc import Callable

    from trio.testing import MockClock

    from hyperinfer.api.edge.dispatch import Handler
    from hyperinfer.formats.codec import Format
    from hyperinfer.formats.conversation import Conversation

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


async def test_a_mistake_in_one_is_its_own(autojump_clock: MockClock) -> None:
    big_bodies, done = BigBodies(), list[str]()

    async def work(name: str, what: Callable[[], object]) -> None:
        with pytest.raises(ZeroDivisionError):
            await big_bodies.in_turn(what)
        done.append(name)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(work, "a", lambda: 1 / 0)
        nursery.start_soon(work, "b", lambda: 1 / 0)
    assert sorted(done) == ["a", "b"]
