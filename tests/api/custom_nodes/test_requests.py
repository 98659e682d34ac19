"""What requests go through when `pipeline` names nodes: in the three formats, streamed and whole, on virtual time."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import trio
from msgspec.structs import replace

from tests.api.custom_nodes.section import COST, PLACES, each_client, each_way, item, reply
from tests.support.bench import DIALECTS, asked, bench, catalogue
from tests.support.exchanges import ScriptedExchange
from tests.support.upstreams import Script

if TYPE_CHECKING:
    from hyperinfer.formats import Dialect


@each_way
@each_client
@pytest.mark.parametrize("upstream", DIALECTS)
async def test_the_request_and_the_reply_are_changed_and_the_bill_is_not(
    client: Dialect, upstream: Dialect, stream: bool, autojump_clock: object
) -> None:
    pipeline = f"[{item('redact', 'after: decode', word='hi')}, {item('shout', 'after: meter')}]"
    async with bench(reply(upstream, stream=stream), catalogue=catalogue(pipeline=pipeline)) as gateway:
        exchange = await gateway.ask(client, upstream, stream=stream)
        assert exchange.status == 200
        assert b"[removed]" in gateway.transport.played[0].body
        assert b'"hi"' not in gateway.transport.played[0].body
        assert b"HEL" in exchange.sent
        assert b"Hel" not in exchange.sent
        assert (gateway.row.status, gateway.row.cost, gateway.row.tokens_completion) == ("completed", COST, 5)
        assert f'"cost":{COST / 10**12:.7f}'.encode() in exchange.sent


@each_way
@pytest.mark.parametrize("dialect", ["openai_responses", "anthropic_messages"])
async def test_what_stands_before_the_call_stands_before_the_counting_too(
    dialect: Dialect, stream: bool, autojump_clock: object
) -> None:
    places = ("after: decode", "after: route", "before: call")
    listed = ", ".join(
        item("wait", p, name=f"n{n}", seconds=1, item=t)
        for n, (p, t) in enumerate(zip(places, ("Asked", "Planned", "Planned"), strict=True))
    )
    pipeline = f"[{listed}, {item('redact', 'before: route', word='hi')}, {item('shout', 'after: meter')}]"
    async with bench(
        Script([(0.0, b'{"input_tokens": 7}')], headers={"content-type": "application/json"}),
        catalogue=catalogue(pipeline=pipeline),
    ) as gateway:
        assert gateway.pipelines.stream.order == (
            "decode", "n0", "redact", "route", "n1", "admit", "n2", "tool_loop", "translate", "meter", "shout", "encode",
            "settle",
        )  # fmt: skip
        assert gateway.pipelines.whole.order == gateway.pipelines.stream.order
        assert gateway.pipelines.count.order == ("decode_count", "n0", "redact", "route", "n1", "n2", "count")
        path = {"openai_responses": "/api/v1/responses/input_tokens", "anthropic_messages": "/api/v1/messages/count_tokens"}
        handler = gateway.data_plane.route(path[dialect])
        assert handler is not None
        exchange = ScriptedExchange(
            asked(dialect, dialect, stream=stream),
            {"authorization": f"Bearer {gateway.secret}", "content-type": "application/json"},
            path=path[dialect],
        )
        await gateway.handle(handler, exchange)
        assert json.loads(exchange.sent)["input_tokens"] == 7
        assert exchange.ended_at == 3.0, "three nodes that wait for a second each"
        assert b"[removed]" in gateway.transport.played[0].body


async def test_each_run_has_its_own_state(autojump_clock: object) -> None:
    pipeline = f"[{item('count_bursts', 'after: meter')}]"
    scripts = [reply("openai_chat", stream=True, apart=1.0) for _ in range(3)]
    async with bench(*scripts, catalogue=catalogue(pipeline=pipeline)) as gateway:
        alone = await gateway.ask("openai_chat", "openai_chat", stream=True)
        together: list[bytes] = []

        async def ask() -> None:
            together.append((await gateway.ask("openai_chat", "openai_chat", stream=True)).sent)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask)
            nursery.start_soon(ask)
        texts = [[line for line in sent.split(b"\n") if b'"content":"' in line] for sent in (alone.sent, *together)]
        said = [[json.loads(line[6:])["choices"][0]["delta"]["content"] for line in lines] for lines in texts]
        assert said[0] == said[1] == said[2]


async def test_a_buffer_is_that_of_its_edge(autojump_clock: object) -> None:
    pipeline = f"[{item('shout', 'after: meter', buffer=3)}]"
    async with bench(reply("openai_chat", stream=True), catalogue=catalogue(pipeline=pipeline)) as gateway:
        edges = {(edge.source, edge.target): edge.capacity for edge in gateway.pipelines.stream.edges}
        assert edges["meter", "shout"] == 3
        assert edges["shout", "encode"] == 0
        assert len(gateway.pipelines.stream.fused.segments) == 3
        exchange = await gateway.ask("openai_chat", "openai_chat", stream=True)
        assert exchange.status == 200
        assert gateway.row.cost == COST


async def test_a_reload_is_for_requests_that_come_and_keeps_nodes_that_stay(autojump_clock: object) -> None:
    kept, gone = item("redact", "after: decode", word="hi"), item("shout", "after: meter")
    scripts = [reply("openai_chat", stream=True, apart=1.0) for _ in range(2)]
    async with bench(*scripts, catalogue=catalogue(pipeline=f"[{kept}, {gone}]")) as gateway:
        before = gateway.pipelines.stream
        running: list[bytes] = []

        async def ask() -> None:
            running.append((await gateway.ask("openai_chat", "openai_chat", stream=True)).sent)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask)
            await trio.sleep(0.5)
            await gateway.reload(catalogue(pipeline=f"[{kept}]"))
        later = await gateway.ask("openai_chat", "openai_chat", stream=True)
        assert b"HEL" in running[0]
        assert b"Hel" in later.sent
        assert gateway.pipelines.stream.node("redact") is before.node("redact")
        assert "shout" not in gateway.pipelines.stream.order
        assert [row.cost for _, row in gateway.store.settlements] == [COST, COST]


@pytest.mark.parametrize("buffer", [0, 2])
@pytest.mark.parametrize("form", ["wait", "wait_timed", "wait_task", "wait_graph"])
@each_way
async def test_nodes_that_change_nothing_change_nothing(
    stream: bool, form: str, buffer: int, autojump_clock: object
) -> None:
    """In all places at once: the same bytes in the same writes at the same times, the same row."""

    async def served(pipeline: str) -> tuple[list[tuple[float, bytes]], Any]:
        async with bench(reply("openai_chat", stream=stream, apart=1.0), catalogue=catalogue(pipeline=pipeline)) as gateway:
            began = trio.current_time()
            exchange = await gateway.ask("openai_responses", "openai_chat", stream=stream)
            return [(at - began, data) for at, data in exchange.writes], replace(gateway.row, workspace="", key_id="")

    of = [
        item(form, place, name=f"n{number}", buffer=buffer, seconds=0, item=kind)
        for number, (place, kind) in enumerate(PLACES)
    ]
    assert await served(f"[{', '.join(of)}]") == await served("[]")


async def test_without_nodes_the_graphs_are_what_they_were(autojump_clock: object) -> None:
    async with bench() as gateway:
        assert gateway.pipelines.stream.order == (
            "decode", "route", "admit", "tool_loop", "translate", "meter", "encode", "settle",
        )  # fmt: skip
        assert len(gateway.pipelines.whole.fused.segments) == 1
        assert len(gateway.pipelines.stream.fused.segments) == 2
