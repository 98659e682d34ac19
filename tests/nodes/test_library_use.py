"""Pipelines composed in code, without the hosted API."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from hyperinfer.engine import Failure, Graph, run, step
from hyperinfer.engine.testing import ListSink
from hyperinfer.formats import FORMATS
from hyperinfer.nodes import (
    Asked,
    Head,
    Incoming,
    Output,
    Planned,
    Ticket,
    call,
    decode,
    encode,
    encode_whole,
    to_model,
    to_routes,
)
from hyperinfer.providers.catalogue import Pricing, Provider, Route
from hyperinfer.providers.upstreams import Upstreams, open_upstreams, shipped_catalogue
from tests.support.bench import DIALECTS, asked
from tests.support.judge import breaches
from tests.support.replies import STREAMS, WHOLES, text_of
from tests.support.upstreams import Script, ScriptedTransport

if TYPE_CHECKING:
    from hyperinfer.formats import Dialect

ROUTE = Route(Provider("p", "openai_chat", "https://p.test/v1"), "up", Pricing(1, 1, 1, 1, 1))


@step
def louder(asked: Asked) -> Asked:
    """A node of the reader's own."""
    return asked.map_text(str.upper)


@step
def refuse(asked: Asked) -> Asked | Failure:
    """One that knows nothing of tickets."""
    return Failure("content_filter", f"Not '{asked.conversation.model}'.")


async def ran(graph: Graph, client: Dialect, *, stream: bool) -> list[Output | Failure]:
    sink: ListSink[Output | Failure] = ListSink()
    ticket = Ticket.plain("r1", FORMATS[client], now=lambda: 1_700_000_000.0)
    await run(graph, [Incoming(ticket, asked(client, "x", stream=stream))], sink)
    return sink.items


def joined(items: list[Output | Failure]) -> bytes:
    return b"".join(item.data for item in items if not isinstance(item, Head | Failure))


@pytest.mark.parametrize("client", DIALECTS)
async def test_a_node_of_ones_own(client: Dialect, autojump_clock: object) -> None:
    transport = ScriptedTransport(Script([(1.0, frame) for frame in STREAMS["openai_chat"]]))
    upstreams = Upstreams(transport, transport)
    graph = Graph.linear(decode(), louder, to_routes([ROUTE], "my/model"), call(upstreams), encode())
    items = await ran(graph, client, stream=True)
    assert b'"HI"' in transport.played[0].body
    assert isinstance(items[0], Head)
    assert breaches(client, joined(items)) == [] or client == "openai_chat"  # without a meter there is no cost
    assert text_of(client, True, joined(items)) == "Hello"
    assert b'"my/model"' in joined(items)


async def test_whole(autojump_clock: object) -> None:
    transport = ScriptedTransport(Script([(1.0, WHOLES["openai_chat"])]))
    graph = Graph.linear(decode(), to_routes([ROUTE]), call(Upstreams(transport, transport)), encode_whole())
    items = await ran(graph, "anthropic_messages", stream=False)
    assert text_of("anthropic_messages", False, joined(items)) == "Hello"


async def test_a_failure_without_a_ticket_comes_out_as_it_is(autojump_clock: object) -> None:
    transport = ScriptedTransport()
    for last in (encode(), encode_whole()):
        graph = Graph.linear(decode(), refuse, to_routes([ROUTE]), call(Upstreams(transport, transport)), last)
        assert await ran(graph, "openai_chat", stream=True) == [Failure("content_filter", "Not 'test/x'.")]


async def test_a_node_that_swallows_the_request(autojump_clock: object) -> None:
    class Nothing:
        def push(self, item: Asked) -> tuple[Asked, ...]:
            return ()

        def end(self) -> tuple[Asked, ...]:
            return ()

    transport = ScriptedTransport()
    quiet = step(Nothing, name="quiet", consumes=Asked, produces=Asked)
    for last in (encode(), encode_whole()):
        graph = Graph.linear(decode(), quiet, to_routes([ROUTE]), call(Upstreams(transport, transport)), last)
        (failure,) = await ran(graph, "openai_chat", stream=True)
        assert isinstance(failure, Failure)
        assert failure.code == "internal_error"


async def test_with_a_demo_model() -> None:
    async with open_upstreams(now=lambda: 1.0) as upstreams:
        model = to_model(shipped_catalogue(), "demo/messages")
        graph = Graph.linear(decode(), louder, model, call(upstreams), encode())
        body = joined(await ran(graph, "openai_responses", stream=True))
        assert text_of("openai_responses", True, body)
        assert b'"model":"demo/messages"' in body
        assert b'"created_at":1700000000' in body


def test_a_model_that_is_not_there() -> None:
    with pytest.raises(ValueError, match=r"^the catalogue has no model 'demo/chta'; did you mean 'demo/chat'\?$"):
        to_model(shipped_catalogue(), "demo/chta")


def test_a_model_whose_key_is_not_set() -> None:
    slug = next(model.slug for model in shipped_catalogue().models.values() if model.slug.startswith("openai/gpt-"))
    with pytest.raises(ValueError, match=f"^no route of '{slug}' can be called; unset: .*OPENAI_API_KEY"):
        to_model(shipped_catalogue(), slug)
    assert to_model(shipped_catalogue({"OPENAI_API_KEY": "sk-test"}), slug).produces is Planned


def test_no_route() -> None:
    with pytest.raises(ValueError, match=r"^no route: is the provider's key set\?$"):
        to_routes(())


async def test_a_plain_ticket_has_the_time_of_its_clock() -> None:
    before = time.time()
    assert before - 1 <= Ticket.plain("r1", FORMATS["openai_chat"]).created <= time.time()
    assert Ticket.plain("r1", FORMATS["openai_chat"], now=lambda: 5.7).created == 5.7
