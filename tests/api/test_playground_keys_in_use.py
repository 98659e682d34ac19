"""One-time keys through the data plane: used up by admission alone."""

from __future__ import annotations

import hashlib
import os

import pytest

from hyperinfer.api.playground import LIFETIME, PlaygroundKeys, PlaygroundLedger
from hyperinfer.engine import Failure
from hyperinfer.nodes.ports import Principal
from tests.api.store.samples import an_admission
from tests.support.ledger import USD, MemoryStore, memory_store


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


async def started(store: MemoryStore, credits: int = USD) -> tuple[Clock, PlaygroundKeys, bytes, Principal]:
    await store.create_workspace("lab", credits)
    clock = Clock()
    keys = PlaygroundKeys(clock, os.urandom)
    secret, expires = keys.mint((await store.workspace("lab")).id, "lab", "u", "chat")
    assert expires == clock.now + LIFETIME
    digest = hashlib.sha256(secret.reveal().encode()).digest()
    principal = keys.authenticate(digest)
    assert isinstance(principal, Principal)
    assert principal.source == "chat"
    return clock, keys, digest, principal


async def test_one_admission(autojump_clock: object) -> None:
    with memory_store() as store:
        clock, keys, digest, principal = await started(store)
        ledger = PlaygroundLedger(store, keys)
        assert await ledger.admit(an_admission("r1", principal, 1)) is None
        assert await ledger.admit(an_admission("r1", principal, 1)) is None  # again, for the same request
        assert isinstance(keys.authenticate(digest), Failure)
        refusal = await ledger.admit(an_admission("r2", principal, 1))
        assert refusal is not None
        assert refusal.code == "invalid_api_key"
        assert keys.reader(digest, "r1") == principal
        assert keys.reader(digest, "r2") is None
        clock.now += LIFETIME
        assert keys.reader(digest, "r1") is None


@pytest.mark.parametrize("credits", [0])
async def test_a_refusal_uses_nothing_up_and_prolongs_nothing(credits: int, autojump_clock: object) -> None:
    with memory_store() as store:
        clock, keys, digest, principal = await started(store, credits)
        ledger = PlaygroundLedger(store, keys)
        clock.now += LIFETIME - 1
        assert await ledger.admit(an_admission("r1", principal, 1)) is not None
        assert keys.authenticate(digest) == principal
        clock.now += 1
        assert isinstance(keys.authenticate(digest), Failure)


async def test_keys_are_forgotten_in_the_end(autojump_clock: object) -> None:
    with memory_store() as store:
        clock, keys, digest, principal = await started(store)
        clock.now += LIFETIME - 1
        assert keys.take(principal.key_id, "r1")
        clock.now += LIFETIME - 1
        keys.mint("w", "lab", "u", "chat")
        assert keys.reader(digest, "r1") == principal
        clock.now += 2
        keys.mint("w", "lab", "u", "chat")
        assert keys.authenticate(digest) is None
