"""What is promised of all gateways together, and by how much each promise may be missed: the bounds of docs/accounts.md.

Two stores on one PostgreSQL and one Valkey, both real.
"""

from __future__ import annotations

import dataclasses
import hashlib
import math
import os
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import msgspec
import pytest
import trio

from hyperinfer.api.store.records import KeyTerms
from hyperinfer.api.store.remote.accounts import FRESH_SECONDS, LOOKUP_SECONDS
from hyperinfer.api.store.remote.store import RemoteStore, open_remote
from hyperinfer.engine.failure import Failure
from hyperinfer.nodes.ports import Principal, Rate
from hyperinfer.providers.secret import Secret
from tests.api.store.remote.opened import Place, a_place, opened
from tests.api.store.samples import NOW, USD, a_generation, an_admission

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

    from tests.support.postgres import PostgresServer
    from tests.support.valkey import ValkeyServer

HOLD, COST = 14, 7
REQUESTS = 30
EVERYWHERE_SECONDS = 30.0
"""In which a revoked key is refused by every gateway, says the page."""
UNHEARD_SECONDS = 18.0
"""And by one that has the database and did not hear of it."""


@pytest.fixture
def place(postgres: PostgresServer, valkey: ValkeyServer, tmp_path: Path) -> Place:
    return a_place(postgres, valkey, tmp_path)


