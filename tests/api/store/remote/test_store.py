"""The shared store whole, on real servers that are stopped, frozen, emptied."""

from __future__ import annotations

import hashlib
import itertools
import os
import signal
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

import msgspec
import pytest
import trio

from hyperinfer.api.settlement.effects import Hold
from hyperinfer.api.store.errors import StoreUnavailable
from hyperinfer.api.store.generations import generation_row, packed_row
from hyperinfer.api.store.journal import JournalFolder
from hyperinfer.api.store.remote.bridge import open_bridge
from hyperinfer.api.store.remote.holds import Holds
from hyperinfer.api.store.remote.operations import keep
from hyperinfer.api.store.remote.rows import Rows
from hyperinfer.api.store.remote.store import RemoteSettings, RemoteStore, open_remote
from hyperinfer.api.store.remote.sweeper import sweep_once
from hyperinfer.api.store.request_log import RequestsQuestion
from hyperinfer.engine.failure import Failure
from hyperinfer.nodes.ports import Principal, Rate, SpendingLimits
from hyperinfer.providers.secret import Secret
from tests.api.store.remote.opened import Place, a_place
from tests.api.store.samples import USD, a_generation, an_admission

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.postgres import PostgresServer
    from tests.support.valkey import ValkeyServer

DIGEST = hashlib.sha256(b"hi-secret").digest()


class Servers(Place):
    """A place with a workspace `ws` and a key."""

    @property
    def balance(self) -> int:
        return int(self.sql("SELECT balance FROM workspace"))

    def statuses(self) -> dict[str, str]:
        return dict(line.split("|") for line in self.sql("SELECT id, status FROM generation").splitlines())


@pytest.fixture
async def servers(postgres: PostgresServer, valkey: ValkeyServer, tmp_path: Path) -> Servers:
    place = a_place(postgres, valkey, tmp_path)
    servers = Servers(place.postgres, place.valkey, place.database, place.journals)
    async with _store(servers):
        servers.sql(
            f"INSERT INTO workspace (id, name, balance, version, created_at) VALUES ('ws', 'lab', {USD}, 1, 0);"
            "INSERT INTO api_key (id, workspace, name, sha256, prefix, last4, created_at)"
            f" VALUES ('key_1', 'ws', '', '\\x{DIGEST.hex()}', 'hi-secr', 'cret', 0)"
        )
        servers.trust_redis()
    return servers


@asynccontextmanager
async def _store(servers: Servers) -> AsyncGenerator[RemoteStore]:
    async with open_remote(servers.settings, now=time.time, clock=trio.current_time, entropy=os.urandom) as store:
        yield store


async def _principal(store: RemoteStore) -> Principal:
    principal = await store.authenticate(DIGEST)
    assert isinstance(principal, Principal)
    return principal


async def _admitted(store: RemoteStore, request: str, hold: int = 100) -> None:
    """Admits, waiting for the accounts to be restored where Redis has begun anew."""
    principal = await _principal(store)
    with trio.fail_after(20):
        while (refusal := await store.admit(an_admission(request, principal, hold))) is not None:
            assert refusal.code == "internal_error", refusal
            await trio.sleep(0.1)


async def test_a_request_from_end_to_end(servers: Servers) -> None:
    async with _store(servers) as store:
        await _admitted(store, "r1")
        assert servers.valkey.run("HLEN", "hi:{ws}:holds") == 1
        sent = msgspec.structs.replace(a_generation("r1", "ws", 70), key_id="key_1")
        await store.settle(sent)
        await store.settle(sent)
        assert await store.generation("ws", "r1") == sent
        assert await store.generation("other", "r1") is None
        await store.ledger.wait_quiet()
        assert servers.valkey.run("HLEN", "hi:{ws}:holds") == 0
        assert servers.valkey.run("GET", "hi:{ws}:balance") == str(USD - 70).encode()
    assert servers.balance == USD - 70
    assert [path.suffix for path in servers.journals.iterdir()] == [".done"] * 2


async def test_keys_are_looked_up_and_forgotten_when_they_change(servers: Servers) -> None:
    async with _store(servers) as store:
        unknown = await store.authenticate(b"\0" * 32)
        assert isinstance(unknown, Failure)
        assert unknown.code == "invalid_api_key"
        assert (await _principal(store)).workspace_name == "lab"
        servers.sql(
            f"BEGIN; UPDATE api_key SET revoked_at = 1; SELECT pg_notify('hyperinfer_keys', '{DIGEST.hex()}'); COMMIT"
        )
        with trio.fail_after(5):
            while isinstance(await store.authenticate(DIGEST), Principal):
                await trio.lowlevel.checkpoint()


