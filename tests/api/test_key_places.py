"""`limits.in_flight_per_key`: so many requests of a key at once, each to its very end, and every place is given back."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest
import trio

from hyperinfer.api.key_places import KeyPlaces
from hyperinfer.engine import Failure, Sink, Stage, stage
from hyperinfer.nodes.items import Answering, Reply
from tests.nodes.envelopes import check_error
from tests.nodes.test_retries import bad, good
from tests.support.bench import DIALECTS, bench, catalogue
from tests.support.replies import STREAMS, WHOLES
from tests.support.upstreams import NEVER, Script

if TYPE_CHECKING:
    from hyperinfer.formats import Dialect

ONE = catalogue(limits="{in_flight_per_key: 1}")
PROVIDERS_TOO = catalogue("concurrency: 1", "{in_flight_per_key: 1}")
SLOW = Script([(0.0, WHOLES["openai_chat"])], thinking=1.0)


class _Crash(Stage[Reply, Reply]):
    async def receive(self, item: Reply, sink: Sink[Reply]) -> None:
        if not isinstance(item, Answering):
            raise ZeroDivisionError("a bug")
        await sink.send(item)


def test_keys_do_not_see_each_other() -> None:
    places = KeyPlaces(2)
    assert [places.enter(key) is None for key in ("a", "a", "a", "b", "b", "b")] == [True, True, False, True, True, False]
    places.leave("a")
    assert [places.enter(key) is None for key in ("a", "b")] == [True, False]
    assert places.taken == 4
    places.most = 1
    places.leave("a")
    assert isinstance(places.enter("a"), Failure)
    places.most = None
    assert places.enter("a") is None
    for key in ("a", "a", "b", "b"):
        places.leave(key)
    assert places.taken == 0


@pytest.mark.parametrize("client", DIALECTS)
async def test_one_too_many_is_told_so(client: Dialect, autojump_clock: object) -> None:
    async with bench(SLOW, catalogue=ONE) as gateway, trio.open_nursery() as nursery:
        nursery.start_soon(partial(gateway.ask, "openai_chat", "openai_chat", stream=False))
        await trio.sleep(0.5)
        refused = await gateway.ask(client, "openai_chat", stream=True)
        check_error(client, refused, "rate_limit_exceeded")
        assert (refused.sent_headers["retry-after"], trio.current_time()) == ("1", 0.5)


async def test_a_stream_has_its_place_until_its_client_has_its_end(autojump_clock: object) -> None:
    first, *rest = STREAMS["openai_chat"]
    long = Script([(0.0, first), *[(1.0, piece) for piece in rest]])
    async with bench(long, good("openai_chat"), catalogue=ONE) as gateway:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(partial(gateway.ask, "openai_chat", "openai_chat", stream=True))
            await trio.sleep(len(rest) - 0.5)
            assert (await gateway.ask("openai_chat", "openai_chat", stream=True)).status == 429
        assert (await gateway.ask("openai_chat", "openai_chat", stream=True)).status == 200


@pytest.mark.parametrize("stream", [True, False])
async def test_a_place_is_given_back_by_whoever_goes_away_fails_or_is_refused(stream: bool, autojump_clock: object) -> None:
    async with bench(Script([NEVER]), bad(401), good("openai_chat", stream=stream), catalogue=ONE) as gateway:
        await gateway.ask("openai_chat", "openai_chat", stream=stream, leaves_at=1.0)
        assert (await gateway.ask("openai_chat", "openai_chat", stream=stream)).status == 502
        assert (await gateway.ask("openai_chat", "nowhere", stream=stream)).status == 400
        assert (await gateway.send("openai_chat", b"{")).status == 400
        assert (await gateway.ask("openai_chat", "openai_chat", stream=stream)).status == 200


async def test_a_bug_gives_them_back(autojump_clock: object) -> None:
    async with bench(good("openai_chat"), good("openai_chat"), catalogue=PROVIDERS_TOO) as gateway:
        usual, crash = gateway.pipelines.stream, stage(_Crash, name="crash", consumes=Reply, produces=Reply)
        gateway.pipelines.stream = usual.replace("translate", crash)
        assert (await gateway.ask("openai_chat", "openai_chat", stream=True)).status == 500
        gateway.pipelines.stream = usual
        assert (await gateway.ask("openai_chat", "openai_chat", stream=True)).status == 200
