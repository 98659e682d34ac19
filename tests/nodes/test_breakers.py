"""Requests past open breakers and full providers, on virtual time."""

from __future__ import annotations

import itertools
from functools import partial
from typing import TYPE_CHECKING

import httpx2
import pytest
import trio

from hyperinfer.providers.catalogue import load
from tests.nodes.envelopes import check_error
from tests.nodes.test_retries import bad, good
from tests.support.bench import Bench, asked, bench, catalogue
from tests.support.replies import STREAMS, WHOLES
from tests.support.upstreams import NEVER, Script

if TYPE_CHECKING:
    from hyperinfer.nodes.health import Vitals
    from tests.support.exchanges import ScriptedExchange

BREAKER = catalogue("breaker: {faults: 3, pause: 10}")
ONE_PLACE = catalogue("concurrency: 1")
SLOW = Script([(0.0, b"".join(STREAMS["openai_chat"]))], thinking=1.0)
STUCK = Script([NEVER])


def vitals(gateway: Bench, slug: str, place: int = 0) -> Vitals:
    model = gateway.catalogue.model(f"test/{slug}")
    assert model is not None
    return gateway.health.of(model.routes[place])


_NUMBERS = itertools.count()


async def ask(gateway: Bench, model: str, *, stream: bool = True) -> ScriptedExchange:
    """A conversation of its own, which has no route yet."""
    messages = [{"role": "user", "content": str(next(_NUMBERS))}]
    return await gateway.ask("openai_chat", model, stream=stream, messages=messages)


def providers_of(gateway: Bench) -> list[list[str]]:
    """Those that each request asked."""
    return [[attempt.provider for attempt in row.attempts] for _, row in gateway.store.settlements]


async def test_an_open_route_is_skipped_at_once_and_without_an_attempt(autojump_clock: object) -> None:
    scripts = [bad(503), good("openai_chat")] * 3 + [good("openai_chat")] * 2 + [good("openai_chat")]
    async with bench(*scripts, catalogue=BREAKER) as gateway:
        for _ in range(5):
            assert (await ask(gateway, "twice")).status == 200
        assert providers_of(gateway) == [["openai_chat", "second"]] * 3 + [["second"]] * 2
        assert trio.current_time() == 3.0
        await trio.sleep(10.0)
        await ask(gateway, "twice")
        assert providers_of(gateway)[-1] == ["openai_chat"]
        assert vitals(gateway, "twice").closed


async def test_one_probe_goes_and_the_others_elsewhere(autojump_clock: object) -> None:
    scripts = [SLOW, good("openai_chat"), good("openai_chat"), good("openai_chat")]
    async with bench(*scripts, catalogue=BREAKER) as gateway:
        vitals(gateway, "twice").open(0.0, 10.0)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask, gateway, "twice")
            await trio.sleep(0.5)
            await ask(gateway, "twice")
            await ask(gateway, "twice")
            assert providers_of(gateway) == [["second"], ["second"]]
        assert vitals(gateway, "twice").closed, "the probe answered"
        await ask(gateway, "twice")
        assert providers_of(gateway)[-2:] == [["openai_chat"], ["openai_chat"]]


async def test_a_stream_is_a_success_with_its_first_output(autojump_clock: object) -> None:
    first, *rest = STREAMS["openai_chat"]
    long = Script([(0.0, first), *[(1.0, piece) for piece in rest]])
    async with bench(long, catalogue=BREAKER) as gateway:
        vitals(gateway, "openai_chat").open(0.0, 10.0)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask, gateway, "openai_chat")
            await trio.sleep(2.5)
            assert vitals(gateway, "openai_chat").closed
            assert gateway.store.settlements == []


async def test_the_only_route_is_asked_as_usual_also_while_it_is_open(autojump_clock: object) -> None:
    """So that what the requests of one client do to a provider keeps out no other, and none has fewer attempts."""
    async with bench(*[bad(503)] * 5, good("openai_chat"), catalogue=BREAKER) as gateway:
        check_error("openai_chat", await ask(gateway, "openai_chat"), "provider_overloaded")
        assert not vitals(gateway, "openai_chat").closed
        assert (await ask(gateway, "openai_chat")).status == 200
        assert [len(asked) for asked in providers_of(gateway)] == [3, 3]
        assert vitals(gateway, "openai_chat").closed


async def test_when_all_are_open_the_least_bad_is_asked_first(autojump_clock: object) -> None:
    async with bench(*[bad(503, 0.0)] * 3, catalogue=BREAKER) as gateway:
        vitals(gateway, "twice").open(9.0, 10.0)
        vitals(gateway, "twice", 1).open(5.0, 10.0)
        check_error("openai_chat", await ask(gateway, "twice"), "provider_overloaded")
        assert providers_of(gateway) == [["second", "openai_chat", "second"]]


@pytest.mark.parametrize("status", [400, 403, 404, 413, 422])
async def test_what_a_request_asks_opens_nothing(status: int, autojump_clock: object) -> None:
    async with bench(*[bad(status)] * 9, catalogue=BREAKER) as gateway:
        for _ in range(9):
            await ask(gateway, "openai_chat")
        assert vitals(gateway, "openai_chat").closed


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("probing", [False, True])
async def test_clients_that_go_away_open_nothing(probing: bool, stream: bool, autojump_clock: object) -> None:
    async with bench(*[STUCK] * 9, catalogue=BREAKER) as gateway:
        if probing:
            vitals(gateway, "openai_chat").open(0.0, 10.0)
        for _ in range(9):
            await gateway.ask("openai_chat", "openai_chat", stream=stream, leaves_at=trio.current_time() + 1.0)
        assert vitals(gateway, "openai_chat").closed is not probing
        assert vitals(gateway, "openai_chat").usable(), "the place of the probe is given back"


