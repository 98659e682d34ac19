"""The shared store's audit finds what was tampered with, each kind of it, at one instant, and is in nobody's way."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio

from hyperinfer.api.store.errors import StoreUnavailable
from hyperinfer.api.store.records import KeyTerms
from hyperinfer.api.store.remote.driver import connect
from hyperinfer.api.store.remote.guest_loop import in_asyncio, open_loop
from hyperinfer.api.store.remote.reports import RemoteReports, audit
from hyperinfer.api.store.reports import UsageQuestion
from hyperinfer.providers.secret import Secret
from tests.api.store.remote.opened import Place, a_place, opened
from tests.api.store.samples import USD, a_generation

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.postgres import PostgresServer
    from tests.support.valkey import ValkeyServer

UNGUARDED = "SET session_replication_role = replica;"
"""Neither triggers nor foreign keys stand in the way of who may do this."""
TAMPERED = {
    "balance": ("UPDATE workspace SET balance = balance + 1", "the balance is"),
    "balances beyond 64 bits": (
        "INSERT INTO ledger (workspace, kind, amount, request, created_at)"
        " SELECT id, 'topup', 9000000000000000000, 'op' || n, 1 FROM workspace, generate_series(1, 3) n",
        "add up to 27000000999999999965",
    ),
    "nobody's rows": (
        f"{UNGUARDED} INSERT INTO ledger (workspace, kind, amount, request, created_at)"
        " VALUES ('ws_x', 'topup', 5, 'op', 1)",
        "ws_x: does not exist, but has ledger rows of 5",
    ),
    "spent": ("UPDATE workspace SET spent = spent + 1", "36 are said to be spent, its usage adds up to 35"),
    "cost": ("UPDATE generation SET cost = cost + 1", "the ledger says -35"),
    "lines": ("""UPDATE generation SET details = replace(details, '"tokens":5', '"tokens":6')""", "is not 35"),
    "details": ("UPDATE generation SET details = '[]'", "cannot be read"),
    "row gone": ("DELETE FROM generation", "without a generation"),
    "entry gone": (f"{UNGUARDED} DELETE FROM ledger WHERE kind = 'usage'", "a generation without a ledger row"),
    "moved": (
        "INSERT INTO workspace (id, name, created_at) VALUES ('w2', 'w2', 1); UPDATE generation SET workspace = 'w2'",
        "of w2",
    ),
    "sum": ("UPDATE rollup SET tokens_prompt = tokens_prompt + 1", "the sums of day 20782"),
    "sum gone": ("DELETE FROM rollup", "the sums of day 20782"),
    "sum of nothing": ("UPDATE generation SET status = 'interrupted', cost = 0", "the sums of day 20782"),
}


@pytest.fixture
def place(postgres: PostgresServer, valkey: ValkeyServer, tmp_path: Path) -> Place:
    return a_place(postgres, valkey, tmp_path)


async def test_the_audit_tells(place: Place) -> None:
    async with opened(place) as store:
        workspace = (await store.create_workspace("lab", USD)).id
        await store.settle(a_generation("r1", workspace, 35))
        assert (await store.verify_ledger()).differences == ()
    copies = {kind: place.postgres.new_database(place.database) for kind in TAMPERED}

    async def audits() -> dict[str, tuple[str, ...]]:
        found: dict[str, tuple[str, ...]] = {}
        for kind, copy in copies.items():
            connection = await connect(place.postgres.url(copy), seconds=5)
            try:
                await connection.execute(TAMPERED[kind][0])
                found[kind] = (await audit(connection)).differences
            finally:
                await connection.close()
        return found

    async with open_loop():
        found = await in_asyncio(audits)
    missed = {kind: found[kind] for kind, (_, words) in TAMPERED.items() if not any(words in each for each in found[kind])}
    assert missed == {}


async def test_what_differs_is_told_up_to_a_limit(place: Place) -> None:
    async with opened(place) as store:
        await store.create_workspace("lab", USD)
        place.sql(
            "INSERT INTO generation SELECT 'r' || n, id, 'k', 1, 'm', 'p', 'api', 'completed', 1, 1, 0, 0, 0, 0, 7, 1, '{}'"
            " FROM workspace, generate_series(1, 20000) n"
        )
        report = await store.verify_ledger()
        assert report.generations == 20_000
        assert len(report.differences) == 1001
        assert report.differences[-1] == "… and more"


async def test_nobody_waits_for_an_audit_and_it_sees_one_instant(place: Place) -> None:
    async with opened(place) as store:
        workspace = (await store.create_workspace("lab", USD)).id
        await store.create_key("lab", KeyTerms())
        settled = 0
        done = trio.Event()

        async def settle_on_and_on() -> None:
            nonlocal settled
            while not done.is_set():
                with trio.fail_after(5):
                    await store.settle(a_generation(f"r{settled}", workspace, 7))
                    await store.topup("lab", 1)
                settled += 1

        async with trio.open_nursery() as nursery:
            nursery.start_soon(settle_on_and_on)
            for _ in range(3):
                report = await store.verify_ledger()
                assert report.differences == ()
                assert report.ledger_rows - 1 - report.generations in (report.generations, report.generations - 1)
            done.set()
        assert settled > 3


async def test_a_report_that_nobody_waits_for_ends(place: Place) -> None:
    async with opened(place) as store:
        await store.create_workspace("lab", USD)
        # The audit waits for a lock, as it would for a scan.
        async with trio.open_nursery() as nursery:
            nursery.start_soon(
                trio.to_thread.run_sync, lambda: place.sql("BEGIN; LOCK TABLE ledger; SELECT pg_sleep(3); COMMIT")
            )
            while place.sql("SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND granted") == "0":
                await trio.lowlevel.checkpoint()
            with trio.move_on_after(1) as scope:
                await store.verify_ledger()
            assert scope.cancelled_caught
        assert (await store.verify_ledger()).differences == ()


async def test_a_database_that_is_away_is_told_without_its_password() -> None:
    reports = RemoteReports(Secret("postgresql://u:hunter2@127.0.0.1:1/x"))
    with pytest.raises(StoreUnavailable, match="cannot be reached") as refused:
        await reports.usage(UsageQuestion("day"))
    assert "hunter2" not in str(refused.value)
