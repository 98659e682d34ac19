"""Which ledger a database has: what is owed to one is never settled in another, wherever the address leads."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest
import trio

from hyperinfer.api.store.errors import StoreUnavailable
from hyperinfer.nodes.ports import Principal
from tests.api.store.remote.opened import Place, a_place, opened
from tests.api.store.samples import USD, a_generation, an_admission

if TYPE_CHECKING:
    from pathlib import Path

    from hyperinfer.api.store.remote.store import RemoteStore
    from tests.support.postgres import PostgresServer
    from tests.support.valkey import ValkeyServer


@pytest.fixture
def place(postgres: PostgresServer, valkey: ValkeyServer, tmp_path: Path) -> Place:
    return a_place(postgres, valkey, tmp_path)


def _statuses(place: Place) -> dict[str, str]:
    return dict(line.split("|") for line in place.sql("SELECT id, status FROM generation").splitlines())


async def _admitted(store: RemoteStore, request: str) -> str:
    """A workspace in which a request runs."""
    workspace = (await store.create_workspace("lab", USD)).id
    principal = Principal(workspace=workspace, workspace_name="lab", key_id="key_1")
    assert await store.admit(an_admission(request, principal, 100)) is None
    return workspace


async def test_journals_are_taken_over_for_their_own_database_alone(place: Place) -> None:
    elsewhere = dataclasses.replace(place, database=place.postgres.new_database())
    async with opened(place) as store:
        await _admitted(store, "r1")  # and ends before the request does
    for _ in range(2):
        with pytest.RaisesGroup(
            pytest.RaisesExc(StoreUnavailable, match="another database's ledger"), flatten_subgroups=True
        ):
            async with opened(elsewhere):
                pytest.fail("it opened")
    assert _statuses(elsewhere) == {}
    async with opened(place) as store:
        with trio.fail_after(10):
            await store.ledger.wait_quiet()
    assert _statuses(place) == {"r1": "interrupted"}
    async with opened(elsewhere):
        assert _statuses(elsewhere) == {}, "what is done with is nobody's business"


async def test_an_address_that_leads_to_another_database_is_left_alone(place: Place) -> None:
    """While a gateway runs: say, by its name service."""
    name, elsewhere, run = place.database, place.postgres.new_database(), place.postgres.run

    def swap() -> None:
        for each in (name, elsewhere):
            run(f"ALTER DATABASE {each} ALLOW_CONNECTIONS false")
            run(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{each}'")
        for old, new in ((name, "aside"), (elsewhere, name), ("aside", elsewhere)):
            run(f"ALTER DATABASE {old} RENAME TO {new}")
        for each in (name, elsewhere):
            run(f"ALTER DATABASE {each} ALLOW_CONNECTIONS true")

    async with opened(place) as store:
        workspace = await _admitted(store, "r1")
        swap()
        await store.settle(a_generation("r1", workspace, 70))  # by the journal
        pending = await store.generation(workspace, "r1")
        assert pending is not None
        assert pending.status == "pending"
        with pytest.raises(StoreUnavailable, match="leads to another one now"):
            await store.queries.run(lambda connection: connection.fetchval("SELECT 1"))
        assert place.sql("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == "0"
        swap()
        with trio.fail_after(10):
            await store.ledger.wait_quiet()
    assert _statuses(place) == {"r1": "completed"}
    assert place.sql("SELECT balance FROM workspace") == str(USD - 70)
