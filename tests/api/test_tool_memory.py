"""What server tools found is kept for an hour: the laws, in memory and on the Redis of several gateways."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hyperinfer.api.store.remote.bridge import open_bridge
from hyperinfer.api.store.remote.holds import Holds
from hyperinfer.api.store.remote.tool_memory import RedisToolMemory
from hyperinfer.api.tool_memory import KEEP_SECONDS, LARGEST, LocalToolMemory
from hyperinfer.providers.secret import Secret

if TYPE_CHECKING:
    from hyperinfer.nodes.ports import ToolMemory
    from tests.support.valkey import ValkeyServer


async def what_is_kept_is_found_by_its_workspace_alone(memory: ToolMemory, other: ToolMemory) -> None:
    """`other`: as another gateway sees it."""
    strange = "call\x00 {ws}*\ud800" * 100
    await memory.keep("ws", "call_1", b"one")
    await memory.keep("ws", strange, b"\x00\xff")
    await memory.keep("ws", "call_1", b"one again")
    await memory.keep("ws", "large", bytes(LARGEST + 1))
    for each in (memory, other):
        assert await each.kept("ws", ["no", "call_1", strange, "large"]) == {"call_1": b"one again", strange: b"\x00\xff"}
        assert await each.kept("ws2", ["call_1"]) == {}
        assert await each.kept("ws", []) == {}


async def test_in_memory() -> None:
    memory = LocalToolMemory(lambda: 0.0)
    await what_is_kept_is_found_by_its_workspace_alone(memory, memory)


async def test_in_redis_as_two_gateways_see_it(valkey: ValkeyServer) -> None:
    async with open_bridge() as bridge:
        actors = [Holds(Secret(valkey.url)).actor for _ in range(2)]
        for actor in actors:
            bridge.start_soon(actor.run)
        await what_is_kept_is_found_by_its_workspace_alone(*(RedisToolMemory(actor) for actor in actors))
    for key in valkey.run("KEYS", "hi:*:tools:*"):
        assert 0 < valkey.run("TTL", key) <= KEEP_SECONDS


async def test_a_redis_that_is_away_keeps_nothing_and_fails_nobody(valkey: ValkeyServer) -> None:
    async with open_bridge() as bridge:
        actor = Holds(Secret(valkey.url)).actor
        bridge.start_soon(actor.run)
        memory = RedisToolMemory(actor)
        await memory.keep("ws", "call_1", b"one")
        valkey.stop()
        try:
            assert await memory.kept("ws", ["call_1"]) == {}
            await memory.keep("ws", "call_2", b"two")
        finally:
            valkey.start()


async def test_in_memory_it_goes_after_an_hour_and_the_oldest_when_there_is_too_much() -> None:
    now = 0.0
    memory = LocalToolMemory(lambda: now, most_bytes=10)
    await memory.keep("ws", "a", b"aaaa")
    now = KEEP_SECONDS - 1
    await memory.keep("ws", "b", b"bbbb")
    assert set(await memory.kept("ws", ["a", "b"])) == {"a", "b"}
    now = KEEP_SECONDS
    assert set(await memory.kept("ws", ["a", "b"])) == {"b"}
    await memory.keep("ws", "c", b"cccc")
    await memory.keep("ws", "d", b"dddd")
    assert set(await memory.kept("ws", ["b", "c", "d"])) == {"c", "d"}
    await memory.keep("ws", "c", b"c")
    await memory.keep("ws", "e", b"eeeee")
    assert set(await memory.kept("ws", ["c", "d", "e"])) == {"c", "d", "e"}