async def test_a_database_that_stops_costs_nobody_anything(servers: Servers) -> None:
    async with _store(servers) as store:
        await _admitted(store, "r1")
        await _admitted(store, "r2")
        await _admitted(store, "r3")
        servers.postgres.stop()
        with trio.fail_after(5):
            await store.settle(a_generation("r1", "ws", 70))
        pending = await store.generation("ws", "r1")
        assert pending is not None
        assert (pending.status, pending.cost) == ("pending", 70)
        assert await store.request("r1") == pending
        with pytest.raises(StoreUnavailable):
            await store.requests(RequestsQuestion())
        with pytest.raises(StoreUnavailable):
            await store.request("unknown")
        await _admitted(store, "r4")
        servers.postgres.start()
        with trio.fail_after(10):
            await store.settle(a_generation("r2", "ws", 7))
            await store.release("r3")
            await store.release("r4")
            await store.ledger.wait_quiet()
        assert (await store.generation("ws", "r1")) == a_generation("r1", "ws", 70)
        assert servers.valkey.run("GET", "hi:{ws}:balance") == str(USD - 77).encode()
    assert servers.balance == USD - 77
    assert servers.statuses() == {"r1": "completed", "r2": "completed"}


async def test_a_key_with_limits_is_let_in_while_the_database_is_away(servers: Servers) -> None:
    """By what is known in Redis of what it has spent, which else is read anew each minute."""
    counters = "hi:{ws}:counters:key_1"
    async with _store(servers) as store:
        await _admitted(store, "r0")
        await store.release("r0")
        principal = msgspec.structs.replace(await _principal(store), spending=SpendingLimits(daily=100))
        freeze, thaw = (partial(servers.postgres.signal, each) for each in (signal.SIGSTOP, signal.SIGCONT))
        faults: list[tuple[Callable[[], None], Callable[[], None]]] = [
            (servers.postgres.stop, servers.postgres.start),
            (freeze, thaw),
        ]
        for number, (stop, start) in enumerate(faults):
            assert await store.admit(an_admission(f"a{number}", principal, 60)) is None
            stop()
            try:
                await store.release(f"a{number}")
                await store.ledger.wait_quiet()
                servers.valkey.run("HSET", counters, "loaded", time.time() - 61)
                assert await store.admit(an_admission(f"b{number}", principal, 100)) is None
                refused = await store.admit(an_admission(f"c{number}", principal, 1))
                assert refused is not None
                assert refused.code == "key_limit_exceeded"
                await store.release(f"b{number}")
                servers.valkey.run("DEL", counters)
                unknown = await store.admit(an_admission(f"d{number}", principal, 1))
                assert unknown is not None
                assert (unknown.code, unknown.retry_after) == ("internal_error", 1.0)
            finally:
                start()
            await _admitted(store, f"e{number}", 0)
            with trio.fail_after(15):
                while (refused := await store.admit(an_admission(f"f{number}", principal, 1))) is not None:
                    assert refused.code == "internal_error"
                    await trio.sleep(0.1)
            for request in "ef":
                await store.release(f"{request}{number}")


async def test_a_frozen_database_is_no_longer_wait_than_the_disk(servers: Servers) -> None:
    async with _store(servers) as store:
        await _admitted(store, "r1")
        servers.postgres.signal(signal.SIGSTOP)
        try:
            with trio.fail_after(3):
                await store.settle(a_generation("r1", "ws", 70))
        finally:
            servers.postgres.signal(signal.SIGCONT)
        with trio.fail_after(15):
            await store.ledger.wait_quiet()
    assert servers.balance == USD - 70


async def test_an_emptied_redis_is_noticed_and_told_again(servers: Servers) -> None:
    async with _store(servers) as store:
        await _admitted(store, "r1", USD)
        servers.valkey.run("FLUSHALL")
        for unknown in (store.under_way("ws", "of another process"), store.generation("ws", "of another process")):
            with pytest.raises(StoreUnavailable):
                await unknown
        principal = await _principal(store)
        codes: set[str] = set()
        with trio.fail_after(20):
            while "insufficient_credits" not in codes:  # r1 holds all there is, also in the new epoch
                refusal = await store.admit(an_admission("r2", principal, 100))
                assert refusal is not None, "what r1 holds was forgotten"
                codes.add(refusal.code)
                await trio.sleep(0.1)
        await store.settle(a_generation("r1", "ws", 70))
        await _admitted(store, "r2")
        await store.settle(a_generation("r2", "ws", 7))
    assert servers.balance == USD - 77


