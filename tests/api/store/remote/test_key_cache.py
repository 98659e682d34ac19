"""Keys in Redis for when Postgres is away: who is let in then, and that a key that was revoked is not."""

from __future__ import annotations

import os
import signal
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

import pytest
import trio

from hyperinfer.api.store.authentication import UNKNOWN
from hyperinfer.api.store.keys import digest
from hyperinfer.api.store.records import KeyRecord, KeyTerms
from hyperinfer.api.store.remote.accounts import FRESH_SECONDS
from hyperinfer.api.store.remote.bridge import open_bridge
from hyperinfer.api.store.remote.holds import Holds
from hyperinfer.api.store.remote.key_cache import KEPT_SECONDS, Kept, KeyCache, KeyView
from hyperinfer.api.store.remote.store import RemoteSettings, RemoteStore, open_remote
from hyperinfer.engine.failure import Failure
from hyperinfer.nodes.ports import Principal
from hyperinfer.providers.secret import Secret
from tests.api.store.remote.opened import Place, a_place
from tests.api.store.samples import NOW, USD, an_admission

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

    from tests.support.postgres import PostgresServer
    from tests.support.valkey import ValkeyServer

SHA: Final = b"\x07" * 32
RECORD: Final = KeyRecord(id="key_1", workspace="ws", prefix="hi-", last4="", terms=KeyTerms(name="ünï"), created_at=NOW)


