"""The embedded store keeps every law of a store, and remembers across a restart."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from hyperinfer.api.store.errors import StoreUnavailable
from hyperinfer.api.store.records import KeyTerms
from hyperinfer.nodes.ports import Principal
from tests.api.store.ledger_laws import LAWS
from tests.api.store.samples import USD, a_generation, a_store, an_admission

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from tests.api.store.admission_laws import Store


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
async def test_law(law: Callable[[Store], Awaitable[None]], tmp_path: Path) -> None:
    async with a_store(tmp_path) as store:
        await law(store)


async def test_everything_but_holds_is_there_after_a_restart(tmp_path: Path) -> None:
    async with a_store(tmp_path) as store:
        workspace = await store.create_workspace("lab", USD)
        created = await store.create_key("lab", KeyTerms(models=("a/b",)))
        key_digest = hashlib.sha256(created.secret.reveal().encode()).digest()
        principal = await store.authenticate(key_digest)
        assert isinstance(principal, Principal)
        await store.admit(an_admission("held", principal, USD))
        settled = a_generation("r1", workspace.id, 70)
        await store.settle(settled)
        await store.lock("lab")
    async with a_store(tmp_path) as store:
        assert await store.authenticate(key_digest) == principal
        again = await store.workspace("lab")
        assert (again.balance, again.locked) == (USD - 70, True)
        assert await store.generation(workspace.id, "r1") == settled
        await store.unlock("lab")
        assert await store.admit(an_admission("next", principal, 1)) is None


async def test_a_closed_store_says_so(tmp_path: Path) -> None:
    async with a_store(tmp_path) as store:
        workspace = await store.create_workspace("lab", USD)
    with pytest.raises(StoreUnavailable):
        await store.settle(a_generation("r1", workspace.id))


async def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "hyperinfer.db").write_bytes(b"this is not a database, however long one looks at it" * 100)
    with pytest.RaisesGroup(pytest.RaisesExc(StoreUnavailable, match="not a database")):
        async with a_store(tmp_path):
            pytest.fail("it opened")
