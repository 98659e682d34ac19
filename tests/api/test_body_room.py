"""`limits.bodies_mb`: so many bytes of requests at once; others wait unread, in their order, and are told after a while."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from hyperinfer.api.body_room import FREE, PATIENCE, BodyRoom
from tests.nodes.envelopes import check_error
from tests.support.bench import DIALECTS, Bench, asked, bench, catalogue
from tests.support.exchanges import ScriptedExchange
from tests.support.replies import WHOLES
from tests.support.upstreams import Script

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from hyperinfer.formats import Dialect


def big(client: Dialect, kilobytes: int = 600) -> bytes:
    return asked(client, "openai_chat", stream=False, user="x" * 1000 * kilobytes)


@asynccontextmanager
async def one_mb(*seconds: float) -> AsyncGenerator[Bench]:
    """A gateway with room for 1 MiB, whose provider takes so long for each request."""
    scripts = [Script([(each, WHOLES["openai_chat"])]) for each in seconds]
    async with bench(*scripts, catalogue=catalogue(limits="{bodies_mb: 1}")) as gateway:
        yield gateway


@pytest.mark.parametrize("client", DIALECTS)
async def test_a_body_waits_for_the_end_of_another(client: Dialect, autojump_clock: trio.testing.MockClock) -> None:
    async with one_mb(4, 3, 1) as gateway, trio.open_nursery() as nursery:
        ended: list[tuple[int, float]] = []

        async def ask(number: int) -> None:
            assert (await gateway.send(client, big(client))).status == 200
            ended.append((number, trio.current_time()))

        for number in range(3):
            nursery.start_soon(ask, number)
            await wait_all_tasks_blocked()
        assert gateway.data_plane.body_room.held == len(big(client))
    assert ended == [(0, 4), (1, 7), (2, 8)]


@pytest.mark.parametrize("client", DIALECTS)
async def test_who_waits_for_long_is_told(client: Dialect, autojump_clock: trio.testing.MockClock) -> None:
    async with one_mb(30, 2) as gateway, trio.open_nursery() as nursery:
        nursery.start_soon(gateway.send, client, big(client))
        await wait_all_tasks_blocked()
        small = await gateway.send(client, big(client, 50))
        assert (small.status, trio.current_time()) == (200, 2)
        told = await gateway.send(client, big(client))
        assert trio.current_time() == 2 + PATIENCE
        check_error(client, told, "provider_overloaded", 529)
        assert told.sent_headers["retry-after"] == "10"
        # What can never be taken is told at once.
        too_large = await gateway.send(client, big(client, 51 * 1049))
        check_error(client, too_large, "payload_too_large")
        assert trio.current_time() == 2 + PATIENCE


async def test_a_body_of_unknown_length_counts_as_the_largest_until_it_is_there(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """And one larger than all of the room has its turn alone."""
    async with one_mb(5, 5, 5) as gateway, trio.open_nursery() as nursery:
        room, body = gateway.data_plane.body_room, big("openai_chat", 300)
        answers: list[ScriptedExchange] = []

        async def ask(*, chunked: bool, body: bytes = body) -> None:
            answers.append(await gateway.send("openai_chat", body, chunked=chunked))

        nursery.start_soon(lambda: ask(chunked=True))
        await wait_all_tasks_blocked()
        assert room.held == len(body)
        nursery.start_soon(lambda: ask(chunked=True))
        nursery.start_soon(lambda: ask(chunked=False, body=big("openai_chat", 10)))
        await trio.sleep(5.5)  # the first is over, and the second, which has waited for that, is there
        assert room.held == len(body)
        await trio.sleep(10)
        assert [answer.status for answer in answers] == [200, 200, 200]


async def test_who_leaves_while_it_waits_is_in_nobodys_way(autojump_clock: trio.testing.MockClock) -> None:
    room, nobody = BodyRoom(10 * FREE), ScriptedExchange(b"", {})
    assert await room.enter("first", 6 * FREE, nobody) is None
    async with trio.open_nursery() as nursery:

        async def wait(name: str, size: int, leaves_at: float) -> None:
            with trio.move_on_at(leaves_at):
                assert await room.enter(name, size, nobody) is None

        nursery.start_soon(wait, "large", 8 * FREE, 2)
        await wait_all_tasks_blocked()
        nursery.start_soon(wait, "small", 2 * FREE, 9)
        await trio.sleep(1)
        assert room.held == 6 * FREE  # in their order
        await trio.sleep(1.5)
        assert room.held == 8 * FREE
    room.leave("large")
    room.leave("small")
    room.leave("first")
    assert room.held == 0


async def test_a_client_that_leaves_while_it_waits_for_room(autojump_clock: object) -> None:
    async with one_mb(4, 1) as gateway, trio.open_nursery() as nursery:
        nursery.start_soon(gateway.send, "openai_chat", big("openai_chat"))
        await wait_all_tasks_blocked()
        exchange = await gateway.send("openai_chat", big("openai_chat"), leaves_at=0.25)
        assert (exchange.status, trio.current_time()) == (None, 0.25)
        room = gateway.data_plane.body_room
        assert room.held == len(big("openai_chat"))
        # It is in nobody's way.
        assert await room.enter("next", 100_000, exchange) is None
        room.leave("next")
    assert len(gateway.store.settlements) == 1


async def test_an_empty_body_of_unknown_length_leaves_nothing(autojump_clock: trio.testing.MockClock) -> None:
    async with one_mb() as gateway:
        check_error("openai_chat", await gateway.send("openai_chat", b"", chunked=True), "invalid_request")
        assert await gateway.data_plane.body_room.enter("next", 2**40, ScriptedExchange(b"", {})) is None
        gateway.data_plane.body_room.leave("next")