class Skewed:
    """A steady clock that is put forward by hand."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return trio.current_time() + self.ahead


@asynccontextmanager
async def _another(place: Place, *, clock: Skewed | None = None, url: str | None = None) -> AsyncGenerator[RemoteStore]:
    settings = place.settings
    if url is not None:
        settings = dataclasses.replace(settings, postgres=Secret(url))
    async with open_remote(settings, now=lambda: NOW, clock=clock or trio.current_time, entropy=os.urandom) as store:
        yield store


async def _a_key(store: RemoteStore, credits: int = USD, terms: KeyTerms | None = None) -> tuple[str, bytes]:
    """The id of a key, and its digest."""
    await store.create_workspace("lab", credits)
    created = await store.create_key("lab", terms or KeyTerms())
    return created.record.id, hashlib.sha256(created.secret.reveal().encode()).digest()


async def _principal(store: RemoteStore, sha256: bytes) -> Principal:
    principal = await store.authenticate(sha256)
    assert isinstance(principal, Principal)
    return principal


async def _code(store: RemoteStore, request: str, principal: Principal, hold: int = 1) -> str | None:
    failure = await store.admit(an_admission(request, principal, hold))
    return None if failure is None else failure.code


async def _at_once(stores: tuple[RemoteStore, RemoteStore], principal: Principal, name: str = "r") -> list[str]:
    """The requests that are let in of REQUESTS, half of them at each."""
    admitted: list[str] = []

    async def ask(number: int) -> None:
        if await _code(stores[number % 2], f"{name}{number}", principal, HOLD) is None:
            admitted.append(f"{name}{number}")

    async with trio.open_nursery() as nursery:
        for number in range(REQUESTS):
            nursery.start_soon(ask, number)
    return admitted


async def test_a_revoked_key_is_refused_everywhere_though_nobody_hears_of_it(place: Place) -> None:
    """The announcement is lost: what a gateway knows of a key is looked up again after FRESH_SECONDS."""
    clock = Skewed()
    async with opened(place) as one, _another(place, clock=clock) as other:
        _, sha256 = await _a_key(one)
        await _principal(other, sha256)
        place.sql("UPDATE api_key SET revoked_at = 1")  # and no NOTIFY
        clock.ahead += FRESH_SECONDS - 1
        await _principal(other, sha256)
        clock.ahead += UNHEARD_SECONDS - LOOKUP_SECONDS - FRESH_SECONDS + 1
        assert isinstance(await other.authenticate(sha256), Failure)


async def test_a_revoked_key_is_refused_by_a_gateway_that_lost_the_database(place: Place, tmp_path: Path) -> None:
    """It goes on with what it knows of keys, for minutes; but it asks Redis, which was told."""
    road, clock = tmp_path / "pg", Skewed()
    url = place.postgres.url(place.database)
    folder = url.partition("host=")[2].partition("&")[0]
    road.symlink_to(folder)
    async with opened(place) as one, _another(place, clock=clock, url=url.replace(folder, str(road))) as other:
        key, sha256 = await _a_key(one)
        principal = await _principal(other, sha256)
        assert await _code(other, "r1", principal) is None
        road.unlink()
        place.sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE pid <> pg_backend_pid() AND datname = current_database()"
        )
        clock.ahead += EVERYWHERE_SECONDS
        await _principal(other, sha256)
        await one.revoke(key)
        clock.ahead += EVERYWHERE_SECONDS - LOOKUP_SECONDS
        assert isinstance(await other.authenticate(sha256), Failure)
        road.symlink_to(folder)


async def test_a_budget_is_overdrawn_by_less_than_one_hold(place: Place) -> None:
    """Requests are let in while anything is left: all but the last fit whole."""
    async with opened(place) as one, _another(place) as other:
        credits = 5 * HOLD + 1
        _, sha256 = await _a_key(one, credits)
        principal = await _principal(other, sha256)
        admitted = await _at_once((one, other), principal)
        assert len(admitted) == math.ceil(credits / HOLD)
        for request in admitted:
            await other.settle(a_generation(request, principal.workspace, HOLD))
        balance = (await one.workspace("lab")).balance
        assert -HOLD < balance == credits - len(admitted) * HOLD < 0
        assert await _at_once((one, other), principal, "late") == []


async def test_an_emptied_redis_lends_nobody_what_is_held(place: Place) -> None:
    async with opened(place) as one, _another(place) as other:
        credits = 5 * HOLD + 1
        _, sha256 = await _a_key(one, credits)
        principal = await _principal(other, sha256)
        for number in range(4):
            assert await _code((one, other)[number % 2], f"held{number}", principal, HOLD) is None
        place.valkey.run("FLUSHALL")
        with trio.fail_after(20):
            while (code := await _code(other, "probe", principal, 0)) is not None:
                assert code == "internal_error", "until the holds are put back"
                await trio.sleep(0.1)
        assert len(await _at_once((one, other), principal)) == 2


async def test_a_rate_is_one_burst_for_all_and_one_more_when_redis_is_emptied(place: Place) -> None:
    rate = Rate(1, 6)
    async with opened(place) as one, _another(place) as other:
        _, sha256 = await _a_key(one)
        principal = await _principal(other, sha256)

        async def let_in(name: str) -> int:
            refusals = [
                await (one, other)[number % 2].admit(an_admission(f"{name}{number}", principal, 0, rate))
                for number in range(15)
            ]
            waits = [refusal.retry_after for refusal in refusals if refusal is not None]
            assert all(wait is not None and 0 < wait <= 60 for wait in waits)
            return refusals.count(None)

        assert await let_in("r") == rate.burst
        place.valkey.run("FLUSHALL")
        await other.admissions.look()
        place.trust_redis()
        await one.admissions.look()
        assert await let_in("s") == rate.burst


@pytest.mark.parametrize("which", ["limit_daily", "limit_monthly", "limit_total"])
async def test_a_limit_of_a_key_is_passed_by_less_than_one_hold(place: Place, which: str) -> None:
    limit = 5 * HOLD + 1
    async with opened(place) as one, _another(place) as other:
        _, sha256 = await _a_key(one, USD, msgspec.structs.replace(KeyTerms(), **{which: limit}))
        principal = await _principal(other, sha256)
        admitted = await _at_once((one, other), principal)
        assert len(admitted) == math.ceil(limit / HOLD)
        for request in admitted:
            row = a_generation(request, principal.workspace, COST)
            await other.settle(msgspec.structs.replace(row, key_id=principal.key_id))
        await other.ledger.wait_quiet()
        await one.ledger.wait_quiet()
        left = limit - len(admitted) * COST
        again = await _at_once((one, other), principal, "again")
        assert len(again) == math.ceil(left / HOLD), "what was held and not spent is there again"