@pytest.mark.parametrize(
    "script",
    [
        Script(breaks=httpx2.ConnectError("no")),
        Script(connecting=1e9),
        Script([(0.0, STREAMS["openai_chat"][0])]),
        Script([(0.0, b"<html>")], headers={"content-type": "text/html"}),
        Script([(0.0, b'data: {"error": {"message": "busy", "code": 529}}\n\n')]),
        Script([(0.0, b"".join(STREAMS["openai_chat"][:3]))]),
        STUCK,
    ],
    ids=["refused", "unreachable", "empty", "page", "said in the stream", "breaks off", "silent"],
)
async def test_these_open_it(script: Script, autojump_clock: object) -> None:
    async with bench(*[script] * 12, catalogue=catalogue("breaker: {faults: 3, window: 3600}")) as gateway:
        while vitals(gateway, "openai_chat").closed:
            await ask(gateway, "openai_chat")
        assert len(gateway.transport.played) <= 3


async def test_what_replies_took_is_remembered(autojump_clock: object) -> None:
    first, *rest = STREAMS["openai_chat"]
    stream = Script([(2.0, first), (0.0, rest[0]), (1.0, b"".join(rest[1:]))])
    many = WHOLES["openai_chat"].replace(b'"completion_tokens": 5', b'"completion_tokens": 40')
    async with bench(stream, Script([(4.0, many)]), stream) as gateway:
        await ask(gateway, "openai_chat")
        route = vitals(gateway, "openai_chat")
        assert (route.latency(), route.throughput()) == (2.0, None), "of two tokens nothing is told"
        await ask(gateway, "openai_chat", stream=False)
        assert (route.latency(), route.throughput()) == (2.0, 10.0), "a whole reply has no first output"


async def test_a_full_provider_is_passed_over_and_its_place_is_taken_to_the_end_of_the_stream(
    autojump_clock: object,
) -> None:
    first, *rest = STREAMS["openai_chat"]
    long = Script([(0.0, first), *[(1.0, piece) for piece in rest]])
    async with bench(long, good("openai_chat"), good("openai_chat"), catalogue=ONE_PLACE) as gateway:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask, gateway, "twice")
            await trio.sleep(len(rest) - 0.5)
            await ask(gateway, "twice")
            assert providers_of(gateway) == [["second"]]
        await ask(gateway, "twice")
        assert providers_of(gateway)[-1] == ["openai_chat"]


async def test_a_place_is_waited_for_in_turn_and_not_for_long(autojump_clock: object) -> None:
    script = Script([(0.0, WHOLES["openai_chat"])], thinking=1.5)
    async with bench(*[script] * 2, catalogue=ONE_PLACE) as gateway:
        exchanges: list[ScriptedExchange] = []

        async def one() -> None:
            exchanges.append(await ask(gateway, "openai_chat", stream=False))

        async with trio.open_nursery() as nursery:
            for _ in range(3):
                nursery.start_soon(one)
                await trio.sleep(0.01)
        assert sorted((e.status, round(e.ended_at or 0.0, 2)) for e in exchanges) == [(200, 1.5), (200, 3.0), (529, 2.02)]
        (refused,) = [exchange for exchange in exchanges if exchange.status == 529]
        check_error("openai_chat", refused, "provider_overloaded")
        assert refused.sent_headers["retry-after"] == "1"
        assert [played.at for played in gateway.transport.played] == [0.0, 1.5]


@pytest.mark.parametrize("stream", [True, False])
async def test_places_are_given_back_by_whoever_goes_away(stream: bool, autojump_clock: object) -> None:
    """In the middle of an attempt, in the queue, and in the pause before the next attempt."""
    async with bench(
        STUCK, bad(503, 0.0, retry_after="4"), good("openai_chat", stream=stream), catalogue=ONE_PLACE
    ) as gateway:
        async with trio.open_nursery() as nursery:
            leave = partial(gateway.ask, "openai_chat", "openai_chat", stream=stream)
            nursery.start_soon(partial(leave, leaves_at=1.0))
            await trio.sleep(0.5)
            await leave(leaves_at=0.75)  # queued
        assert trio.current_time() == 1.0
        await leave(leaves_at=2.0)  # sleeping
        assert trio.current_time() == 2.0
        assert (await ask(gateway, "openai_chat", stream=stream)).status == 200


async def test_a_place_is_given_back_when_the_grace_is_over(autojump_clock: object) -> None:
    async with bench(STUCK, catalogue=ONE_PLACE) as gateway:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask, gateway, "openai_chat")
            await trio.sleep(1.0)
            nursery.start_soon(ask, gateway, "openai_chat")
            await trio.sleep(0.5)
            gateway.drain.begin(0.0)
            await gateway.drain.finish(5.0)
        assert trio.current_time() == 1.5


def test_the_keys_of_the_catalogue() -> None:
    text = 'providers: {p: {protocol: openai_chat, base_url: "https://p.test/v1", breaker: {faults: 0, longest_pause: 60}}}'
    breaker = load(text, {}).providers["p"].breaker
    assert (breaker.faults, breaker.window, breaker.pause, breaker.longest_pause) == (0, 30.0, 10.0, 60.0)


async def test_a_strict_request_that_fits_nowhere_gives_its_place_back(autojump_clock: object) -> None:
    body = asked("openai_chat", "anthropic_messages", stream=True, seed=5)
    async with bench(good("anthropic_messages"), catalogue=ONE_PLACE) as gateway:
        for _ in range(3):
            assert (await gateway.send("openai_chat", body, {"x-hyperinfer-strict": "true"})).status == 400
        assert (await ask(gateway, "anthropic_messages")).status == 200
