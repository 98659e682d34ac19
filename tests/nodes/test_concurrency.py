"""Places at a provider whose limit is another, as its catalogue was read again."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from hyperinfer.nodes.concurrency import Room, Rooms
from hyperinfer.providers.catalogue import Provider


def provider(concurrency: int | None) -> Provider:
    return Provider("p", "openai_chat", "http://up", concurrency=concurrency)


@pytest.mark.parametrize(("limit", "entered"), [(1, 0), (2, 1), (3, 2), (9, 3)])
async def test_those_who_wait_have_what_a_higher_limit_brings(limit: int, entered: int, autojump_clock: MockClock) -> None:
    rooms, got = Rooms(), list[bool]()
    room = rooms.of(provider(1))
    assert room is not None
    assert room.enter()

    async def wait(room: Room) -> None:
        got.append(await room.wait(2.0))

    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(wait, room)
        await wait_all_tasks_blocked()
        assert rooms.of(provider(limit)) is room
        await wait_all_tasks_blocked()
        assert got == [True] * entered
        assert room.taken == rooms.taken == 1 + entered
    assert sorted(got) == [False] * (3 - entered) + [True] * entered
    for _ in range(1 + entered):
        room.leave()
    assert rooms.taken == 0


async def test_a_lower_limit_is_kept_once_enough_have_left(autojump_clock: MockClock) -> None:
    rooms = Rooms()
    room = rooms.of(provider(3))
    assert room is not None
    assert [room.enter() for _ in range(4)] == [True, True, True, False]
    rooms.of(provider(1))
    taken: list[int] = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(room.wait, 2.0)
        await wait_all_tasks_blocked()
        for _ in range(4):
            room.leave()
            taken.append(room.taken)
    assert taken == [2, 1, 1, 0]
