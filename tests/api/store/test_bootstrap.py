"""The first start makes what a first call needs, and no later start makes anything."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from hyperinfer.api.store.bootstrap import CREDITS, Bootstrapped, Ignored, bootstrap
from hyperinfer.api.store.errors import Refused
from hyperinfer.api.store.keys import digest
from hyperinfer.api.store.records import KeyTerms
from hyperinfer.nodes.ports import Principal
from hyperinfer.providers.secret import Secret
from tests.api.store.samples import USD, a_store

if TYPE_CHECKING:
    from pathlib import Path


async def test_an_empty_store_gets_a_workspace_credits_and_a_key(tmp_path: Path) -> None:
    async with a_store(tmp_path) as store:
        made = await bootstrap(store)
        assert isinstance(made, Bootstrapped)
        assert (made.workspace.name, made.workspace.balance, CREDITS) == ("default", 100 * USD, 100 * USD)
        assert made.made is not None
        secret = made.made.reveal()
        assert re.fullmatch(r"hi-[A-Za-z0-9_-]{43}", secret)
        assert (made.key.prefix, made.key.last4) == (secret[:11], secret[-4:])
        assert secret not in repr(made)
        principal = await store.authenticate(digest(secret))
        assert isinstance(principal, Principal)
        assert principal.workspace == made.workspace.id
    async with a_store(tmp_path) as store:
        assert await bootstrap(store) == Ignored(None)
        assert len(await store.keys()) == 1


async def test_a_given_key_is_used_and_not_shown(tmp_path: Path) -> None:
    given = Secret("hi-mine")
    async with a_store(tmp_path) as store:
        made = await bootstrap(store, given, 3 * USD)
        assert isinstance(made, Bootstrapped)
        assert (made.made, made.workspace.balance) == (None, 3 * USD)
        assert (made.key.prefix, made.key.last4) == ("hi-", "")
        assert isinstance(await store.authenticate(digest("hi-mine")), Principal)
        # The same setting at each start is no mistake; another one is.
        assert await bootstrap(store, given, 3 * USD) == Ignored(None)
        other = await bootstrap(store, Secret("hi-other"), 3 * USD)
        assert isinstance(other, Ignored)
        assert other.warning is not None
        assert "HYPERINFER_BOOTSTRAP_KEY" in other.warning
        assert "hi-other" not in other.warning
        assert (await store.workspace("default")).balance == 3 * USD


@pytest.mark.parametrize("key", ["", "hi-", "sk-1", "hi-with blank", "hi-ü", "hi-\n"])
async def test_a_key_that_cannot_be_sent_is_refused(tmp_path: Path, key: str) -> None:
    async with a_store(tmp_path) as store:
        with pytest.raises(Refused):
            await bootstrap(store, Secret(key))
        assert await store.workspaces() == ()


async def test_a_first_start_that_was_cut_short_is_finished(tmp_path: Path) -> None:
    async with a_store(tmp_path) as store:
        await store.create_workspace("default", 5)
        made = await bootstrap(store)
        assert isinstance(made, Bootstrapped)
        assert made.workspace.balance == 5


async def test_a_prefix_that_fits_two_keys_is_refused(tmp_path: Path) -> None:
    async with a_store(tmp_path) as store:
        await store.create_workspace("lab")
        keys = [await store.create_key_with("lab", KeyTerms(), Secret(f"hi-same{letter}{'x' * 38}")) for letter in "ab"]
        with pytest.raises(Refused, match="fits 2 keys"):
            await store.revoke("hi-same")
        with pytest.raises(Refused, match="secret already"):
            await store.create_key_with("lab", KeyTerms(), keys[0].secret)
        assert (await store.revoke("hi-samea")).id == keys[0].record.id
        # The one that is left is meant.
        assert (await store.revoke("hi-same")).id == keys[1].record.id
        # A whole secret that was never one of ours does not match by its beginning, and is not repeated.
        with pytest.raises(Refused) as refused:
            await store.revoke(f"hi-sameb{'y' * 38}")
        assert "yyyy" not in str(refused.value)
        assert (await store.revoke(keys[0].secret.reveal())).id == keys[0].record.id
