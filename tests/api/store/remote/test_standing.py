"""Standings of the shared store, on real servers."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

import pytest
import trio

from hyperinfer.api.store.errors import StoreUnavailable
from hyperinfer.api.store.remote.store import RemoteSettings, open_remote
from hyperinfer.nodes.ports import Principal
from hyperinfer.providers.secret import Secret
from tests.api.store.samples import NOW, USD
from tests.api.store.standing_laws import all_that_was_spent_and_is_held_is_told

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.postgres import PostgresServer
    from tests.support.valkey import ValkeyServer

DIGEST = hashlib.sha256(b"hi-secret").digest()


async def test_all_that_was_spent_and_is_held_is_told(
    postgres: PostgresServer, valkey: ValkeyServer, tmp_path: Path
) -> None:
    valkey.run("FLUSHALL")
    database = postgres.new_database()
    settings = RemoteSettings(
        postgres=Secret(postgres.url(database)), redis=Secret(valkey.url), journals=tmp_path / "journals"
    )
    async with open_remote(settings, now=lambda: NOW, clock=trio.current_time, entropy=os.urandom) as store:
        postgres.run(
            f"INSERT INTO workspace (id, name, balance, version, created_at) VALUES ('ws', 'lab', {USD}, 1, 0);"
            "INSERT INTO api_key (id, workspace, name, sha256, prefix, last4, created_at)"
            f" VALUES ('key_1', 'ws', '', '\\x{DIGEST.hex()}', 'hi-secr', 'cret', 0)",
            database,
        )
        epoch: bytes = valkey.run("GET", "hi:epoch")
        valkey.run("SET", "hi:epoch", epoch.rpartition(b" ")[0] + b" 1.0")  # the accounts are restored: there were none
        principal = await store.authenticate(DIGEST)
        assert isinstance(principal, Principal)
        await store.ledger.wait_quiet()
        await all_that_was_spent_and_is_held_is_told(store, principal)
        await store.release("running")
        await store.release("running too")
        await store.ledger.wait_quiet()
        valkey.stop()
        try:
            with pytest.raises(StoreUnavailable):
                await store.standing(principal, NOW)
        finally:
            valkey.start()
