"""The embedded store keeps every law of a store, and remembers across a restart."""

from __future__ import annotations

import hashlib
import time
from typing import TYPE_CHECKING

import msgspec
import pytest
import trio

from hyperinfer.api.store.errors import StoreUnavailable
from hyperinfer.api.store.records import KeyTerms
from hyperinfer.nodes.ports import Principal
from tests.api.store.admission_laws import a_principal
from tests.api.store.clock_laws import CLOCK_LAWS, DAY, WallClock
from tests.api.store.console_laws import CONSOLE_LAWS
from tests.api.store.ledger_laws import LAWS
from tests.api.store.samples import USD, a_generation, a_store, an_admission

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from hyperinfer.api.store.store import FullAdmin
    from tests.api.store.admission_laws import Store
    from tests.api.store.clock_laws import TimedStore


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
async def test_law(law: Callable[[Store], Awaitable[None]], tmp_path: Path) -> None:
    async with a_store(tmp_path) as store:
        await law(store)


@pytest.mark.parametrize("law", CONSOLE_LAWS, ids=lambda law: law.__name__)
async def test_console_law(law: Callable[[FullAdmin], Awaitable[None]], tmp_path: Path) -> None:
    async with a_store(tmp_path) as store:
        await law(store)


@pytest.mark.parametrize("law", CLOCK_LAWS, ids=lambda law: law.__name__)
async def test_clock_law(law: Callable[[TimedStore, WallClock], Awaitable[None]], tmp_path: Path) -> None:
    clock = WallClock()
    async with a_store(tmp_path, clock) as store:
        await law(store, clock)


async def test_days_of_a_clock_that_was_wrong_hide_no_limit_from_a_restart(tmp_path: Path) -> None:
    terms = KeyTerms(limit_daily=70, limit_monthly=70)
    clock = WallClock(time.time())  # which the writer reads too
    async with a_store(tmp_path, clock) as store:
        principal = await a_principal(store, USD, terms)
        for number, years in enumerate((0, 10)):
            clock.now += years * 365 * DAY
            row = a_generation(f"r{number}", principal.workspace, 70, created_at=clock.now)
            await store.settle(msgspec.structs.replace(row, key_id=principal.key_id))
    clock.now -= 10 * 365 * DAY
    async with a_store(tmp_path, clock) as store:
        admission = an_admission("r2", principal, 1)
        now = msgspec.structs.replace(admission.interrupted, created_at=clock.now)
        refusal = await store.admit(msgspec.structs.replace(admission, interrupted=now))
        assert refusal is not None
        assert refusal.code == "key_limit_exceeded"
        assert await store.weekly_tokens(clock.now) != {}


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


async def test_a_real_record_takes_the_place_of_an_interrupted_one_and_never_the_other_way(tmp_path: Path) -> None:
    async with a_store(tmp_path) as store:
        principal = await a_principal(store, 1000)
        interrupted, real = an_admission("r1", principal, 0).interrupted, a_generation("r1", principal.workspace, 70)
        await store.settle(interrupted)
        for generation in (real, interrupted, a_generation("r1", principal.workspace, 140)):
            await store.settle(generation)
            assert await store.generation(principal.workspace, "r1") == real
        async with trio.open_nursery() as nursery:  # in one group
            for of in (interrupted, real, interrupted):
                nursery.start_soon(store.settle, msgspec.structs.replace(of, id="r2"))
        assert (await store.workspace("lab")).balance == 1000 - 140
        report = await store.verify_ledger()
        assert (report.generations, report.ledger_rows, report.differences) == (2, 3, ())


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
