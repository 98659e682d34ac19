"""What becomes of a request when a node crashes, refuses, hangs, forgets or mixes up: in all formats, on virtual time."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

from tests.api.custom_nodes import nodes
from tests.api.custom_nodes.section import COST, PLACES, each_client, each_way, item, reply
from tests.nodes.envelopes import check_error, check_failed_stream
from tests.support.bench import asked, bench, catalogue
from tests.support.replies import STREAMS
from tests.support.upstreams import NEVER, Script

if TYPE_CHECKING:
    from hyperinfer.formats import Dialect


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
