"""One-time keys: the laws, on the memory of a gateway and on the Redis of several."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import pytest

from hyperinfer.api.playground import LIFETIME, MemoryPlaygroundKeys, PlaygroundKeys
from hyperinfer.api.store.errors import StoreUnavailable
from hyperinfer.api.store.remote.bridge import open_bridge
from hyperinfer.api.store.remote.holds import Holds
from hyperinfer.api.store.remote.one_time import RedisPlaygroundKeys
from hyperinfer.engine import Failure
from hyperinfer.providers.secret import Secret
from tests.api.playground_laws import LAWS, Clock, minted

if TYPE_CHECKING:
    from tests.support.valkey import ValkeyServer

Law = Callable[[Clock, PlaygroundKeys, PlaygroundKeys], Awaitable[None]]


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
async def test_in_memory(law: Law) -> None:
    clock = Clock()
    keys = MemoryPlaygroundKeys(clock, lambda: clock.steady, os.urandom)
    await law(clock, keys, keys)


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
async def test_in_redis_as_two_gateways_see_it(law: Law, valkey: ValkeyServer) -> None:
    def pass_time(seconds: float) -> None:
        for key in valkey.run("KEYS", "hi:onetime:*"):
            valkey.run("PEXPIRE", key, int(valkey.run("PTTL", key) - 1000 * seconds))

    valkey.run("FLUSHALL")
    clock = Clock(pass_time)
    async with open_bridge() as bridge:
        actors = [Holds(Secret(valkey.url)).actor for _ in range(2)]
        for actor in actors:
            bridge.start_soon(actor.run)
        keys, other = (RedisPlaygroundKeys(actor, clock, os.urandom) for actor in actors)
        await law(clock, keys, other)
    assert all(valkey.run("TTL", key) > 0 for key in valkey.run("KEYS", "hi:onetime:*"))


async def test_a_redis_that_is_away_is_told_as_that(valkey: ValkeyServer) -> None:
    clock = Clock()
    async with open_bridge() as bridge:
        actor = Holds(Secret(valkey.url)).actor
        bridge.start_soon(actor.run)
        keys = RedisPlaygroundKeys(actor, clock, os.urandom)
        digest, principal = await minted(clock, keys)
        valkey.stop()
        try:
            for answer in (await keys.authenticate(digest), await keys.take(principal.key_id, "r1")):
                assert isinstance(answer, Failure)
                assert (answer.code, answer.retry_after) == ("internal_error", 1.0)
            assert await keys.reader(digest, "r1") is None
            keys.give_back(principal.key_id, "r1")
            with pytest.raises(StoreUnavailable):
                await keys.mint("ws", "lab", "u", "chat")
        finally:
            valkey.start()
        # It holds no keys any more.
        assert await keys.authenticate(digest) is None
        await minted(clock, keys)


async def test_keys_in_memory_are_forgotten_in_the_end() -> None:
    clock = Clock()
    keys = MemoryPlaygroundKeys(clock, lambda: clock.steady, os.urandom)
    digest, principal = await minted(clock, keys)
    clock.go(LIFETIME - 1)
    assert await keys.take(principal.key_id, "r1") is None
    clock.go(LIFETIME - 1)
    await minted(clock, keys)
    assert await keys.reader(digest, "r1") == principal
    clock.go(2)
    await minted(clock, keys)
    assert await keys.authenticate(digest) is None