async def test_a_redis_that_is_away_refuses_new_requests_and_settles_old_ones(servers: Servers) -> None:
    async with _store(servers) as store:
        await _admitted(store, "r1")
        servers.valkey.stop()
        try:
            with trio.fail_after(5):
                refusal = await store.admit(an_admission("r2", await _principal(store), 100))
                assert refusal is not None
                assert (refusal.code, refusal.retry_after) == ("internal_error", 1.0)
                await store.settle(a_generation("r1", "ws", 70))
        finally:
            servers.valkey.start()
        await _admitted(store, "r3")
        await store.settle(a_generation("r3", "ws", 7))
    assert servers.balance == USD - 77
    assert set(servers.statuses()) == {"r1", "r3"}


async def test_limits_and_rates_hold_over_replicas(servers: Servers) -> None:
    async with _store(servers) as one, _store(servers) as other:
        await _admitted(one, "r0", 0)
        principal = msgspec.structs.replace(await _principal(one), spending=SpendingLimits(daily=100))
        slow = Rate(1, 5)
        admitted = 0
        refused: set[str] = set()
        for number in range(12):
            store = (one, other)[number % 2]
            refusal = await store.admit(an_admission(f"s{number}", principal, 1, slow))
            admitted += refusal is None
            refused |= {refusal.code} if refusal is not None else set()
        assert (admitted, refused) == (5, {"rate_limit_exceeded"})
        await one.settle(msgspec.structs.replace(a_generation("s0", "ws", 98), key_id="key_1"))
        refusal = None
        with trio.fail_after(10):  # the settlement tells Redis a moment later
            for number in itertools.count():
                refusal = await other.admit(an_admission(f"t{number}", principal, 1, Rate(60, 10_000)))
                if refusal is not None:
                    break
                await other.release(f"t{number}")
        assert refusal is not None
        assert refusal.code == "key_limit_exceeded"


async def test_fifty_requests_on_two_replicas_and_money_for_one(servers: Servers) -> None:
    async with _store(servers) as one, _store(servers) as other:
        await _admitted(one, "warm", 0)
        admitted: list[str] = []

        async def ask(store: RemoteStore, request: str) -> None:
            if await store.admit(an_admission(request, await _principal(store), USD)) is None:
                admitted.append(request)

        async with trio.open_nursery() as nursery:
            for number in range(50):
                nursery.start_soon(ask, (one, other)[number % 2], f"r{number}")
        assert len(admitted) == 1


async def test_a_store_that_cannot_be_reached_says_so_without_its_password(servers: Servers) -> None:
    servers.valkey.run("FLUSHALL")  # where its accounts are known, it would start
    settings = RemoteSettings(
        postgres=Secret("postgresql://u:hunter2@127.0.0.1:1/x"), redis=Secret(servers.valkey.url), journals=servers.journals
    )
    with pytest.raises(BaseExceptionGroup) as caught:
        async with open_remote(settings, now=time.time, clock=trio.current_time, entropy=os.urandom):
            pass
    assert caught.group_contains(StoreUnavailable, match="cannot be reached")
    assert not caught.group_contains(Exception, match="hunter2")


async def test_a_sweep_settles_what_a_dead_owner_left_as_what_it_was(servers: Servers) -> None:
    rows, holds = Rows(Secret(servers.postgres.url(servers.database)), trio.current_time), Holds(Secret(servers.valkey.url))
    journals = JournalFolder(servers.journals / "of another machine")
    journals.create()
    async with _store(servers) as store, open_bridge() as bridge:
        for actor in (rows.actor, holds.actor):
            bridge.start_soon(actor.run)
        await _admitted(store, "r0")
        under_way = an_admission("r1", await _principal(store), 10).interrupted
        over = msgspec.structs.replace(a_generation("r2", "ws", 70), key_id="key_1")
        for generation in (under_way, over):
            about = packed_row(generation_row(generation))
            await holds.ask(keep(Hold(generation.id, "ws", 10, about), "key_1"))
            servers.valkey.run("ZADD", "hi:{ws}:leases", 1, generation.id)
        refused = packed_row(generation_row(an_admission("r3", await _principal(store), 0).interrupted)._replace(cost=-1))
        await holds.ask(keep(Hold("r3", "ws", 10, refused), "key_1"))
        servers.valkey.run("ZADD", "hi:{ws}:leases", 0, "r3")  # the first that a sweep comes to
        # The first sweep writes their rows, the second finds them and drops the holds.
        for _ in range(2):
            assert await sweep_once(holds, rows, store.queries, journals) == 3
        assert await sweep_once(holds, rows, store.queries, journals) == 1
        assert await store.generation("ws", "r1") == under_way
        assert await store.generation("ws", "r2") == over
        await store.release("r0")
    assert servers.balance == USD - 70
    assert servers.statuses() == {"r1": "interrupted", "r2": "completed"}
