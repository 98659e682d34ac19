"""Standings of the embedded store: from memory, and the same after a start."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from hyperinfer.api.store.records import KeyTerms
from hyperinfer.api.store.volumes import Volumes
from hyperinfer.nodes.ports import Principal
from tests.api.store.samples import NOW, USD, a_store
from tests.api.store.standing_laws import all_that_was_spent_and_is_held_is_told

if TYPE_CHECKING:
    from pathlib import Path


async def test_all_that_was_spent_and_is_held_is_told_also_after_a_start(tmp_path: Path) -> None:
    async with a_store(tmp_path) as store:
        await store.create_workspace("lab", USD)
        created = await store.create_key("lab", KeyTerms())
        principal = await store.authenticate(hashlib.sha256(created.secret.reveal().encode()).digest())
        assert isinstance(principal, Principal)
        await all_that_was_spent_and_is_held_is_told(store, principal)
        before, tokens = await store.standing(principal, NOW), await store.weekly_tokens(NOW)
        await store.release("running")
        await store.release("running too")
        settled = await store.standing(principal, NOW)
        assert before != settled
    async with a_store(tmp_path) as store:
        assert await store.standing(principal, NOW) == settled
        assert await store.weekly_tokens(NOW) == tokens


def test_tokens_of_old_days_are_forgotten_and_count_no_more() -> None:
    volumes = Volumes()
    for day in (*range(100, 120), 50):
        volumes.add(day, "a/b", 1)
    assert volumes.week(119) == {"a/b": 7}
    assert volumes.week(126) == {}
    volumes.add(119, "a/b", 10)
    assert volumes.week(119) == {"a/b": 17}
