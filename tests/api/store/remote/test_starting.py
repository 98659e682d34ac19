"""A gateway that starts while Postgres is away: on what Redis knows, and for the same ledger alone."""

from __future__ import annotations

import hashlib
import os
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import msgspec
import pytest
import trio

from hyperinfer.api.store.errors import StoreUnavailable
from hyperinfer.api.store.records import KeyTerms
from hyperinfer.api.store.remote.store import RemoteStore, open_remote
from hyperinfer.nodes.ports import Principal
from tests.api.store.remote.opened import Place, a_place, opened
from tests.api.store.samples import USD, a_generation, an_admission

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

    from tests.support.postgres import PostgresServer
    from tests.support.valkey import ValkeyServer


class Door(Place):
    """A place whose database can be closed, and while it is, be given another name."""

    def close(self) -> None:
        self.postgres.run(f"ALTER DATABASE {self.database} ALLOW_CONNECTIONS false")
        of = f"datname = '{self.database}'"
        self.postgres.run(f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE {of}")

    def open(self) -> None:
        self.postgres.run(f"ALTER DATABASE {self.database} ALLOW_CONNECTIONS true")

    def rename(self, name: str) -> None:
        self.postgres.run(f"ALTER DATABASE {self.database} RENAME TO {name}")
        self.database = name


@pytest.fixture
def door(postgres: PostgresServer, valkey: ValkeyServer, tmp_path: Path) -> Door:
    place = a_place(postgres, valkey, tmp_path)
    return Door(place.postgres, place.valkey, place.database, place.journals)


@asynccontextmanager
async def _store(door: Door) -> AsyncGenerator[RemoteStore]:
    async with open_remote(door.settings, now=time.time, clock=trio.current_time, entropy=os.urandom) as store:
        yield store


async def _served_before(door: Door) -> bytes:
    """The digest of a key that a gateway, now gone, has let in."""
    async with opened(door) as store:
        await store.create_workspace("lab", USD)
        secret = (await store.create_key("lab", KeyTerms())).secret.reveal()
        digest = hashlib.sha256(secret.encode()).digest()
        await _one_request(store, digest, "r0")
        await store.ledger.wait_quiet()
        with trio.fail_after(10):
            while door.valkey.run("GET", "hi:ledger") is None:
                await trio.lowlevel.checkpoint()
    return digest


async def _one_request(store: RemoteStore, digest: bytes, request: str) -> str:
    """Its workspace."""
    principal = await store.authenticate(digest)
    assert isinstance(principal, Principal)
    assert await store.admit(an_admission(request, principal, 100)) is None
    row = a_generation(request, principal.workspace, 70)
    with trio.fail_after(10):
        await store.settle(msgspec.structs.replace(row, key_id=principal.key_id))
    return principal.workspace


async def test_a_gateway_starts_while_the_database_is_away_and_serves(door: Door) -> None:
    digest = await _served_before(door)
    door.close()
    async with _store(door) as store:
        workspace = await _one_request(store, digest, "r1")
        pending = await store.generation(workspace, "r1")
        assert pending is not None
        assert (pending.status, pending.cost) == ("pending", 70)
        with trio.fail_after(10):
            while store.postgres_healthy:
                await trio.lowlevel.checkpoint()
        door.open()
        with trio.fail_after(20):
            await store.ledger.wait_quiet()
        assert door.sql("SELECT id, status FROM generation ORDER BY id") == "r0|completed\nr1|completed"
        assert (await store.workspace("lab")).balance == USD - 140
        assert (await store.verify_ledger()).differences == ()


async def test_it_does_not_start_where_nobody_knows_the_accounts(door: Door) -> None:
    await _served_before(door)
    door.close()
    door.valkey.run("FLUSHALL")
    with pytest.RaisesGroup(pytest.RaisesExc(StoreUnavailable, match="cannot be reached"), flatten_subgroups=True):
        async with _store(door):
            pytest.fail("it opened")
    door.open()


async def test_it_does_not_start_on_a_wrong_address(door: Door) -> None:
    await _served_before(door)
    door.database = "no_such_database"
    with pytest.RaisesGroup(pytest.RaisesExc(StoreUnavailable, match="InvalidCatalogName"), flatten_subgroups=True):
        async with _store(door):
            pytest.fail("it opened")


async def test_a_database_that_appears_with_another_ledger_is_not_written_to(door: Door) -> None:
    digest = await _served_before(door)
    other = Door(door.postgres, door.valkey, door.postgres.new_database(), door.journals.with_name("elsewhere"))
    async with opened(other):
        pass
    name = door.database
    door.valkey.run("SET", "hi:ledger", door.sql("SELECT name FROM identity"))
    door.close()
    async with _store(door) as store:
        workspace = await _one_request(store, digest, "r1")
        other.close()
        door.rename(f"{name}_aside")
        other.rename(name)
        other.open()
        with trio.fail_after(10):
            while True:
                with pytest.raises(StoreUnavailable) as refused:
                    await store.queries.run(lambda connection: connection.fetchval("SELECT 1"))
                if "leads to another one" in str(refused.value):
                    break
                await trio.lowlevel.checkpoint()
        pending = await store.generation(workspace, "r1")
        assert pending is not None
        assert pending.status == "pending"
        assert other.sql("SELECT count(*) FROM generation") == "0"
        other.close()
        other.rename(f"{name}_other")
        door.rename(name)
        door.open()
        with trio.fail_after(20):
            await store.ledger.wait_quiet()
        assert (await store.workspace("lab")).balance == USD - 140
