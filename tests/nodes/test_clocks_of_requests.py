"""Requests during which the wall clock passes midnight, or is set: time-outs and signs of life go by a steady clock, and a
request counts to the day on which it came."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio

from hyperinfer.api.store.records import KeyTerms
from tests.nodes.envelopes import check_error
from tests.support.bench import DIALECTS, bench, catalogue
from tests.support.judge import breaches
from tests.support.replies import STREAMS, WHOLES, text_of
from tests.support.upstreams import NEVER, Script

if TYPE_CHECKING:
    from hyperinfer.formats import Dialect

DAY = 86_400.0
MIDNIGHT = 20_485 * DAY
"""The first of February 2026."""
FRAMES = STREAMS["openai_chat"]
SLOW = Script([(3.0, FRAMES[0] + FRAMES[1]), (14.0, FRAMES[2]), (3.0, b"".join(FRAMES[3:]))])
STEPS = (-30.0, -DAY, -40 * DAY, 2 * DAY)


class Wall:
    """A wall clock that runs, and is set: by `step`, at a time of trio's clock."""

    def __init__(self, begins: float, step: float = 0.0, at: float = 0.0) -> None:
        self._begins, self._step, self._at = begins, step, at

    def __call__(self) -> float:
        passed = trio.current_time()
        return self._begins + passed + (self._step if passed >= self._at else 0.0)


@pytest.mark.parametrize("client", DIALECTS)
async def test_a_stream_over_midnight_is_of_the_day_before(client: Dialect, autojump_clock: object) -> None:
    """And of the month before: the last of January is full after it, the first of February empty."""
    terms = KeyTerms(limit_daily=1, limit_monthly=1)
    async with bench(SLOW, Script([(1.0, b"".join(FRAMES))]), terms=terms, now=Wall(MIDNIGHT - 10)) as gateway:
        exchange = await gateway.ask(client, "openai_chat", stream=True)
        assert exchange.ended_at == 20.0
        assert breaches(client, exchange.sent) == []
        row = gateway.row
        assert (row.created_at, row.latency_ms, row.status) == (MIDNIGHT - 10, 20_000, "completed")
        (day,) = await gateway.store.usage("day")
        assert (day.group, day.cost) == ("2026-01-31", row.cost)
        for at, spent in ((MIDNIGHT - 1, row.cost), (MIDNIGHT, 0)):
            standing = await gateway.store.standing(gateway.principal, at)
            assert standing is not None
            assert (standing.sums.on_day, standing.sums.in_month, standing.sums.in_all) == (spent, spent, row.cost)
        second = await gateway.ask(client, "openai_chat", stream=True)
        assert second.status == 200
        assert [day.group for day in await gateway.store.usage("day")] == ["2026-01-31", "2026-02-01"]
        third = await gateway.ask(client, "openai_chat", stream=True)
        check_error(client, third, "key_limit_exceeded")


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("client", DIALECTS)
async def test_a_stream_does_not_notice_a_clock_that_is_set(client: Dialect, step: float, autojump_clock: object) -> None:
    async with bench(SLOW) as still:
        undisturbed = await still.ask(client, "openai_chat", stream=True)
    began = trio.current_time()
    async with bench(SLOW, now=Wall(MIDNIGHT - began, step, at=began + 8.0)) as gateway:
        exchange = await gateway.ask(client, "openai_chat", stream=True)
        assert [at - began for at, _ in exchange.writes] == pytest.approx([at for at, _ in undisturbed.writes])
        assert text_of(client, True, exchange.sent) == "Hello"
        row = gateway.row
        assert (row.created_at, row.latency_ms, row.first_token_ms) == (MIDNIGHT, 20_000, 3_000)
        (day,) = await gateway.store.usage("day")
        assert day.group == "2026-02-01"
        assert await gateway.store.generation(gateway.principal.workspace, row.id) == row


@pytest.mark.parametrize("step", STEPS)
async def test_deadlines_do_not_go_by_the_wall(step: float, autojump_clock: object) -> None:
    timeouts = catalogue("timeouts: {first_token: 8}")
    for attempt in range(3):
        began = trio.current_time()
        async with bench(*[Script([NEVER])] * 3, catalogue=timeouts, now=Wall(MIDNIGHT, step, at=began + 5)) as gateway:
            exchange = await gateway.ask(DIALECTS[attempt], "openai_chat", stream=True)
            assert exchange.status == 504
            assert exchange.head_at is not None
            assert exchange.head_at - began == pytest.approx(8.0)
            assert gateway.row.latency_ms == 8_000


@pytest.mark.parametrize("step", STEPS)
async def test_an_idempotency_key_is_no_second_bill_when_the_clock_is_set(step: float, autojump_clock: object) -> None:
    """Set back by whatever, or forward by less than a day."""
    step = min(step, 0.9 * DAY)
    async with bench(Script([(1.0, WHOLES["openai_chat"])]), now=Wall(MIDNIGHT, step, at=0.5)) as gateway:
        body = b'{"model": "test/openai_chat", "messages": [{"role": "user", "content": "hi"}]}'
        first = await gateway.send("openai_chat", body, {"idempotency-key": "k"})
        assert first.status == 200
        again = await gateway.send("openai_chat", body, {"idempotency-key": "k"})
        assert again.status == 409
        assert len(gateway.store.settlements) == 1
