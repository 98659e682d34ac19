"""When records go to the writer: together where more of them come, else at once; in order, and whole."""

from __future__ import annotations

import socket
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from hyperinfer.api.store.outbox import GROUP, HELD_SECONDS, Outbox
from hyperinfer.nodes.ports import Principal
from tests.api.store.samples import USD, a_generation, a_store, an_admission

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator
    from pathlib import Path


@asynccontextmanager
async def running(
    more: Callable[[], bool], clock: Callable[[], float] = trio.current_time
) -> AsyncGenerator[tuple[Outbox, socket.socket, Callable[[], bytes]]]:
    """An outbox whose task waits, our end of its socket, and what the other end can read right now."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        theirs.setblocking(False)

        def arrived() -> bytes:
            try:
                return theirs.recv(1 << 20)
            except BlockingIOError:
                return b""

        outbox = Outbox(more, clock)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(outbox.run, ours)
            await trio.testing.wait_all_tasks_blocked()
            yield outbox, ours, arrived
            nursery.cancel_scope.cancel()


async def turn() -> None:
    await trio.lowlevel.checkpoint()


async def test_a_record_that_nothing_can_follow_is_sent_at_once() -> None:
    async with running(lambda: False) as (outbox, _, arrived):
        for record in (b"one", b"two"):
            outbox.put(record)
            assert arrived() == record


async def test_a_lone_record_waits_two_turns_at_most() -> None:
    async with running(lambda: True) as (outbox, _, arrived):
        for record in (b"one", b"two"):
            outbox.put(record)
            assert arrived() == b""
            await turn()  # in which the task is woken
            await turn()  # that brings no further one
            await turn()  # our own, which may come before the task's
            assert arrived() == record
            await trio.testing.wait_all_tasks_blocked()


class Bringing(trio.abc.Instrument):
    """Calls `bring` in each turn right before the outbox's own task, which is the only order that tells something."""

    def __init__(self, bring: Callable[[], None]) -> None:
        self._bring = bring

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        if task.name.endswith("Outbox.run"):
            self._bring()


@contextmanager
def bringing(bring: Callable[[], None]) -> Generator[None]:
    instrument = Bringing(bring)
    trio.lowlevel.add_instrument(instrument)
    try:
        yield
    finally:
        trio.lowlevel.remove_instrument(instrument)


async def test_what_the_next_turns_bring_goes_along() -> None:
    async with running(lambda: True) as (outbox, _, arrived):
        coming = [b"d", b"c", b"b"]
        with bringing(lambda: outbox.put(coming.pop()) if coming else None):
            outbox.put(b"a")
            while coming:
                assert arrived() == b""
                await turn()
            await trio.testing.wait_all_tasks_blocked()
        assert arrived() == b"abcd"


async def test_the_last_that_can_come_takes_all_along() -> None:
    coming = 3

    async with running(lambda: coming > 0) as (outbox, _, arrived):
        for record in (b"a", b"b", b"c"):
            coming -= 1
            assert arrived() == b""
            outbox.put(record)
        assert arrived() == b"abc"


async def test_a_group_that_is_full_waits_for_no_more() -> None:
    async with running(lambda: True) as (outbox, _, arrived):
        for number in range(GROUP):
            assert arrived() == b""
            outbox.put(bytes([number]))
        assert arrived() == bytes(range(GROUP))


async def test_no_record_is_held_longer_than_the_bound() -> None:
    now = 0.0
    async with running(lambda: True, lambda: now) as (outbox, _, arrived):

        def bring() -> None:
            nonlocal now
            now += HELD_SECONDS / 4
            outbox.put(b"x")

        with bringing(bring):
            for _ in range(20):
                begun = now
                outbox.put(b"x")
                while not (got := arrived()):
                    await turn()
                assert now - begun <= HELD_SECONDS * 1.3  # a turn more, a quarter here
                assert len(got) == 6


@given(st.lists(st.binary(min_size=1, max_size=3000), max_size=60))
async def test_all_arrive_in_order_however_little_the_socket_takes(records: list[bytes]) -> None:
    async with running(lambda: True) as (outbox, ours, arrived):
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4608)
        got = b""
        for number, record in enumerate(records):
            outbox.put(record)
            if number % 3 == 0:
                await turn()
            if number % 11 == 0:
                got += arrived()
        while len(got) < sum(map(len, records)):
            got += arrived()
            await turn()
        assert got == b"".join(records)


async def test_what_is_put_while_nobody_sends_is_kept_until_it_is_forgotten() -> None:
    outbox = Outbox(lambda: False)
    outbox.put(b"of an earlier life")
    outbox.clear()
    outbox.put(b"kept")
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        theirs.setblocking(False)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(outbox.run, ours)
            await trio.testing.wait_all_tasks_blocked()
            assert theirs.recv(100) == b"kept"
            nursery.cancel_scope.cancel()


async def test_requests_that_end_together_are_one_transaction(tmp_path: Path) -> None:
    async with a_store(tmp_path) as store:
        workspace = (await store.create_workspace("lab", USD)).id
        principal = Principal(workspace=workspace, workspace_name="lab", key_id="key_1")
        for number in range(17):
            assert await store.admit(an_admission(f"r{number}", principal, 1)) is None
        before = (await store.workspace("lab")).version
        async with trio.open_nursery() as nursery:
            for number in range(16):
                nursery.start_soon(store.settle, a_generation(f"r{number}", workspace, 7))
        assert (await store.workspace("lab")).version == before + 1
        assert (await store.workspace("lab")).balance == USD - 16 * 7


@pytest.mark.parametrize("turns", [0, 1, 2])
async def test_the_record_of_one_who_left_is_written(tmp_path: Path, turns: int) -> None:
    async with a_store(tmp_path) as store:
        workspace = (await store.create_workspace("lab", USD)).id
        principal = Principal(workspace=workspace, workspace_name="lab", key_id="key_1")
        for number in range(3):
            assert await store.admit(an_admission(f"r{number}", principal, 1)) is None
        async with trio.open_nursery() as nursery:
            nursery.start_soon(store.settle, a_generation("r0", workspace, 7))
            for _ in range(turns):
                await turn()
            nursery.cancel_scope.cancel()
        # Nobody waits for it any more, two others are under way, and closing sees to it.
    async with a_store(tmp_path) as store:
        row = await store.generation(workspace, "r0")
        assert row is not None
        assert row.status == "completed"