class Replica:
    """A store, its steady clock as the test says, and its own user of the database, who can be shut out."""

    def __init__(self, place: Place, store: RemoteStore, user: str) -> None:
        self.place, self.store, self._user = place, store, user
        self.later = 0.0

    def shut_out(self) -> None:
        """The database is away for this replica alone."""
        self.place.sql(f"ALTER ROLE {self._user} NOLOGIN")
        self.place.sql(f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = '{self._user}'")

    async def told(self, secret: str) -> str:
        """What whoever comes with the key is told: its id, or the code."""
        found = await self.store.authenticate(digest(secret))
        return found.key_id if isinstance(found, Principal) else found.code

    async def until_told(self, secret: str, told: str) -> None:
        with trio.fail_after(10):
            while await self.told(secret) != told:
                await trio.lowlevel.checkpoint()


@pytest.fixture
def place(postgres: PostgresServer, valkey: ValkeyServer, tmp_path: Path) -> Place:
    return a_place(postgres, valkey, tmp_path)


@asynccontextmanager
async def a_replica(place: Place, name: str) -> AsyncGenerator[Replica]:
    user = f"{name}_{place.database}"
    place.sql(f"CREATE ROLE {user} SUPERUSER LOGIN")
    url = place.settings.postgres.reveal().replace("//postgres@", f"//{user}@")
    settings = RemoteSettings(postgres=Secret(url), redis=place.settings.redis, journals=place.journals / name)
    replica: Replica
    later = [lambda: 0.0]

    def clock() -> float:
        return trio.current_time() + later[0]()

    async with open_remote(settings, now=lambda: NOW, clock=clock, entropy=os.urandom) as store:
        place.trust_redis()
        replica = Replica(place, store, user)
        later[0] = lambda: replica.later
        yield replica


async def a_key(replica: Replica, terms: KeyTerms | None = None) -> tuple[str, str]:
    """Secret and id of a key that was used, in a workspace with money."""
    await replica.store.create_workspace("lab", USD)
    created = await replica.store.create_key("lab", terms or KeyTerms())
    secret = created.secret.reveal()
    assert await replica.told(secret) == created.record.id
    await replica.store.redis.ask(("PING",))  # by then Redis has heard of it
    return secret, created.record.id


async def test_a_replica_that_never_saw_a_key_lets_it_in_while_the_database_is_away(place: Place) -> None:
    async with a_replica(place, "one") as one, a_replica(place, "other") as other:
        secret, key = await a_key(one, KeyTerms(models=("a/b",), limit_daily=USD, burst=7, expires_at=NOW + 1))
        expected = await one.store.authenticate(digest(secret))
        assert isinstance(expected, Principal)
        assert await one.store.admit(an_admission("r1", expected, 1)) is None  # so that Redis has the account
        place.postgres.stop()
        try:
            assert await other.store.authenticate(digest(secret)) == expected
            assert await other.told("hi-somebody") == "internal_error"
            assert await other.told(secret) == key
        finally:
            place.postgres.start()
        await other.until_told("hi-somebody", "invalid_api_key")
        assert await other.store.admit(an_admission("r2", expected, 1)) is None


async def test_the_key_itself_is_nowhere_in_redis(place: Place) -> None:
    async with a_replica(place, "one") as one:
        secret, key = await a_key(one)
        found = place.valkey.run("KEYS", "hi:key:*")
        assert found == [b"hi:key:" + digest(secret).hex().encode()]
        kept = place.valkey.run("HGETALL", found[0])
        assert key.encode() in repr(kept).encode()
        assert secret[11:-4] not in repr(kept)
        assert 0 < place.valkey.run("TTL", found[0]) <= KEPT_SECONDS


async def test_one_that_is_cut_off_hears_of_a_revocation_by_redis(place: Place) -> None:
    async with a_replica(place, "one") as one, a_replica(place, "cut") as cut:
        secret, key = await a_key(one)
        assert await cut.told(secret) == key
        cut.shut_out()
        for change, told in (
            (one.store.disable, "invalid_api_key"),
            (one.store.enable, key),
            (one.store.revoke, "invalid_api_key"),
        ):
            cut.later += FRESH_SECONDS
            await change(key)
            cut.later += FRESH_SECONDS + 0.1
            assert await cut.told(secret) == told
            assert await one.told(secret) == told


async def test_a_revocation_that_redis_did_not_hear_of_reaches_it_when_it_is_back(place: Place) -> None:
    async with a_replica(place, "one") as one, a_replica(place, "cut") as cut:
        secret, key = await a_key(one)
        assert await cut.told(secret) == key
        cut.shut_out()
        place.valkey.signal(signal.SIGSTOP)
        try:
            with trio.fail_after(10):
                await one.store.revoke(key)
        finally:
            place.valkey.signal(signal.SIGCONT)
        assert await one.told(secret) == "invalid_api_key"
        assert place.sql("SELECT untold FROM api_key") == "2"
        with trio.fail_after(10):
            await one.store.tell_untold()
        assert place.sql("SELECT untold IS NULL, version FROM api_key") == "t|2"
        cut.later += FRESH_SECONDS + 0.1
        assert await cut.told(secret) == "invalid_api_key"


async def test_whoever_hears_of_a_change_tells_redis(place: Place) -> None:
    """Who made it died before it could: nobody is let in by what Redis had of the key."""
    async with a_replica(place, "one") as one, a_replica(place, "cut") as cut:
        secret, key = await a_key(one)
        sha = digest(secret).hex()
        cut.shut_out()
        assert await cut.told(secret) == key
        place.sql(f"BEGIN; UPDATE api_key SET revoked_at = 1; SELECT pg_notify('hyperinfer_keys', '{sha}:2'); COMMIT")
        with trio.fail_after(10):
            while place.valkey.run("HGET", f"hi:key:{sha}", "about") is not None:
                await trio.lowlevel.checkpoint()
        cut.later += FRESH_SECONDS + 0.1
        assert await cut.told(secret) == "internal_error"
        assert await one.told(secret) == "invalid_api_key"  # which it looked up, and left there
        await cut.until_told(secret, "invalid_api_key")


async def test_a_change_that_nobody_announced_holds_within_half_a_minute(place: Place) -> None:
    async with a_replica(place, "one") as one, a_replica(place, "cut") as cut:
        secret, key = await a_key(one)
        assert await cut.told(secret) == key
        cut.shut_out()
        place.sql("UPDATE api_key SET enabled = false")
        await one.store.tell_untold()
        for replica in (one, cut):
            replica.later += FRESH_SECONDS + 0.1
            assert await replica.told(secret) == "invalid_api_key"


async def test_what_nobody_can_confirm_ends_after_ten_minutes(place: Place) -> None:
    async with a_replica(place, "one") as one:
        secret, key = await a_key(one)
        one.shut_out()
        place.valkey.run("FLUSHALL")
        for _ in range(2):
            one.later += KEPT_SECONDS / 2 - 1
            assert await one.told(secret) == key
        one.later += 3
        assert await one.told(secret) == "internal_error"
        principal = Principal(workspace="ws", workspace_name="lab", key_id=key)
        refusal = await one.store.admit(an_admission("r1", principal, 1))
        assert isinstance(refusal, Failure), "an emptied Redis admits nothing while the database is away"
        assert refusal.code == "internal_error"


async def test_an_emptied_redis_is_told_again_by_whoever_looks_a_key_up(place: Place) -> None:
    async with a_replica(place, "one") as one, a_replica(place, "cut") as cut:
        secret, key = await a_key(one)
        place.valkey.run("FLUSHALL")
        cut.shut_out()
        assert await cut.told(secret) == "internal_error"
        one.later += FRESH_SECONDS + 0.1
        assert await one.told(secret) == key
        await cut.until_told(secret, key)


async def test_of_two_versions_the_newer_stays(valkey: ValkeyServer) -> None:
    valkey.run("FLUSHALL")
    holds = Holds(Secret(valkey.url))
    cache = KeyCache(holds.actor)

    async def kept() -> Kept | None:
        found = await cache.find(SHA)
        assert found is None or 0 < found.seconds <= KEPT_SECONDS
        return found and found._replace(seconds=0.0)

    async with open_bridge() as bridge:
        bridge.start_soon(holds.actor.run)
        first, second = (KeyView(version, RECORD, f"lab {version}") for version in (9, 10))
        assert await kept() is None
        cache.leave(SHA, first)
        assert await kept() == Kept(9, first, 0.0)
        cache.changed(SHA, 9)  # it is told already
        assert await kept() == Kept(9, first, 0.0)
        cache.changed(SHA, 10)
        assert await kept() == Kept(10, None, 0.0)
        await cache.tell(SHA, first)
        assert await kept() == Kept(10, None, 0.0)
        await cache.tell(SHA, second)
        cache.leave(SHA, first)
        cache.changed(SHA, 9)
        assert await kept() == Kept(10, second, 0.0)
        valkey.run("HSET", f"hi:key:{SHA.hex()}", "about", b"of another release")
        assert await kept() == Kept(10, None, 0.0)


async def test_a_key_that_was_none_is_looked_for_where_it_may_be_now(place: Place) -> None:
    async with a_replica(place, "one") as one, a_replica(place, "cut") as cut:
        await one.store.create_workspace("lab", USD)
        assert await cut.store.authenticate(digest("hi-chosen")) == UNKNOWN
        cut.shut_out()
        made = await one.store.create_key_with("lab", KeyTerms(), Secret("hi-chosen"))
        cut.later += FRESH_SECONDS + 0.1
        assert await cut.told("hi-chosen") == made.record.id
