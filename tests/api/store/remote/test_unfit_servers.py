"""Servers that answer and take nothing: copies of others since a failover, and a Redis whose memory is full."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hyperinfer.api.store.request_log import RequestsQuestion
from hyperinfer.nodes.ports import Principal
from tests.api.store.remote.opened import a_place, opened
from tests.api.store.samples import USD, a_generation, an_admission

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from hyperinfer.api.store.remote.store import RemoteStore
    from hyperinfer.api.store.store import Dependency
    from tests.support.postgres import PostgresServer
    from tests.support.valkey import ValkeyServer


async def _code(store: RemoteStore, id_: str, principal: Principal) -> str | None:
    refusal = await store.admit(an_admission(id_, principal, 1))
    return None if refusal is None else refusal.code


async def _seen(store: RemoteStore) -> Mapping[Dependency, bool]:
    await store.look_at_postgres()
    await store.look_at_redis()
    return store.checks


async def test_a_redis_that_takes_nothing_is_down(postgres: PostgresServer, valkey: ValkeyServer, tmp_path: Path) -> None:
    place = a_place(postgres, valkey, tmp_path)
    full, room = ("CONFIG", "SET", "maxmemory", "1"), ("CONFIG", "SET", "maxmemory", "0")
    copy, master = ("REPLICAOF", "127.0.0.1", "1"), ("REPLICAOF", "NO", "ONE")
    async with opened(place) as store:
        workspace = (await store.create_workspace("lab", USD)).id
        principal = Principal(workspace=workspace, workspace_name="lab", key_id="key_1")
        for number, (begin, end) in enumerate(((full, room), (copy, master))):
            assert await _code(store, f"held{number}", principal) is None
            valkey.run(*begin)
            try:
                assert await _code(store, f"more{number}", principal) == "internal_error"
                assert await _seen(store) == {"redis": False, "postgres": True}
                await store.settle(a_generation(f"held{number}", workspace, 7))
            finally:
                valkey.run(*end)
            assert await _seen(store) == {"redis": True, "postgres": True}
            assert await _code(store, f"then{number}", principal) is None
            await store.settle(a_generation(f"then{number}", workspace, 7))
        assert (await store.workspace("lab")).balance == USD - 4 * 7


async def test_a_postgres_that_only_reads_is_down(postgres: PostgresServer, valkey: ValkeyServer, tmp_path: Path) -> None:
    place = a_place(postgres, valkey, tmp_path)
    cut = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{place.database}'"
    async with opened(place) as store:
        workspace = (await store.create_workspace("lab", USD)).id
        principal = Principal(workspace=workspace, workspace_name="lab", key_id="key_1")
        assert await _code(store, "r1", principal) is None
        postgres.run(f"ALTER DATABASE {place.database} SET default_transaction_read_only = on; {cut}")
        await _seen(store)  # finds that its connection is gone
        assert await _seen(store) == {"redis": True, "postgres": False}
        await store.settle(a_generation("r1", workspace, 7))
        pending = await store.generation(workspace, "r1")
        assert pending is not None
        assert pending.status == "pending"
        assert (await store.requests(RequestsQuestion(statuses=("pending",)))).requests == (pending,)
        assert await store.request("r1") == pending
        postgres.run(f"ALTER DATABASE {place.database} RESET default_transaction_read_only; {cut}")
        await store.ledger.wait_quiet()
        seen = await _seen(store)
        while not seen["postgres"]:
            seen = await _seen(store)
        settled = await store.generation(workspace, "r1")
        assert settled is not None
        assert settled.status == "completed"
        assert (await store.requests(RequestsQuestion())).requests == (settled,)
