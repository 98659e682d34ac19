"""Counting tokens: by the provider where it counts, else by the estimate; for whom, and at no cost."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from hyperinfer.engine import Failure, Graph, run
from hyperinfer.engine.testing import ListSink
from hyperinfer.formats import FORMATS
from hyperinfer.formats.tokens import estimate_input
from hyperinfer.nodes import Chunk, Head, Incoming, Output, Ticket, count, decode_count, to_model
from hyperinfer.nodes.count import PATIENCE
from hyperinfer.providers import Upstreams, shipped_catalogue
from tests.nodes.envelopes import check_error
from tests.support.bench import bench, catalogue
from tests.support.exchanges import ScriptedExchange
from tests.support.upstreams import NEVER, Script, ScriptedTransport

if TYPE_CHECKING:
    from hyperinfer.formats import Dialect
    from tests.support.bench import Bench

PATHS: dict[Dialect, str] = {
    "openai_responses": "/api/v1/responses/input_tokens",
    "anthropic_messages": "/api/v1/messages/count_tokens",
}
JSON = {"content-type": "application/json"}
TOOLS: dict[Dialect, Any] = {
    "openai_responses": {"type": "function", "name": "now", "parameters": {"type": "object", "properties": {}}},
    "anthropic_messages": {"name": "now", "input_schema": {"type": "object", "properties": {}}},
}


def counted(tokens: object, at: float = 0.5) -> Script:
    return Script([(at, json.dumps({"input_tokens": tokens}).encode())], headers=JSON)


def asked(client: Dialect, model: str, **more: Any) -> dict[str, Any]:
    body: dict[str, Any] = {"model": f"test/{model}", "tools": [TOOLS[client]], **more}
    if client == "openai_responses":
        return {"input": "How late is it?", "instructions": "Be brief.", **body}
    return {"messages": [{"role": "user", "content": "How late is it?"}], "system": "Be brief.", **body}


async def ask(
    gateway: Bench, client: Dialect, body: object, headers: dict[str, str] | None = None, **script: Any
) -> ScriptedExchange:
    given = {"authorization": f"Bearer {gateway.secret}", **JSON, **(headers or {})}
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    exchange = ScriptedExchange(data, {name: value for name, value in given.items() if value}, path=PATHS[client], **script)
    handler = gateway.data_plane.route(PATHS[client])
    assert handler is not None
    await gateway.handle(handler, exchange)
    return exchange


def number(client: Dialect, exchange: ScriptedExchange, *, estimated: bool) -> int:
    assert exchange.status == 200, exchange.sent
    assert exchange.sent_headers["x-hyperinfer-estimated"] == ("true" if estimated else "false")
    assert exchange.sent_headers["content-type"] == "application/json"
    assert exchange.sent_headers["x-request-id"]
    assert ("request-id" in exchange.sent_headers) == (client == "anthropic_messages")
    document = json.loads(exchange.sent)
    tokens: int = document.pop("input_tokens")
    assert document == ({"object": "response.input_tokens"} if client == "openai_responses" else {})
    return tokens


@pytest.mark.parametrize("upstream", ["openai_responses", "anthropic_messages"])
@pytest.mark.parametrize("client", PATHS)
async def test_the_provider_counts(client: Dialect, upstream: Dialect, autojump_clock: object) -> None:
    shaping = {"max_tokens": 5, "stop_sequences": ["."]} if client == "anthropic_messages" else {"max_output_tokens": 50}
    headers = {"anthropic-beta": "token-counting-2024-11-01", "anthropic-version": "2023-06-01"}
    async with bench(counted(77)) as gateway:
        body = asked(client, upstream, temperature=0.5, stream=True, metadata={}, **shaping)
        exchange = await ask(gateway, client, body, headers)
        assert number(client, exchange, estimated=False) == 77
        (played,) = gateway.transport.played
        assert gateway.store.settlements == []
    route = {"openai_responses": "/responses/input_tokens", "anthropic_messages": "/messages/count_tokens"}[upstream]
    assert played.url == f"https://{upstream}.test/v1{route}"
    assert played.headers["accept"] == "application/json"
    assert played.headers.get("anthropic-beta") == (headers["anthropic-beta"] if upstream == "anthropic_messages" else None)
    sent = json.loads(played.body)
    assert sent.pop("model") == "up"
    if upstream == "anthropic_messages":
        assert sent.keys() == {"messages", "system", "tools"}
        assert sent["system"] == "Be brief."
    else:
        assert sent.keys() == {"input", "instructions", "tools"}
        assert sent["instructions"] == "Be brief."
    assert [tool["name"] for tool in sent["tools"]] == ["now"]
    assert "How late is it?" in played.body.decode()


@pytest.mark.parametrize("client", PATHS)
async def test_fields_that_only_the_providers_route_knows_reach_it(client: Dialect, autojump_clock: object) -> None:
    async with bench(counted(77)) as gateway:
        await ask(gateway, client, asked(client, client, personality="friendly", speed="fast"))
        sent = json.loads(gateway.transport.played[0].body)
        assert (sent["personality"], sent["speed"]) == ("friendly", "fast")


@pytest.mark.parametrize("client", PATHS)
async def test_a_protocol_without_such_a_route_is_estimated(client: Dialect, autojump_clock: object) -> None:
    async with bench() as gateway:
        body = asked(client, "openai_chat")
        tokens = number(client, await ask(gateway, client, body), estimated=True)
        conversation = FORMATS[client].decode_request(json.dumps({"max_tokens": 1, **body}).encode())
        assert tokens == estimate_input(conversation, model="up", protocol="openai_chat")
        assert gateway.transport.played == []
        assert gateway.store.settlements == []


FAILURES = {
    "no such route": Script([(0.1, b'{"error": {"message": "no such path"}}')], status=404, headers=JSON),
    "refused": Script([(0.1, b'{"error": {"message": "Extra inputs are not permitted"}}')], status=400, headers=JSON),
    "key": Script([(0.1, b'{"error": {"message": "bad key"}}')], status=401, headers=JSON),
    "busy": Script([(0.1, b'{"error": {"message": "busy"}}')], status=429, headers={**JSON, "retry-after": "60"}),
    "broken": Script([(0.1, b"<html>")], status=502, headers={"content-type": "text/html"}),
    "no JSON": Script([(0.1, b"seventy-seven")], headers=JSON),
    "no object": Script([(0.1, b"77")], headers=JSON),
    "no number": counted("77"),
    "nothing": counted(0),
    "true": counted(True),
    "more than any model reads": counted(10**13),
    "too long": Script([(0.1, b" " * 70_000)], headers=JSON),
    "cut off": Script([(0.1, b'{"input_'), (0.1, httpx2.ReadError("reset"))], headers=JSON),
    "nobody there": Script(breaks=httpx2.ConnectError("refused")),
    "silence": Script([NEVER], headers=JSON),
    "no head": Script(thinking=1e6, headers=JSON),
}


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("client", PATHS)
async def test_any_failure_of_the_provider_is_an_estimate(client: Dialect, failure: str, autojump_clock: object) -> None:
    async with bench(FAILURES[failure]) as gateway:
        exchange = await ask(gateway, client, asked(client, "anthropic_messages"))
        assert number(client, exchange, estimated=True) > 20
        assert exchange.ended_at is not None
        assert exchange.ended_at <= PATIENCE
        assert (exchange.ended_at == PATIENCE) == (failure in ("silence", "no head"))
        assert gateway.store.settlements == []


async def test_a_route_that_counts_is_asked_also_when_it_is_not_the_first(autojump_clock: object) -> None:
    async with bench(counted(77)) as gateway:
        exchange = await ask(gateway, "anthropic_messages", asked("anthropic_messages", "two"))
        assert number("anthropic_messages", exchange, estimated=False) == 77


async def test_a_route_that_is_left_alone_is_not_asked(autojump_clock: object) -> None:
    async with bench() as gateway:
        (route,) = gateway.catalogue.routes_for("test/anthropic_messages")
        gateway.health.of(route).open(10.0, 10.0)
        exchange = await ask(gateway, "anthropic_messages", asked("anthropic_messages", "anthropic_messages"))
        assert exchange.sent_headers["x-hyperinfer-estimated"] == "true"


async def test_counting_needs_no_credit_and_takes_from_the_rate(autojump_clock: object) -> None:
    limited = catalogue(limits="{rate_per_minute: 60, burst: 2}")
    async with bench(counted(1, at=0.1), counted(2, at=0.1), credits=0, catalogue=limited) as gateway:
        body = asked("anthropic_messages", "anthropic_messages")
        for tokens in (1, 2):
            assert number("anthropic_messages", await ask(gateway, "anthropic_messages", body), estimated=False) == tokens
        third = await ask(gateway, "anthropic_messages", asked("anthropic_messages", "openai_chat"))
        check_error("anthropic_messages", third, "rate_limit_exceeded")
        assert third.sent_headers["retry-after"] == "1"
        assert (await gateway.store.workspace("lab")).balance == 0


@pytest.mark.parametrize("client", PATHS)
async def test_who_may_not_ask_may_not_count(client: Dialect, autojump_clock: object) -> None:
    async with bench() as gateway:
        check_error(client, await ask(gateway, client, asked(client, "x"), {"authorization": ""}), "invalid_api_key")
        check_error(client, await ask(gateway, client, asked(client, "x")), "invalid_request")
        check_error(client, await ask(gateway, client, asked(client, "unset")), "provider_unavailable")
        check_error(
            client, await ask(gateway, client, asked(client, "x"), {"content-type": "text/plain"}), "invalid_request"
        )
        check_error(client, await ask(gateway, client, b"{"), "invalid_request")
        check_error(client, await ask(gateway, client, b'{"model": "test/openai_chat", "tools": 5}'), "invalid_request")
        deep = b'{"model": ' + b"[" * 500 + b"]" * 500 + b"}"
        check_error(client, await ask(gateway, client, deep), "invalid_request")
        got = await ask(gateway, client, b"", method="GET")
        assert (got.status, got.sent_headers["allow"]) == (405, "POST")


async def test_what_lies_elsewhere_is_not_counted(autojump_clock: object) -> None:
    async with bench() as gateway:
        body = asked("openai_responses", "openai_responses", previous_response_id="resp_1")
        check_error("openai_responses", await ask(gateway, "openai_responses", body), "invalid_request")
        body = asked("anthropic_messages", "anthropic_messages", thread={"type": "create"})
        check_error("anthropic_messages", await ask(gateway, "anthropic_messages", body), "invalid_request")


async def test_instructions_alone_are_counted(autojump_clock: object) -> None:
    async with bench() as gateway:
        body = {"model": "test/openai_chat", "instructions": "Be brief."}
        assert number("openai_responses", await ask(gateway, "openai_responses", body), estimated=True) > 2


async def test_a_client_that_leaves_ends_the_question(autojump_clock: object) -> None:
    async with bench(Script([NEVER], headers=JSON)) as gateway:
        body = asked("anthropic_messages", "anthropic_messages")
        exchange = await ask(gateway, "anthropic_messages", body, leaves_at=1.0)
        assert exchange.ended_at is None
        assert gateway.transport.played[0].closed_at == 1.0


async def test_a_pipeline_without_accounts(autojump_clock: object) -> None:
    upstreams = ScriptedTransport()
    model = to_model(shipped_catalogue(), "demo/messages")
    graph = Graph.linear(decode_count(), model, count(Upstreams(upstreams, upstreams)))
    ticket = Ticket.plain("count-1", FORMATS["anthropic_messages"])
    body = b'{"model": "any", "messages": [{"role": "user", "content": "How late is it?"}]}'
    sink: ListSink[Output | Failure] = ListSink()
    await run(graph, [Incoming(ticket, body)], sink)
    head, chunk = sink.items
    assert isinstance(head, Head)
    assert isinstance(chunk, Chunk)
    assert dict(head.headers)["x-hyperinfer-estimated"] == "true"
    assert json.loads(chunk.data)["input_tokens"] > 5
