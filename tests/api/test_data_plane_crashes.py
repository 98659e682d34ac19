"""What a client gets when a node of the pipeline has a bug, or an opinion."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

from hyperinfer.engine import Failure, Sink, Stage, stage, step
from hyperinfer.formats import events as ev
from hyperinfer.nodes.items import Answering, Planned, Reply
from tests.nodes.envelopes import check_error, check_failed_stream
from tests.support.bench import DIALECTS, bench
from tests.support.replies import STREAMS, WHOLES
from tests.support.upstreams import Script

if TYPE_CHECKING:
    from hyperinfer.formats import Dialect

FRAMES = STREAMS["openai_chat"]


def good(*, stream: bool) -> Script:
    return Script([(1.0, b"".join(FRAMES) if stream else WHOLES["openai_chat"])])


class _Crash(Stage[Reply, Reply]):
    """Lets so many bursts through."""

    def __init__(self, bursts: int) -> None:
        self._left = bursts

    async def receive(self, item: Reply, sink: Sink[Reply]) -> None:
        if not isinstance(item, Answering):
            self._left -= 1
            if self._left < 0:
                raise ZeroDivisionError("a bug with sk-secret")
        await sink.send(item)


@pytest.mark.parametrize("bursts", [0, 1, 2])
@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("client", DIALECTS)
async def test_a_node_that_crashes(
    client: Dialect, stream: bool, bursts: int, caplog: pytest.LogCaptureFixture, autojump_clock: object
) -> None:
    pieces = [(1.0, frame) for frame in FRAMES] if stream else [(1.0, WHOLES["openai_chat"])]
    async with bench(Script(pieces)) as gateway:
        crash = stage(lambda: _Crash(bursts), name="crash", consumes=Reply, produces=Reply)
        gateway.pipelines.stream = gateway.pipelines.stream.replace("translate", crash)
        gateway.pipelines.whole = gateway.pipelines.whole.replace("translate", crash)
        exchange = await gateway.ask(client, "openai_chat", stream=stream)
        if not stream and bursts:
            assert exchange.status == 200
            return
        if bursts:
            check_failed_stream(client, exchange, "internal_error")
        else:
            check_error(client, exchange, "internal_error")
        assert b"ZeroDivision" not in exchange.sent
        assert b"secret" not in exchange.sent
        assert [record.exc_info is not None for record in caplog.records if record.levelno >= logging.ERROR] == [True]
        assert (gateway.row.status, gateway.row.error_code, gateway.row.cost) == ("failed", "internal_error", 0)


@pytest.mark.parametrize("client", DIALECTS)
async def test_an_encoder_that_crashes(client: Dialect, autojump_clock: object) -> None:
    """An order of events that no encoder takes, after the head is out."""

    def twice(item: Reply) -> Reply:
        return (*item, ev.MessageStart("openai_chat")) if isinstance(item, tuple) and ev.TextDelta("lo") in item else item

    async with bench(Script([(1.0, frame) for frame in FRAMES])) as gateway:
        bug = step(twice, name="bug", consumes=Reply, produces=Reply)
        gateway.pipelines.stream = gateway.pipelines.stream.replace("translate", bug)
        exchange = await gateway.ask(client, "openai_chat", stream=True)
        check_failed_stream(client, exchange, "internal_error")
        assert (gateway.row.status, gateway.row.cost) == ("failed", 0)


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("client", DIALECTS)
async def test_a_node_may_refuse_without_a_ticket(client: Dialect, stream: bool, autojump_clock: object) -> None:
    def moderate(planned: Planned) -> Planned | Failure:
        return Failure("content_filter", "We do not talk about this.", param="messages")

    async with bench() as gateway:
        node = step(moderate, name="moderate", consumes=Planned, produces=Planned | Failure)
        gateway.pipelines.stream = gateway.pipelines.stream.insert_after("admit", node)
        gateway.pipelines.whole = gateway.pipelines.whole.insert_after("admit", node)
        exchange = await gateway.ask(client, "openai_chat", stream=stream)
        assert check_error(client, exchange, "content_filter") == "We do not talk about this."
        assert (gateway.row.status, gateway.row.error_code) == ("failed", "content_filter")
        assert gateway.store.settlements[0][0] == exchange.ended_at


async def test_a_pipeline_that_says_nothing(caplog: pytest.LogCaptureFixture, autojump_clock: object) -> None:
    async with bench() as gateway:
        drop = step(_Drop, name="drop", consumes=Planned, produces=Planned)
        gateway.pipelines.whole = gateway.pipelines.whole.insert_after("admit", drop)
        exchange = await gateway.ask("openai_chat", "openai_chat", stream=False)
        check_error("openai_chat", exchange, "internal_error")
        assert gateway.row.status == "failed"


class _Drop:
    def push(self, item: Planned) -> tuple[Planned, ...]:
        return ()

    def end(self) -> tuple[Planned, ...]:
        return ()
