"""A loop of asyncio as a guest of trio's: clients find all that they need, and trio's rules hold."""

from __future__ import annotations

import asyncio
import socket

import pytest
import trio
import trio.testing

from hyperinfer.api.store.remote.guest_loop import TURNS, in_asyncio, open_loop


async def test_timers_are_by_the_clock_of_trio(autojump_clock: trio.testing.MockClock) -> None:
    async def nap(seconds: float) -> float:
        await asyncio.sleep(seconds)
        return asyncio.get_running_loop().time()

    async def impatient() -> str:
        try:
            async with asyncio.timeout(5):
                await asyncio.sleep(1000)
        except TimeoutError:
            return "too late"
        return "in time"

    async with open_loop():
        begun = trio.current_time()
        assert await in_asyncio(nap, 3600) == begun + 3600
        assert await in_asyncio(impatient) == "too late"
        assert trio.current_time() == begun + 3605


async def test_tasks_of_both_run_beside_each_other() -> None:
    said: list[str] = []
    ours, theirs = socket.socketpair()

    async def echo() -> None:
        reader, writer = await asyncio.open_connection(sock=theirs)
        while line := await reader.readline():
            said.append(line.decode().strip())
            writer.write(line.upper())
        writer.close()

    async with open_loop(), trio.open_nursery() as nursery:
        nursery.start_soon(in_asyncio, echo)
        stream = trio.SocketStream(trio.socket.from_stdlib_socket(ours))
        for number in range(3):
            await stream.send_all(f"line {number}\n".encode())
            assert await stream.receive_some() == f"LINE {number}\n".encode()
        await stream.aclose()
    assert said == ["line 0", "line 1", "line 2"]


async def test_what_a_thread_comes_to_is_heard_of() -> None:
    async def looked_up() -> object:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(None, sum, [1, 2, 3])

    async with open_loop():
        with trio.fail_after(5):
            assert await in_asyncio(looked_up) == 6


async def test_many_turns_of_asyncio_leave_room_for_trio() -> None:
    spun = 0

    async def spin() -> None:
        nonlocal spun
        while True:
            spun += 1
            await asyncio.sleep(0)

    async with open_loop(), trio.open_nursery() as nursery:
        nursery.start_soon(in_asyncio, spin)
        for _ in range(100):
            await trio.lowlevel.checkpoint()
        nursery.cancel_scope.cancel()
    assert 100 < spun < 100 * (TURNS + 1)


async def test_whoever_is_cancelled_cancels_what_it_waits_for() -> None:
    ended: list[str] = []

    async def work() -> None:
        try:
            await asyncio.sleep(1000)
        except asyncio.CancelledError:
            await asyncio.sleep(0)  # it may still take leave
            ended.append("cancelled")
            raise

    async def stubborn() -> str:
        try:
            await asyncio.sleep(1000)
        except asyncio.CancelledError:
            return "done all the same"
        return ""

    async with open_loop():
        with trio.move_on_after(0.01) as scope:
            await in_asyncio(work)
        assert scope.cancelled_caught
        assert ended == ["cancelled"]
        with trio.move_on_after(0.01) as scope:
            assert await in_asyncio(stubborn) == "done all the same"
        assert not scope.cancelled_caught


async def test_an_exception_comes_through_as_it_is() -> None:
    async def fail() -> None:
        await asyncio.sleep(0)
        raise KeyError("it")

    async with open_loop():
        with pytest.raises(KeyError, match="it"):
            await in_asyncio(fail)


async def test_leave_is_taken_also_where_all_is_cancelled() -> None:
    left: list[str] = []
    tasks: list[asyncio.Task[None]] = []

    async def leave() -> None:
        await asyncio.sleep(0.01)
        left.append("client")

    async def forgotten() -> None:
        try:
            await asyncio.sleep(1000)
        finally:
            left.append("forgotten")

    with trio.move_on_after(0.05):
        async with open_loop() as loop:
            tasks.append(loop.create_task(forgotten()))
            try:
                await trio.sleep_forever()
            finally:
                with trio.CancelScope(shield=True):
                    await in_asyncio(leave)
    assert left == ["client", "forgotten"]
    assert tasks[0].cancelled()


async def test_a_loop_within_another_is_its_own() -> None:
    async def which() -> object:
        return asyncio.get_running_loop()

    async with open_loop() as outer:
        async with open_loop() as inner:
            assert await in_asyncio(which) is inner
        assert await in_asyncio(which) is outer
    with pytest.raises(RuntimeError, match="no loop"):
        await in_asyncio(which)
