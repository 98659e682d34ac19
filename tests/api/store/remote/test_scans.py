"""Nothing but a report over everything reads a whole table: what a request or an administrator waits for is as fast after
years as on the first day."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import trio

from hyperinfer.api.store.claims import Claim
from hyperinfer.api.store.days import day_of
from hyperinfer.api.store.records import KeyTerms
from hyperinfer.api.store.remote.store import open_remote
from hyperinfer.api.store.request_log import RequestsQuestion
from hyperinfer.nodes.ports import Principal
from tests.api.store.remote.opened import a_place, opened
from tests.api.store.samples import NOW, USD, a_generation, an_admission

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.postgres import PostgresServer
    from tests.support.valkey import ValkeyServer

TODAY = day_of(NOW).number
FILL = f"""
INSERT INTO workspace (id, name, created_at) SELECT 'old_' || n, 'old ' || n, 0 FROM generate_series(1, 50) n;
INSERT INTO rollup SELECT {TODAY} - d, 'old_' || n, 'key_' || k, 'a/b', 1, 1, 1, 7
    FROM generate_series(0, 99) d, generate_series(1, 50) n, generate_series(1, 4) k;
INSERT INTO generation SELECT 'g' || n, 'old_1', 'k', 1, 'm', 'p', 'api', 'completed', 1, 1, 0, 0, 0, 0, 7, 1,
    '{{"lines":[],"upstream_model":"m","route":0,"ingress_format":"responses","streamed":true}}'
    FROM generate_series(1, 5000) n;
INSERT INTO ledger (workspace, kind, amount, request, created_at)
    SELECT 'old_1', 'usage', -7, 'g' || n, 1 FROM generate_series(1, 5000) n;
INSERT INTO idempotency SELECT 'old_1', sha256(n::text::bytea), sha256('b'), 'r', {NOW} FROM generate_series(1, 5000) n;
ANALYZE;
"""
TABLES = ("rollup", "generation", "ledger", "idempotency")


async def test_no_table_that_grows_is_scanned(postgres: PostgresServer, valkey: ValkeyServer, tmp_path: Path) -> None:
    place = a_place(postgres, valkey, tmp_path)
    async with opened(place) as store:
        await store.create_workspace("lab", USD)
    place.sql(FILL)

    def scans() -> dict[str, str]:
        lines = place.sql("SELECT relname, seq_scan FROM pg_stat_user_tables").splitlines()
        return {table: count for table, _, count in (line.partition("|") for line in lines) if table in TABLES}

    before = scans()
    async with open_remote(place.settings, now=lambda: NOW, clock=trio.current_time, entropy=os.urandom) as store:
        created = await store.create_key("lab", KeyTerms(limit_daily=USD, limit_monthly=USD, limit_total=USD))
        key, lab = created.record, created.record.workspace
        principal = Principal(workspace=lab, workspace_name="lab", key_id=key.id)
        assert await store.admit(an_admission("r1", principal, 50)) is None
        await store.settle(a_generation("r1", lab, 70))
        await store.settle(a_generation("r1", lab, 70))
        assert await store.generation(lab, "r1") is not None
        standing = await store.standing(principal, NOW)
        assert standing is not None
        assert standing.spent == 70
        assert (await store.weekly_tokens(NOW))["a/b"] > 1000
        assert len((await store.requests(RequestsQuestion(limit=2))).requests) == 2
        assert len((await store.requests(RequestsQuestion(workspace=lab))).requests) == 1
        assert await store.request("g1") is not None
        claim = Claim(lab, b"k" * 32, b"b" * 32, "r1", NOW)
        assert await store.claim(claim) == await store.replace_claim("r0", claim)
        assert len(await store.keys("lab")) == 1
        await store.disable(key.id)
        await store.topup("lab", 1)
        await store.lock("lab")
        assert len(await store.usage("day", "lab")) == 1
        assert len(await store.usage("workspace", since=TODAY, until=TODAY + 1)) == 51
    assert scans() == before
