"""What a failover loses of what was settled comes back: exactly, once, and Redis hears of it."""

from __future__ import annotations

import dataclasses
import os
from typing import TYPE_CHECKING

import msgspec
import pytest
import trio

from hyperinfer.api.settlement.effects import Record, Settled
from hyperinfer.api.store.errors import NoStore, StoreUnavailable
from hyperinfer.api.store.generations import generation_row, packed_row
from hyperinfer.api.store.journal import JournalFolder
from hyperinfer.api.store.remote.recovery import Recovered, recover
from hyperinfer.api.store.remote.store import RemoteStore, open_remote
from hyperinfer.nodes.ports import Principal
from tests.api.store.remote.opened import Place, a_place, opened
from tests.api.store.samples import NOW, USD, a_generation, an_admission
from tests.support.served import command_line

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.postgres import PostgresServer
    from tests.support.valkey import ValkeyServer

LOST = 40
TABLES = {
    "generation": "SELECT * FROM generation WHERE workspace = '{}' ORDER BY id",
    "ledger": "SELECT workspace, kind, amount, request, created_at FROM ledger WHERE workspace = '{}' ORDER BY request",
    "rollup": "SELECT * FROM rollup WHERE workspace = '{}' ORDER BY 1, 2, 3, 4",
    "workspace": "SELECT balance, spent FROM workspace WHERE id = '{}'",
}


async def _recovered(place: Place) -> Recovered:
    settings = place.settings
    return await recover(settings.postgres, settings.redis, settings.journals, now=lambda: NOW, entropy=os.urandom)


async def _serve(store: RemoteStore, workspace: str, id_: str, cost: int) -> None:
    principal = Principal(workspace=workspace, workspace_name="lab", key_id="key_1")
    assert await store.admit(an_admission(id_, principal, 50)) is None
    await _settled(store, workspace, id_, cost)


async def _settled(store: RemoteStore, workspace: str, id_: str, cost: int) -> None:
    day = 86_400 * (cost % 3)
    await store.settle(a_generation(id_, workspace, cost, created_at=NOW + day, model=f"a/{cost % 2}"))


async def test_an_older_copy_gets_all_that_it_lacks(postgres: PostgresServer, valkey: ValkeyServer, tmp_path: Path) -> None:
    primary = a_place(postgres, valkey, tmp_path)
    async with opened(primary) as store:
        lab = (await store.create_workspace("lab", USD)).id
        await _serve(store, lab, "before", 7)
        await store.settle(msgspec.structs.replace(a_generation("cut off", lab, 0), status="interrupted"))
    replica = dataclasses.replace(primary, database=postgres.new_database(primary.database))
    async with opened(primary) as store:
        for number in range(LOST):
            await _serve(store, lab, f"lost {number}", 7 * number)
        await store.settle(a_generation("cut off", lab, 77))  # the row of the copy says less than it came to
        gone = (await store.create_workspace("made in the lost seconds", USD)).id
        await _serve(store, gone, "of nobody", 7)
        await store.ledger.wait_quiet()
    elsewhere = JournalFolder(replica.journals, "another ledger").begin(NOW)
    row = generation_row(a_generation("foreign", lab, 7))
    elsewhere.append(Settled(Record(row.id, lab, row.cost, packed_row(row))))
    elsewhere.done()

    async with open_remote(replica.settings, now=lambda: NOW, clock=trio.current_time, entropy=os.urandom) as store:
        assert await store.generation(lab, "lost 1") is None
        await _serve(store, lab, "after", 70)  # Redis takes what it hears of the replica's balance for old
        found = await _recovered(replica)
        assert (found.restored, found.cost) == (LOST + 1, 7 * sum(range(LOST)) + 77)
        assert (found.settlements, [request for request, _ in found.rejected]) == (LOST + 4, ["of nobody"])
        assert (len(found.foreign), found.damaged) == (1, ())
        assert (
            valkey.run("GET", f"hi:{{{lab}}}:balance")
            == replica.sql(TABLES["workspace"].format(lab)).encode().split(b"|")[0]
        )
        await _serve(store, lab, "and on", 7)
        await store.ledger.wait_quiet()
        again = await _recovered(replica)
        assert (again.restored, again.cost) == (0, 0)
        assert (await store.verify_ledger()).differences == ()
        balance = (await store.workspace(lab)).balance
        assert balance == USD - 7 - 7 * sum(range(LOST)) - 77 - 70 - 7
        assert valkey.run("GET", f"hi:{{{lab}}}:balance") == str(balance).encode()
        assert valkey.run("HGET", f"hi:{{{lab}}}:account", "available") == str(balance).encode()
        assert await store.generation(lab, "foreign") is None

    async with opened(primary) as store:  # had it not failed, it would have come to the same
        await _settled(store, lab, "after", 70)
        await _settled(store, lab, "and on", 7)
    for sql in TABLES.values():
        assert replica.sql(sql.format(lab)) == primary.sql(sql.format(lab))


async def test_a_recovery_says_what_it_cannot_do(postgres: PostgresServer, valkey: ValkeyServer, tmp_path: Path) -> None:
    place = a_place(postgres, valkey, tmp_path)
    with pytest.RaisesGroup(pytest.RaisesExc(NoStore, match="--data"), flatten_subgroups=True, allow_unwrapped=True):
        await _recovered(place)
    async with opened(place) as store:
        lab = (await store.create_workspace("lab", USD)).id
        await _serve(store, lab, "r1", 7)
    (journal,) = place.journals.glob("*.done")
    journal.write_bytes(journal.read_bytes() + b"torn")
    assert (await _recovered(place)).damaged == (journal.name,)
    stopped = dataclasses.replace(place, database="none")
    with pytest.RaisesGroup(StoreUnavailable, flatten_subgroups=True, allow_unwrapped=True):
        await _recovered(stopped)


def test_the_command(postgres: PostgresServer, valkey: ValkeyServer, tmp_path: Path) -> None:
    place = a_place(postgres, valkey, tmp_path)
    place.journals = tmp_path / "data" / "journal"
    place.journals.parent.mkdir()

    async def serve() -> None:
        async with opened(place) as store:
            await _serve(store, (await store.create_workspace("lab", USD)).id, "r1", 70)

    trio.run(serve)
    place.sql(
        "SET session_replication_role = replica; DELETE FROM generation; DELETE FROM ledger WHERE kind = 'usage';"
        f"DELETE FROM rollup; UPDATE workspace SET balance = {USD}, spent = 0"
    )
    environ = {"HYPERINFER_POSTGRES_URL": postgres.url(place.database), "HYPERINFER_REDIS_URL": valkey.url}
    expected = {"ok": True, "journals": 1, "settlements": 1, "restored": 1, "cost": 7e-11}
    nothing: dict[str, object] = {"rejected": [], "damaged": [], "foreign": []}
    assert command_line(tmp_path, "ledger", "recover", environ=environ) == expected | nothing
    assert command_line(tmp_path, "ledger", "verify", environ=environ)["differences"] == []
