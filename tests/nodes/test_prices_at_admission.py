"""A catalogue that changes under running requests: what was in force when they were let in is what they cost, and where they
go on. On virtual time, at every instant at which something happens."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import trio

from hyperinfer.formats.usage import usd_json
from tests.support.bench import Bench, bench, catalogue
from tests.support.replies import STREAMS, WHOLES
from tests.support.tool_rounds import ScriptedTool, call, found, switched_on, text, tooling, upstream
from tests.support.upstreams import Script

if TYPE_CHECKING:
    from trio.testing import MockClock

    from hyperinfer.engine import Failure
    from hyperinfer.nodes.ports import Admission
    from hyperinfer.providers.catalogue import Catalogue

USUAL = catalogue()
COST = 6 * 3_000_000 + 4 * 300_000 + 5 * 15_000_000
BUSY = Script([(0.0, b"{}")], status=503, headers={"content-type": "application/json"}, connecting=0.5, thinking=0.5)
SECONDS = 1.0
"""That admission takes here."""


def dearer(current: Catalogue) -> Catalogue:
    """The same models at ten times the price, from providers that have moved and with other keys."""
    models = {
        slug: replace(
            model,
            routes=tuple(
                replace(
                    route,
                    pricing=replace(
                        route.pricing, prompt=route.pricing.prompt * 10, completion=route.pricing.completion * 10
                    ),
                    provider=replace(route.provider, base_url="https://moved.test/v1", keys=()),
                )
                for route in model.routes
            ),
        )
        for slug, model in current.models.items()
    }
    providers = {route.provider.name: route.provider for model in models.values() for route in model.routes}
    return replace(current, models=models, providers=providers, limits=replace(current.limits, retries=0))


def slowly_admitting(gateway: Bench) -> list[int]:
    """Admission takes a second from here on; the holds that were asked for."""
    admit, holds = gateway.store.admit, list[int]()

    async def slowly(admission: Admission) -> Failure | None:
        holds.append(admission.hold)
        refusal = await admit(admission)
        await trio.sleep(SECONDS)
        return refusal

    setattr(gateway.store, "admit", slowly)  # noqa: B010
    return holds


async def changed_at(gateway: Bench, instant: float, other: Catalogue) -> None:
    await trio.sleep(instant)
    await gateway.reload(other)


@pytest.mark.parametrize("instant", [0.5, 1.2, 1.7, 2.5, 3.2, 3.7, 4.5])
@pytest.mark.parametrize("stream", [True, False])
async def test_at_every_instant_of_a_request(stream: bool, instant: float, autojump_clock: MockClock) -> None:
    """While its hold is taken, before and between attempts, before the reply and in the midst of it."""
    body = b"".join(STREAMS["openai_chat"]) if stream else WHOLES["openai_chat"]
    headers = {"content-type": "text/event-stream" if stream else "application/json"}
    half = len(body) // 2
    good = Script([(1.0, body[:half]), (1.0, body[half:])], headers=headers, connecting=0.5, thinking=0.5)
    async with bench(BUSY, good) as gateway:
        holds = slowly_admitting(gateway)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(changed_at, gateway, instant, dearer(USUAL))
            exchange = await gateway.ask("openai_chat", "twice", stream=stream)
        assert exchange.status == 200
        assert gateway.row.cost == COST
        assert [attempt.url for attempt in gateway.transport.played] == [
            "https://openai_chat.test/v1/chat/completions",
            "https://second.test/v1/chat/completions",
        ], "it goes where the catalogue led that it began with, as often as that said"
        assert gateway.transport.played[1].headers["authorization"] == "Bearer sk-secret-second"
        assert b'"cost":' + bytes(usd_json(COST)) in exchange.sent
        held = holds[0]
        gateway.transport.scripts += [good]
        await gateway.ask("openai_chat", "twice", stream=stream)
        assert holds[1] > 9 * held, "the next one pays what stands there now"
        assert gateway.store.settlements[-1][1].cost > 9 * COST
        assert gateway.transport.played[-1].url == "https://moved.test/v1/chat/completions"


@pytest.mark.parametrize("instant", [0.5, 1.5, 3.5])
async def test_tools_at_the_prices_that_are_held(instant: float, autojump_clock: MockClock) -> None:
    cheap, dear = (ScriptedTool(steps=[(1.0, found())], price=price) for price in (7_000, 9_000_000))
    offered: list[Any] = [cheap]
    tools = replace(tooling(), tools=lambda: {tool.name: tool for tool in offered})
    asks = upstream("openai_chat", call("web_search", query="a"), stream=True)
    again = upstream("openai_chat", call("web_search", "call_2", query="b"), stream=True)
    answers = upstream("openai_chat", text("so"), stream=True)
    async with bench(asks, again, answers, tooling=tools) as gateway:
        slowly_admitting(gateway)

        async def change() -> None:
            await trio.sleep(instant)
            offered[:] = [dear]

        async with trio.open_nursery() as nursery:
            nursery.start_soon(change)
            exchange = await gateway.ask(
                "openai_chat", "openai_chat", stream=True, **switched_on("openai_chat", "web_search")
            )
        assert exchange.status == 200
        assert (len(cheap.ran), len(dear.ran)) == (2, 0)
        assert [(line.bucket, line.price) for line in gateway.row.lines if "search" in line.bucket] == [
            ("web_search", 7_000)
        ]


async def test_a_model_that_left_answers_who_asked_before(autojump_clock: MockClock) -> None:
    without = replace(USUAL, models={}, providers={})
    body = b"".join(STREAMS["openai_chat"])
    async with bench(Script([(5.0, body)])) as gateway:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(changed_at, gateway, 1.0, without)
            exchange = await gateway.ask("openai_chat", "openai_chat", stream=True)
        assert exchange.status == 200
        assert gateway.row.cost == COST
        refused = await gateway.ask("openai_chat", "openai_chat", stream=True)
        assert refused.status == 400
        assert json.loads(refused.sent)["error"]["param"] == "model"
