"""What a gateway tells of what is under way in it, of its stores and of its upstreams, while it serves."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import trio

from hyperinfer.api.metrics.families import FAMILIES
from hyperinfer.api.store.backlog import Backlog
from tests.api.console.kit import CHUNK, KEY, STREAM, a_request, signed_in
from tests.support.rawclient import head
from tests.support.rawserver import Hold, Reply, Request, raw_server

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable
    from pathlib import Path

    import pytest

    from tests.api.console.kit import SignedIn

CHAT = "/api/v1/chat/completions"
HEADERS = {"authorization": f"Bearer {KEY}", "content-type": "application/json"}


def values(console: SignedIn, name: str) -> dict[tuple[str, ...], Any]:
    """By their labels; histograms as how many values they have."""
    name = f"hyperinfer_{name}"
    assert name in FAMILIES
    told = console.application.siblings.numbers().get(name, [])
    return {tuple(labels): sum(value[0]) if isinstance(value, tuple) else value for labels, value in told}


async def until(true: Callable[[], bool]) -> None:
    with trio.fail_after(10):
        while True:
            if true():
                return
            await trio.sleep(0.01)


@asynccontextmanager
async def serving(folder: Path, url: str, more: str = "") -> AsyncGenerator[SignedIn]:
    """`a/b` is behind a provider that takes two requests at a time, and is left alone after a fault."""
    config = folder / "providers.yaml"
    config.write_text(
        f"providers: {{up: {{protocol: openai_chat, base_url: '{url}/v1', concurrency: 2, breaker: {{faults: 1}}}}}}\n"
        "models: [{slug: a/b, name: B, context_length: 1000, max_output_tokens: 100, routes: [{provider: up, model: m}],\n"
        "          pricing: {prompt: 1, completion: 2}, source: nobody}]\n"
        f"limits: {{retries: 0, {more}}}\ndemo: true\n"
    )
    async with signed_in(folder, config) as console:
        yield console


def wire(model: str, *, stream: bool) -> bytes:
    body = json.dumps(a_request("openai_chat", model, stream=stream)).encode()
    return head("POST", CHAT, {**HEADERS, "content-length": str(len(body))}) + body


async def test_of_a_stream_that_runs(tmp_path: Path) -> None:
    async with (
        raw_server([Request(), Reply(STREAM % (len(CHUNK), CHUNK)), Hold()]) as upstream,
        serving(tmp_path, upstream.url, "in_flight: 1") as console,
    ):
        async with await console.running.connect() as client, await console.running.connect() as another:
            await client.send_all(wire("a/b", stream=True))
            heard = b""
            with trio.fail_after(10):
                while b"Hello" not in heard:
                    heard += await client.receive_some()
            assert values(console, "requests_in_flight") == values(console, "requests_in_flight_limit") == {(): 1}
            assert values(console, "provider_places_taken") == {("up",): 1}
            assert values(console, "provider_places_limit") == {("up",): 2}
            for times in ("upstream_connect_seconds", "upstream_first_byte_seconds"):
                assert values(console, times) == {("up",): 1}, times
            assert values(console, "breaker_state")["up", "m", "closed"] == 1
            assert values(console, "settle_seconds") == {(): 0}
            await another.send_all(wire("demo/chat", stream=False))
            await until(lambda: values(console, "requests_waiting") == {(): 1})
        await until(lambda: values(console, "clients_left_total") == {(): 2})
        assert values(console, "requests_in_flight") == values(console, "requests_waiting") == {(): 0}
        assert values(console, "provider_places_taken") == {("up",): 0}


async def test_of_what_is_over(tmp_path: Path) -> None:
    async with serving(tmp_path, "http://127.0.0.1:1") as console:
        tools = a_request("openai_chat", "demo/chat", stream=False, plugins=[{"id": "datetime"}])
        assert (await console.client.post(CHAT, json=tools, headers=HEADERS)).status_code == 200
        assert values(console, "tool_calls_total") == {("datetime", "ok"): 1}
        assert values(console, "settle_seconds") == {(): 1}
        for _ in range(2):
            await console.client.post(CHAT, json=a_request("openai_chat", "a/b", stream=False), headers=HEADERS)
        states = {labels[2]: value for labels, value in values(console, "breaker_state").items() if labels[0] == "up"}
        assert (states["open"], states["closed"]) == (1, 0)
        assert values(console, "breaker_openings_total")["up", "m"] == 1


async def test_of_the_stores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(tmp_path, "http://127.0.0.1:1") as console:
        assert values(console, "store_up") == {("store",): 1}
        assert values(console, "unsettled_requests") == values(console, "unsettled_oldest_seconds") == {(): 0}
        assert values(console, "journal_bytes") == {}, "there is none"
        store = type(console.gateway.store)
        monkeypatch.setattr(store, "backlog", property(lambda _: Backlog(3, 4.5, 678)))
        monkeypatch.setattr(store, "checks", property(lambda _: {"postgres": False, "redis": True}))
        assert values(console, "unsettled_requests") == {(): 3}
        assert values(console, "unsettled_oldest_seconds") == {(): 4.5}
        assert values(console, "journal_bytes") == {(): 678}
        assert values(console, "store_up") == {("postgres",): 0, ("redis",): 1}


async def test_of_the_edge_of_channels_and_of_the_clock(tmp_path: Path) -> None:
    async with serving(tmp_path, "http://127.0.0.1:1") as console:
        counters = console.application.counters
        counters.refused.update({408: 2, 431: 1})
        counters.late_write()
        console.gateway.parts.settlement.late = 5
        measures = console.gateway.parts.measures
        measures.held_up, measures.waits, measures.waited = 2, 3, 4.5
        assert values(console, "refused_before_request_total") == {("408",): 2, ("431",): 1}
        assert values(console, "deadlines_total") == {("head", "none"): 2, ("write", "none"): 1, ("settle", "none"): 5}
        told = [values(console, f"stream{name}") for name in ("s_held_up", "_waits_total", "_wait_seconds_total")]
        assert told == [{(): 2}, {(): 3}, {(): 4.5}]
        await until(lambda: values(console, "loop_lag_seconds")[()] > 0)
