"""What holds for one-time keys wherever they are kept. `test_playground_keys_in_use.py` runs them on both."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Awaitable, Callable
from typing import Final

import trio

from hyperinfer.api.playground import LIFETIME, PlaygroundKeys, PlaygroundLedger
from hyperinfer.engine import Failure
from hyperinfer.nodes.ports import Principal
from tests.api.store.samples import an_admission
from tests.support.ledger import USD, memory_store


class Clock:
    """Unix seconds, moved by hand. `passes`: what else goes by, in seconds, when time does."""

    def __init__(self, passes: Callable[[float], None] | None = None) -> None:
        self.now = 1000.0
        self.steady = 0.0
        self._passes = passes

    def __call__(self) -> float:
        return self.now

    def go(self, seconds: float) -> None:
        """Time goes by."""
        self.now += seconds
        self.steady += seconds
        if self._passes is not None:
            self._passes(seconds)


async def minted(clock: Clock, keys: PlaygroundKeys, workspace: str = "ws", user: str = "u") -> tuple[bytes, Principal]:
    """The digest of a new key, and whose it is."""
    secret, expires = await keys.mint(workspace, "lab", user, "chat")
    assert expires == clock.now + LIFETIME
    assert re.fullmatch(r"hi-play-[\w-]{32}", secret.reveal())
    digest = hashlib.sha256(secret.reveal().encode()).digest()
    principal = await keys.authenticate(digest)
    assert isinstance(principal, Principal)
    assert (principal.workspace, principal.workspace_name, principal.source) == (workspace, "lab", "chat")
    return digest, principal


async def a_key_is_used_up_by_one_request_and_reads_it(clock: Clock, keys: PlaygroundKeys, other: PlaygroundKeys) -> None:
    """`other`: the keys as another gateway sees them."""
    digest, principal = await minted(clock, keys)
    assert await other.authenticate(digest) == principal
    assert await other.reader(digest, "r1") is None
    assert await other.take(principal.key_id, "r1") is None
    assert await keys.take(principal.key_id, "r1") is None  # again, for the same request
    for each in (keys, other):
        assert isinstance(await each.authenticate(digest), Failure)
        refusal = await each.take(principal.key_id, "r2")
        assert refusal is not None
        assert refusal.code == "invalid_api_key"
        assert await each.reader(digest, "r1") == principal
        assert await each.reader(digest, "r2") is None
    clock.go(LIFETIME - 1)
    assert await keys.reader(digest, "r1") == principal
    clock.go(1)
    assert await keys.reader(digest, "r1") is None
    assert isinstance(await keys.authenticate(digest), Failure)


async def a_key_that_is_given_back_is_as_new_and_no_older(clock: Clock, keys: PlaygroundKeys, other: PlaygroundKeys) -> None:
    digest, principal = await minted(clock, keys)
    assert await keys.take(principal.key_id, "r1") is None
    other.give_back(principal.key_id, "r2")  # it is not that request's to give
    assert await other.take(principal.key_id, "r2") is not None
    keys.give_back(principal.key_id, "r1")
    assert await keys.authenticate(digest) == principal
    assert await other.reader(digest, "r1") is None
    clock.go(LIFETIME)
    assert isinstance(await other.authenticate(digest), Failure)


async def a_clock_that_is_set_makes_no_key_older_or_younger(
    clock: Clock, keys: PlaygroundKeys, other: PlaygroundKeys
) -> None:
    digest, principal = await minted(clock, keys)
    for step in (-86_400, 2 * 86_400, -90 * 86_400):
        clock.now += step
        assert await other.authenticate(digest) == principal
    clock.go(LIFETIME - 1)
    assert await keys.authenticate(digest) == principal
    assert await keys.take(principal.key_id, "r1") is None
    clock.now -= 3600
    clock.go(LIFETIME - 1)
    assert await other.reader(digest, "r1") == principal
    clock.go(1)
    assert await other.reader(digest, "r1") is None
    digest, _ = await minted(clock, keys)
    clock.now -= 3600
    clock.go(LIFETIME)
    assert isinstance(await keys.authenticate(digest), Failure)


async def of_many_at_once_one_takes_it(clock: Clock, keys: PlaygroundKeys, other: PlaygroundKeys) -> None:
    _, principal = await minted(clock, keys)
    taken: list[str] = []

    async def take(each: PlaygroundKeys, request: str) -> None:
        if await each.take(principal.key_id, request) is None:
            taken.append(request)

    async with trio.open_nursery() as nursery:
        for number in range(20):
            nursery.start_soon(take, (keys, other)[number % 2], f"r{number}")
    assert len(taken) == 1


async def what_is_no_key_is_none(clock: Clock, keys: PlaygroundKeys, other: PlaygroundKeys) -> None:
    digest, _ = await minted(clock, keys)
    for unknown in (bytes(32), digest[:31] + bytes([digest[31] ^ 1])):  # the other one begins as a key does
        assert await other.authenticate(unknown) is None
        assert await other.reader(unknown, "r1") is None
    for key_id in ("playground:u:none", "key_1", ""):
        assert await other.take(key_id, "r1") is not None
        other.give_back(key_id, "r1")


async def users_have_any_name(clock: Clock, keys: PlaygroundKeys, other: PlaygroundKeys) -> None:
    """A key's id goes into rows and commands."""
    for user in ("user 1", "a:b", "ü", "", "\0", "\ud800", "x" * 100_000, "'; DROP TABLE ledger; --"):
        _, principal = await minted(clock, keys, user=user)
        assert re.fullmatch(r"playground:[\w@.~%-]*:[0-9a-f]{24}", principal.key_id), principal.key_id
        assert len(principal.key_id) < 700
        assert await other.take(principal.key_id, "r1") is None


async def admission_alone_uses_it_up(clock: Clock, keys: PlaygroundKeys, other: PlaygroundKeys) -> None:
    with memory_store() as store:
        await store.create_workspace("lab", 0)
        workspace = (await store.workspace("lab")).id
        digest, principal = await minted(clock, keys, workspace)
        ledger = PlaygroundLedger(store, keys)
        refusal = await ledger.admit(an_admission("r1", principal, 1))
        assert refusal is not None
        assert refusal.code == "insufficient_credits"
        assert await keys.authenticate(digest) == principal
        await store.topup("lab", USD)
        store.admitting = 0.001
        with trio.CancelScope() as scope:
            scope.cancel()  # the client leaves while it is being admitted
            await ledger.admit(an_admission("r2", principal, 1))
        store.admitting = 0.0
        assert await keys.authenticate(digest) == principal
        assert await ledger.admit(an_admission("r3", principal, 1)) is None
        assert await ledger.admit(an_admission("r3", principal, 1)) is None
        refusal = await PlaygroundLedger(store, other).admit(an_admission("r4", principal, 1))
        assert refusal is not None
        assert refusal.code == "invalid_api_key"


LAWS: Final[tuple[Callable[[Clock, PlaygroundKeys, PlaygroundKeys], Awaitable[None]], ...]] = (
    a_key_is_used_up_by_one_request_and_reads_it,
    a_key_that_is_given_back_is_as_new_and_no_older,
    a_clock_that_is_set_makes_no_key_older_or_younger,
    of_many_at_once_one_takes_it,
    what_is_no_key_is_none,
    users_have_any_name,
    admission_alone_uses_it_up,
)
