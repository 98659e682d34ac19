"""The client goes away, at every instant at which anything happens and halfway between."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
import trio

from hyperinfer.formats import FORMATS
from hyperinfer.formats.tokens import Written, estimate_input
from tests.api.store.samples import an_admission
from tests.support.bench import DIALECTS, asked, bench, catalogue
from tests.support.replies import STREAMS, WHOLES
from tests.support.upstreams import NEVER, Script

if TYPE_CHECKING:
    from hyperinfer.formats import Dialect
    from hyperinfer.nodes.ports import Generation

BUSY = Script([(0.5, b'{"error":{"message":"busy"}}')], status=503, connecting=0.25, thinking=0.25)


def streamed(protocol: Dialect) -> list[Script]:
    return [BUSY, Script([(1.0, frame) for frame in STREAMS[protocol]], connecting=1.0, thinking=1.0)]


def whole(protocol: Dialect) -> list[Script]:
    data = WHOLES[protocol]
    return [BUSY, Script([(1.0, data[:30]), (1.0, data[30:])], connecting=1.0, thinking=1.0)]


def instants(scripts: list[Script]) -> list[float]:
    """Every one of two attempts, the pause of 0.1875 s between them included, and the middles."""
    first, second = scripts
    begins = first.instants()[-1] + 0.1875
    found = [*first.instants(), *(begins + at for at in second.instants())]
    return sorted({*found, *((a + b) / 2 for a, b in pairwise(found))})


def check(row: Generation, settled_at: float, leaves: float, ended: bool) -> None:
    """What must be true of a request whose client left."""
    assert settled_at <= leaves
    if ended:
        assert row.status == "completed"
        return
    if row.status == "completed":  # the end came at the same instant, was recorded, and found nobody
        assert settled_at == leaves
        return
    assert (row.status, row.error_code, settled_at) == ("cancelled", None, leaves)
    assert row.cost == sum(line.cost for line in row.lines)
    output = sum(line.tokens for line in row.lines if line.bucket == "completion")
    assert output == row.tokens_completion
    assert (row.first_token_ms is not None) == (output > 0)


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("protocol", DIALECTS)
async def test_at_every_instant(protocol: Dialect, stream: bool, autojump_clock: object) -> None:
    scripts = streamed(protocol) if stream else whole(protocol)
    seen: list[int] = []
    for leaves in instants(scripts):
        start = trio.current_time()
        async with bench(*scripts) as gateway:
            exchange = await gateway.ask(protocol, protocol, stream=stream, leaves_at=start + leaves)
            # Nothing is waited for: not for the upstream, not for a pause.
            assert trio.current_time() <= start + leaves + (0.05 if exchange.ended_at else 0)
            for played in gateway.transport.played:
                assert played.closed_at is not None
                assert played.closed_at <= start + leaves
            (settled_at, row), *more = gateway.store.settlements
            assert not more
            check(row, settled_at, start + leaves, exchange.ended_at is not None)
            assert len(row.attempts) == len(gateway.transport.played)
            seen.append(row.tokens_completion)
    if stream:
        assert 0 in seen
        assert len(set(seen)) > 1


async def test_what_was_produced_is_billed(autojump_clock: object) -> None:
    long = b'data: {"id":"c","choices":[{"index":0,"delta":{"content":"%b"}}]}\n\n' % (b"x" * 41)
    frames = STREAMS["openai_chat"]
    async with bench(Script([(1.0, frames[0] + frames[1]), (1.0, long), NEVER])) as gateway:
        body = asked("openai_chat", "openai_chat", stream=True)
        await gateway.send("openai_chat", body, leaves_at=3.0)
        row = gateway.row
        conversation = FORMATS["openai_chat"].decode_request(body)
        assert row.tokens_prompt == estimate_input(conversation, model="up", protocol="openai_chat")
        assert 5 <= row.tokens_completion <= 15  # of one word of 44 letters
        assert row.estimated
        assert row.cost == row.tokens_completion * 15_000_000 + row.tokens_prompt * 3_000_000
        assert (row.status, row.first_token_ms, row.latency_ms) == ("cancelled", 1000, 3000)


async def test_counts_that_the_upstream_gave_early_are_used(autojump_clock: object) -> None:
    frames = STREAMS["anthropic_messages"]
    async with bench(Script([(1.0, frames[0] + frames[1]), NEVER])) as gateway:
        await gateway.ask("openai_chat", "anthropic_messages", stream=True, leaves_at=2.0)
        row = gateway.row
        assert (row.tokens_prompt, row.tokens_cached_prompt) == (10, 4)
        assert 1 <= row.tokens_completion <= 2  # of "Hel"; the upstream had said 1 before that
        assert row.cost == 6 * 3_000_000 + 4 * 300_000 + row.tokens_completion * 15_000_000


@pytest.mark.parametrize("leaves", [0.5, 1.0, 1.5])
async def test_while_the_hold_is_being_taken(leaves: float, autojump_clock: object) -> None:
    async with bench(Script([(5.0, WHOLES["openai_chat"])])) as gateway:
        gateway.store.admitting = 1.0
        await gateway.ask("openai_chat", "openai_chat", stream=True, leaves_at=leaves)
        # At the very instant it may go either way, but it is one way.
        admitted = len(gateway.store.settlements)
        assert admitted == len(gateway.transport.played) == (leaves > 1 if leaves != 1 else admitted)
        assert await gateway.store.admit(an_admission("next", gateway.principal, 1)) is None
        await gateway.store.release("next")


@pytest.mark.parametrize("stream", [True, False])
async def test_during_the_settlement(stream: bool, autojump_clock: object) -> None:
    data = b"".join(STREAMS["openai_chat"]) if stream else WHOLES["openai_chat"]
    async with bench(Script([(1.0, data)])) as gateway:
        gateway.store.settling = 2.0
        exchange = await gateway.ask("openai_chat", "openai_chat", stream=stream, leaves_at=2.0)
        assert exchange.ended_at is None
        assert (gateway.row.status, trio.current_time()) == ("completed", 3.0)


async def test_while_a_write_is_stuck(autojump_clock: object) -> None:
    frames = STREAMS["openai_chat"]
    pieces = [(1.0, frames[0] + frames[1]), *[(1.0, frames[2])] * 50]
    async with bench(Script(pieces)) as gateway:
        body = asked("openai_chat", "openai_chat", stream=True)
        exchange = await gateway.send("openai_chat", body, stuck_after=1, leaves_at=40.0)
        # One burst written, one stuck: the upstream was read no further.
        assert len(exchange.writes) == 1
        read = Written()
        read.text("Hello")
        assert gateway.row.tokens_completion == read.tokens(model="up", protocol="openai_chat")
        assert (gateway.row.status, gateway.transport.played[0].closed_at) == ("cancelled", 40.0)


async def test_a_write_that_finds_the_client_gone_ends_the_upstream(autojump_clock: object) -> None:
    # Nobody but the write notices: the upstream is silent, and is closed at that very instant all the same.
    frames = STREAMS["openai_chat"]
    async with bench(Script([(1.0, frames[0] + frames[1]), NEVER]), catalogue=catalogue(limits="{keepalive: 5}")) as gateway:
        body = asked("openai_chat", "openai_chat", stream=True)
        await gateway.send("openai_chat", body, leaves_at=2.0, unnoticed=True)
        assert gateway.transport.played[0].closed_at == pytest.approx(6.0)
        assert gateway.row.status == "cancelled"


async def test_the_process_is_told_to_stop(autojump_clock: object) -> None:
    # Cancelled from outside and not by its client: settled as well.
    async with bench(Script([(1.0, STREAMS["openai_chat"][1]), NEVER])) as gateway:
        with trio.move_on_after(3.0):
            await gateway.ask("openai_chat", "openai_chat", stream=True)
        assert gateway.row.status == "cancelled"
        assert gateway.transport.played[0].closed_at == 3.0
