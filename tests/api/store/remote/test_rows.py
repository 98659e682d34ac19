"""The actor that settles rows, while its PostgreSQL is well, stopped, frozen, restarted."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing

from hyperinfer.api.store.errors import StoreUnavailable
from hyperinfer.api.store.generations import generation_row
from hyperinfer.api.store.remote.bridge import GATHER_SECONDS, LATER_SECONDS, Actor, Busy, open_bridge
from hyperinfer.api.store.remote.rows import Rows
from hyperinfer.nodes.ports import SettlementRejected
from hyperinfer.providers.secret import Secret
from tests.api.store.samples import USD, a_generation

if TYPE_CHECKING:
    from hyperinfer.api.store.messages import GenerationRow
    from tests.support.postgres import PostgresServer


def _row(id_: str, cost: int = 7, workspace: str = "ws") -> GenerationRow:
    return generation_row(a_generation(id_, workspace, cost))


@asynccontextmanager
async def _rows(server: PostgresServer) -> AsyncGenerator[Rows]:
    """Rows of a new database that has a workspace."""
    database = server.new_database()
    rows = Rows(Secret(server.url(database)), trio.current_time)
    async with open_bridge() as bridge:
        bridge.start_soon(rows.actor.run)
        with pytest.raises(SettlementRejected):
            await rows.settle(_row("r0"))
        server.run(
            f"INSERT INTO workspace (id, name, balance, version, created_at) VALUES ('ws', 'lab', {USD}, 1, 0)", database
        )
        yield rows


async def test_many_at_once(postgres: PostgresServer) -> None:
    async with _rows(postgres) as rows, trio.open_nursery() as nursery:
        for number in range(300):
            nursery.start_soon(rows.settle, _row(f"r{number}"))
    async with _rows(postgres) as rows:
        assert (await rows.settle(_row("r1", 70))).amount == USD - 70


async def test_a_bad_row_does_not_take_its_group_down(postgres: PostgresServer) -> None:
    async with _rows(postgres) as rows:
        refused: list[str] = []

        async def settle(row: GenerationRow) -> None:
            try:
                await rows.settle(row)
            except SettlementRejected:
                refused.append(row.id)

        bad = [
            _row("b1", workspace="nobody"),
            _row("b2", 7 * (2**63 // 7)),
            _row("b\0003"),
            _row("b4", 7 * 2**65),
            _row("b\ud8005"),
        ]
        async with trio.open_nursery() as nursery:
            for row in (_row("r1"), *bad, _row("r2")):
                nursery.start_soon(settle, row)
        assert sorted(refused) == sorted(row.id for row in bad)
        assert (await rows.settle(_row("r1"))).amount == USD - 14


async def test_one_that_is_cancelled_is_settled_all_the_same(postgres: PostgresServer) -> None:
    async with _rows(postgres) as rows:
        with trio.move_on_after(0):
            await rows.settle(_row("r1"))
        assert (await rows.settle(_row("r2"))).amount == USD - 14


async def test_a_stopped_database_is_told_at_once_and_found_again(postgres: PostgresServer) -> None:
    async with _rows(postgres) as rows:
        postgres.stop()
        for number in range(5):
            with pytest.raises(StoreUnavailable), trio.fail_after(5):
                await rows.settle(_row(f"r{number}"))
        assert not rows.connected
        postgres.start()
        with trio.fail_after(10):
            while not rows.connected:
                try:
                    balance = await rows.settle(_row("r1"))
                except StoreUnavailable:
                    continue
                assert balance.amount == USD - 7


async def test_a_frozen_database_does_not_hold_its_callers(postgres: PostgresServer) -> None:
    async with _rows(postgres) as rows:
        await rows.settle(_row("r1"))
        postgres.signal(signal.SIGSTOP)
        with trio.move_on_after(0.2) as scope:
            await rows.settle(_row("r2"))
        assert scope.cancelled_caught
        postgres.signal(signal.SIGCONT)
        assert (await rows.settle(_row("r2"))).amount == USD - 14


async def test_a_group_that_hangs_is_given_up(autojump_clock: trio.testing.MockClock) -> None:
    given_up: list[float] = []

    async def leave() -> None:
        """Nothing is open."""

    async def hang(asks: object) -> list[int]:
        await asyncio.sleep(1000)
        return []

    actor: Actor[int, int] = Actor(hang, lambda: given_up.append(trio.current_time()), leave, seconds=5)
    async with open_bridge() as bridge:
        bridge.start_soon(actor.run)
        begun = trio.current_time()
        with pytest.raises(TimeoutError):
            await actor.ask(1)
        assert [time - begun for time in given_up] == [5]


async def test_a_client_that_hides_that_it_was_given_up_is_given_up_again(autojump_clock: trio.testing.MockClock) -> None:
    async def hide(asks: Sequence[int]) -> Sequence[int]:
        try:
            await asyncio.sleep(1000)
        except asyncio.CancelledError:
            if asks == [1]:
                return [-1]
            raise
        return asks

    async def leave() -> None:
        """Nothing is open."""

    actor: Actor[int, int] = Actor(hide, lambda: None, leave, seconds=5)
    async with open_bridge() as bridge:
        bridge.start_soon(actor.run)
        assert await actor.ask(1) == -1
        with pytest.raises(TimeoutError), trio.fail_after(6):
            await actor.ask(2)


async def test_all_that_waits_goes_in_one_group_and_what_waits_at_the_end_is_still_done() -> None:
    groups: list[Sequence[int]] = []
    answers: list[object] = []

    async def perform(asks: Sequence[int]) -> Sequence[int]:
        groups.append(asks)
        return asks

    async def leave() -> None:
        """Nothing is open."""

    actor: Actor[int, int] = Actor(perform, lambda: None, leave, seconds=5)
    for number in range(100):
        actor.post(number, lambda answer: answers.append(answer))
    actor.close()
    async with open_bridge():
        await actor.run()
    assert [len(group) for group in groups] == [64, 36]
    assert answers == list(range(100))


async def test_more_than_can_wait_is_refused_at_once() -> None:
    async def never(asks: object = None) -> list[int]:
        raise AssertionError

    async def leave() -> None:
        """It is never run."""

    actor: Actor[int, int] = Actor(never, lambda: None, leave, seconds=5)
    for number in range(4096):
        actor.post(number, lambda _: None)
    with pytest.raises(Busy):
        actor.post(0, lambda _: None)


@asynccontextmanager
async def _recording_groups() -> AsyncGenerator[tuple[Actor[int, int], list[Sequence[int]]]]:
    """An actor that answers with what it is asked, and its groups."""
    groups: list[Sequence[int]] = []

    async def perform(asks: Sequence[int]) -> Sequence[int]:
        groups.append(asks)
        await asyncio.sleep(0)
        return asks

    async def leave() -> None:
        """Nothing is open."""

    actor: Actor[int, int] = Actor(perform, lambda: None, leave, seconds=5)
    async with open_bridge() as bridge:
        bridge.start_soon(actor.run)
        await trio.testing.wait_all_tasks_blocked()
        yield actor, groups


async def test_where_many_ask_a_group_waits_until_no_more_come(autojump_clock: trio.testing.MockClock) -> None:
    async def ask(actor: Actor[int, int], number: int) -> None:
        for _ in range(number):
            await trio.lowlevel.checkpoint()
        assert await actor.ask(number) == number

    async with _recording_groups() as (actor, groups):
        for crowd in range(2):
            async with trio.open_nursery() as nursery:
                for number in range(10):
                    nursery.start_soon(ask, actor, number if crowd else 0)
    assert [len(group) for group in groups] == [10, 10]


async def test_a_group_waits_no_longer_than_it_may(autojump_clock: trio.testing.MockClock) -> None:
    async with _recording_groups() as (actor, groups), trio.open_nursery() as nursery:
        for number in range(2):
            nursery.start_soon(actor.ask, number)
        await trio.testing.wait_all_tasks_blocked()
        begun = trio.current_time()
        for number in range(2, 30):  # one each turn, a turn being long
            nursery.start_soon(actor.ask, number)
            await trio.lowlevel.checkpoint()
            autojump_clock.jump(0.0004)
            if len(groups) > 1:
                break
        assert trio.current_time() - begun <= 2 * GATHER_SECONDS
        assert len(groups[1]) > 2


async def test_who_asks_alone_waits_for_nobody() -> None:
    async with _recording_groups() as (actor, groups):
        for number in range(3):
            turns = 0
            actor.post(number, lambda _: None)
            while len(groups) == number:
                await trio.lowlevel.checkpoint()
                turns += 1
            assert turns <= 2
            await trio.testing.wait_all_tasks_blocked()


async def test_what_can_wait_goes_with_what_comes_next_or_after_a_moment(autojump_clock: trio.testing.MockClock) -> None:
    async with _recording_groups() as (actor, groups):
        begun = trio.current_time()
        answers: list[object] = []
        actor.post_later(1, answers.append)
        assert await actor.ask(2) == 2
        assert (trio.current_time(), answers) == (begun, [1])
        await trio.sleep(1)
        begun = trio.current_time()
        actor.post_later(3, lambda _: answers.append(trio.current_time() - begun))
        await trio.sleep(1)
        assert answers[1:] == [pytest.approx(LATER_SECONDS)]
        assert groups == [[1, 2], [3]]
