"""What requests go through when `pipeline` names nodes: in the three formats, streamed and whole, on virtual time."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

import pytest
import trio
from msgspec.structs import replace

from tests.api.custom_nodes import nodes
from tests.nodes.envelopes import check_error, check_failed_stream
from tests.support.bench import DIALECTS, asked, bench, catalogue
from tests.support.exchanges import ScriptedExchange
from tests.support.replies import STREAMS, WHOLES
from tests.support.upstreams import NEVER, Script

if TYPE_CHECKING:
    from hyperinfer.formats import Dialect

MODULE = "tests.api.custom_nodes.nodes"
COST = 6 * 3_000_000 + 4 * 300_000 + 5 * 15_000_000

each_way = pytest.mark.parametrize("stream", [True, False])
each_client = pytest.mark.parametrize("client", DIALECTS)


def item(node: str, place: str, **options: Any) -> str:
    """One item of the section. `place`: `before: call`, say."""
    keys = {key: options.pop(key) for key in ("deadline", "buffer", "name") if key in options}
    side, _, neighbour = place.partition(": ")
    return json.dumps({"node": f"{MODULE}:{node}", side: neighbour, **keys, **({"options": options} if options else {})})


def reply(upstream: Dialect, *, stream: bool, apart: float = 0.0) -> Script:
    pieces = [(apart, frame) for frame in STREAMS[upstream]] if stream else [(apart, WHOLES[upstream])]
    return Script(pieces, headers={"content-type": "text/event-stream" if stream else "application/json"})


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
        assert b"HELLO" in exchange.sent.replace(b'HEL"', b"HEL") or b"HEL" in exchange.sent
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


PLACES = [("before: route", "Asked"), ("before: admit", "Planned"), ("before: call", "Planned"), ("before: encode", "Reply")]


@pytest.mark.parametrize(("place", "kind"), PLACES)
@each_way
@each_client
async def test_a_bug_is_of_its_request_alone(
    client: Dialect,
    stream: bool,
    place: str,
    kind: str,
    caplog: pytest.LogCaptureFixture,
    autojump_clock: object,
) -> None:
    pipeline = f"[{item('crash', place, item=kind, exits=place == 'before: call')}]"
    async with bench(reply("openai_chat", stream=stream), catalogue=catalogue(pipeline=pipeline)) as gateway:
        exchange = await gateway.ask(client, "openai_chat", stream=stream)
        check_error(client, exchange, "internal_error")
        assert b"secret" not in exchange.sent
        assert [record.exc_info is not None for record in caplog.records if record.levelno >= logging.ERROR] == [True]
        rows = [(row.status, row.error_code, row.cost) for _, row in gateway.store.settlements]
        assert rows == ([] if place in ("before: route", "before: admit") else [("failed", "internal_error", 0)])


@pytest.mark.parametrize(("place", "kind"), PLACES)
@each_way
@each_client
async def test_a_refusal_is_told_as_the_client_knows_it(
    client: Dialect, stream: bool, place: str, kind: str, autojump_clock: object
) -> None:
    pipeline = f"[{item('refuse', place, item=kind, with_ticket=stream)}]"
    script = [reply("openai_chat", stream=stream)] if kind == "Reply" else []
    async with bench(*script, catalogue=catalogue(pipeline=pipeline)) as gateway:
        exchange = await gateway.ask(client, "openai_chat", stream=stream)
        assert check_error(client, exchange, "content_filter") == "We do not talk about this."
        rows = [(row.status, row.error_code) for _, row in gateway.store.settlements]
        assert rows == ([] if place in ("before: route", "before: admit") else [("failed", "content_filter")])


@pytest.mark.parametrize("form", ["wait", "wait_timed", "wait_task", "wait_graph"])
@pytest.mark.parametrize(("place", "kind"), PLACES[1:])
@each_way
async def test_a_node_that_hangs_is_cut(stream: bool, place: str, kind: str, form: str, autojump_clock: object) -> None:
    nodes.Wait.log.clear()
    pipeline = f"[{item(form, place, seconds=10**6, item=kind, deadline=2.5)}]"
    script = [reply("openai_chat", stream=stream)] if kind == "Reply" else []
    async with bench(*script, catalogue=catalogue(pipeline=pipeline)) as gateway:
        exchange = await gateway.ask("anthropic_messages", "openai_chat", stream=stream)
        assert (
            check_error("anthropic_messages", exchange, "provider_timeout")
            == "The gateway's node 'wait' took longer than 2.5 s."
        )
        assert exchange.ended_at == 2.5
        rows = [(row.status, row.error_code) for _, row in gateway.store.settlements]
        assert rows == ([] if place in ("before: route", "before: admit") else [("failed", "provider_timeout")])
        assert nodes.Wait.log == ([] if form == "wait_task" else ["aborted"])


async def test_without_a_word_it_is_cut_after_a_minute(autojump_clock: object) -> None:
    pipeline = f"[{item('wait', 'before: call', seconds=10**6, item='Planned')}]"
    async with bench(catalogue=catalogue(pipeline=pipeline)) as gateway:
        exchange = await gateway.ask("openai_chat", "openai_chat", stream=False)
        assert (exchange.status, exchange.ended_at) == (504, 60.0)


@pytest.mark.parametrize("form", ["wait", "wait_timed", "wait_task"])
@pytest.mark.parametrize(("place", "kind"), PLACES[2:])
@each_way
async def test_time_that_is_not_its_own_does_not_count(
    stream: bool, place: str, kind: str, form: str, autojump_clock: object
) -> None:
    """A provider and a client that take long, beside a deadline that is short."""
    nodes.Wait.log.clear()
    pipeline = f"[{item(form, place, seconds=1, item=kind, deadline=1.5)}]"
    async with bench(reply("openai_chat", stream=stream, apart=5.0), catalogue=catalogue(pipeline=pipeline)) as gateway:
        exchange = await gateway.send("openai_chat", asked("openai_chat", "openai_chat", stream=stream), writing=7.0)
        assert exchange.status == 200
        assert (gateway.row.status, gateway.row.cost) == ("completed", COST)
        assert nodes.Wait.log == ([] if form == "wait_task" else ["ended"])


@each_client
async def test_a_stream_that_is_cut_is_ended_at_the_provider_at_once(client: Dialect, autojump_clock: object) -> None:
    """In its middle, and what the client got is billed."""
    nodes.Wait.log.clear()
    pipeline = f"[{item('wait', 'after: meter', seconds=10**6, item='Reply', deadline=4, at_once=1)}]"
    pieces = [*((1.0, frame) for frame in STREAMS["openai_chat"][:3]), NEVER]
    async with bench(Script(pieces), catalogue=catalogue(pipeline=pipeline)) as gateway:
        exchange = await gateway.ask(client, "openai_chat", stream=True)
        check_failed_stream(client, exchange, "provider_timeout")
        assert exchange.ended_at == gateway.transport.played[0].closed_at == exchange.writes[0][0] + 1 + 4
        assert (gateway.row.status, gateway.row.error_code) == ("failed", "provider_timeout")
        assert 0 < gateway.row.cost < COST
        assert nodes.Wait.log == ["aborted"]


@each_way
@each_client
async def test_a_node_that_ends_a_reply_early(client: Dialect, stream: bool, autojump_clock: object) -> None:
    pipeline = f"[{item('end_early', 'after: meter')}]"
    async with bench(reply("openai_chat", stream=stream, apart=1.0), catalogue=catalogue(pipeline=pipeline)) as gateway:
        exchange = await gateway.ask(client, "openai_chat", stream=stream)
        assert exchange.status == 200
        assert b"internal_error" not in exchange.sent
        if stream:  # what had come is estimated, as the provider had not counted it yet
            assert gateway.row.status == "incomplete"
            assert gateway.row.estimated
            assert 0 < gateway.row.cost < COST
        else:
            assert (gateway.row.status, gateway.row.cost) == ("completed", COST)


@each_way
@each_client
async def test_a_node_that_forgets_the_end(client: Dialect, stream: bool, autojump_clock: object) -> None:
    pipeline = f"[{item('drop_end', 'after: meter')}]"
    async with bench(reply("openai_chat", stream=stream), catalogue=catalogue(pipeline=pipeline)) as gateway:
        exchange = await gateway.ask(client, "openai_chat", stream=stream)
        if stream:
            check_failed_stream(client, exchange, "internal_error")
        else:
            check_error(client, exchange, "internal_error")
        assert (gateway.row.status, gateway.row.error_code, gateway.row.cost) == ("failed", "internal_error", 0)


@pytest.mark.parametrize(("place", "kind"), PLACES[:3])
@each_way
async def test_a_node_that_forgets_the_request(stream: bool, place: str, kind: str, autojump_clock: object) -> None:
    pipeline = f"[{item('drop', place, item=kind)}]"
    async with bench(catalogue=catalogue(pipeline=pipeline)) as gateway:
        exchange = await gateway.ask("openai_chat", "openai_chat", stream=stream)
        check_error("openai_chat", exchange, "internal_error")
        rows = [(row.status, row.cost) for _, row in gateway.store.settlements]
        assert rows == ([("failed", 0)] if place == "before: call" else [])


@pytest.mark.parametrize(("place", "kind"), PLACES[:3])
@each_way
async def test_a_request_that_is_sent_on_twice_is_billed_once(
    stream: bool, place: str, kind: str, autojump_clock: object
) -> None:
    pipeline = f"[{item('twice', place, item=kind)}]"
    scripts = [reply("openai_chat", stream=stream) for _ in range(2)]
    async with bench(*scripts, catalogue=catalogue(pipeline=pipeline)) as gateway:
        exchange = await gateway.ask("openai_chat", "openai_chat", stream=stream)
        assert exchange.status == 200
        assert exchange.sent.count(b"[DONE]") == int(stream)
        assert (gateway.row.status, gateway.row.cost) == ("completed", COST)


@pytest.mark.parametrize(("place", "kind"), PLACES[:3])
@each_way
@each_client
async def test_a_node_that_mixes_requests_up_gives_nobody_another_ones_reply(
    client: Dialect, stream: bool, place: str, kind: str, autojump_clock: object
) -> None:
    pipeline = f"[{item('first_again', place, item=kind)}]"
    scripts = [reply("openai_chat", stream=stream) for _ in range(2)]
    async with bench(*scripts, catalogue=catalogue(pipeline=pipeline)) as gateway:
        first = await gateway.ask(client, "openai_chat", stream=stream)
        assert first.status == 200
        second = await gateway.ask(client, "openai_chat", stream=stream)
        check_error(client, second, "internal_error")
        costs = [(row.status, row.cost) for _, row in gateway.store.settlements]
        assert costs == [("completed", COST), *([("failed", 0)] if place == "before: call" else [])]


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


@pytest.mark.parametrize("form", ["wait", "wait_timed", "wait_task"])
@pytest.mark.parametrize(("place", "kind"), PLACES[1:])
async def test_a_client_that_leaves_ends_the_node(place: str, kind: str, form: str, autojump_clock: object) -> None:
    nodes.Wait.log.clear()
    pipeline = f"[{item(form, place, seconds=10**6, item=kind)}]"
    script = [Script([*((0.0, frame) for frame in STREAMS["openai_chat"][:3]), NEVER])] if kind == "Reply" else []
    async with bench(*script, catalogue=catalogue(pipeline=pipeline)) as gateway:
        exchange = await gateway.ask("openai_chat", "openai_chat", stream=True, leaves_at=5.0)
        assert exchange.status is None
        assert [row.status for _, row in gateway.store.settlements] == ["cancelled"] * (place not in ("before: admit",))
        assert all(played.closed_at == 5.0 for played in gateway.transport.played)
        assert nodes.Wait.log == ([] if form == "wait_task" else ["aborted"])


async def test_without_nodes_the_graphs_are_what_they_were(autojump_clock: object) -> None:
    async with bench() as gateway:
        assert [segment.links for segment in gateway.pipelines.stream.fused.segments]
        assert gateway.pipelines.stream.order == (
            "decode", "route", "admit", "tool_loop", "translate", "meter", "encode", "settle",
        )  # fmt: skip
        assert len(gateway.pipelines.whole.fused.segments) == 1
        assert len(gateway.pipelines.stream.fused.segments) == 2
