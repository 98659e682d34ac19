"""Administration of the shared store with several replicas, and while one of its servers is away."""

from __future__ import annotations

import dataclasses
import os
import signal
from typing import TYPE_CHECKING, Any

import pytest
import trio

from hyperinfer.api.store.errors import Refused, StoreUnavailable
from hyperinfer.api.store.keys import digest
from hyperinfer.api.store.records import KeyTerms
from hyperinfer.api.store.remote.store import RemoteStore, open_remote
from hyperinfer.engine.failure import Failure
from hyperinfer.nodes.ports import Principal
from hyperinfer.providers.secret import Secret
from tests.api.store.remote.opened import Place, a_place, opened
from tests.api.store.samples import NOW, USD, a_generation, an_admission

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from tests.support.postgres import PostgresServer
    from tests.support.valkey import ValkeyServer


@pytest.fixture
def place(postgres: PostgresServer, valkey: ValkeyServer, tmp_path: Path) -> Place:
    return a_place(postgres, valkey, tmp_path)


async def _principal(store: RemoteStore, secret: str) -> Principal | Failure:
    return await store.authenticate(digest(secret))


async def _code(store: RemoteStore, request: str, principal: Principal, hold: int = 1) -> str | None:
    failure = await store.admit(an_admission(request, principal, hold))
    return None if failure is None else failure.code


async def test_a_change_on_one_replica_holds_on_the_other(place: Place) -> None:
    async with opened(place) as one, opened(place) as other:
        await one.create_workspace("lab", 100)
        created = await one.create_key("lab", KeyTerms())
        secret = created.secret.reveal()
        principal = await _principal(other, secret)
        assert isinstance(principal, Principal)
        assert await _code(other, "r1", principal, 100) is None
        assert await _code(other, "r2", principal) == "insufficient_credits"
        await one.topup("lab", 50)
        assert await _code(other, "r2", principal) is None
        await one.lock("lab")
        assert await _code(other, "r3", principal) == "workspace_locked"
        await one.unlock("lab")
        assert await _code(other, "r3", principal) is None
        await one.disable(created.record.id)
        assert isinstance(await _principal(one, secret), Failure)
        with trio.fail_after(10):  # it hears of it when the database's word reaches it
            while isinstance(await _principal(other, secret), Principal):
                await trio.lowlevel.checkpoint()
        await one.enable(created.record.id)
        with trio.fail_after(10):
            while isinstance(await _principal(other, secret), Failure):
                await trio.lowlevel.checkpoint()


async def test_a_key_that_was_tried_before_it_was_made_works_at_once_everywhere(place: Place) -> None:
    async with opened(place) as one, opened(place) as other:
        await one.create_workspace("lab")
        for store in (one, other):
            assert isinstance(await _principal(store, "hi-chosen"), Failure)
        await one.create_key_with("lab", KeyTerms(), Secret("hi-chosen"))
        assert isinstance(await _principal(one, "hi-chosen"), Principal)
        with trio.fail_after(10):
            while isinstance(await _principal(other, "hi-chosen"), Failure):
                await trio.lowlevel.checkpoint()


async def test_replicas_that_change_the_same_at_once_add_up(place: Place) -> None:
    async with opened(place) as one, opened(place) as other:
        await one.create_workspace("lab", 1000)
        principal = (await one.create_key("lab", KeyTerms())).record
        refused: list[str] = []

        async def take(store: RemoteStore) -> None:
            try:
                await store.topup("lab", -300)
            except Refused as refusal:
                refused.append(refusal.message)

        async def make(store: RemoteStore) -> None:
            try:
                await store.create_workspace("same")
            except Refused as refusal:
                refused.append(refusal.message)

        async with trio.open_nursery() as nursery:
            for number in range(10):
                store = (one, other)[number % 2]
                nursery.start_soon(store.topup, "lab", 7)
                nursery.start_soon(take, store)
                nursery.start_soon(make, store)
                nursery.start_soon(store.lock if number % 3 else store.unlock, "lab")
                nursery.start_soon(store.settle, a_generation(f"r{number}", principal.workspace, 7))
        assert sum("same" in message for message in refused) == 9
        taken = 10 - sum("taken away" in message for message in refused)
        assert taken == 3
        assert (await one.workspace("lab")).balance == 1000 - 300 * taken
        assert (await one.verify_ledger()).differences == ()
        await one.unlock("lab")
        last = await one.lock("lab")
        found = place.valkey.run("HMGET", f"hi:{{{last.id}}}:account", "locked", "version")
        assert found == [b"1", str(last.version).encode()]


async def test_a_lock_that_redis_hears_of_late_is_not_undone_by_older_news(place: Place) -> None:
    async with opened(place) as store:
        await store.create_workspace("lab", 100)
        principal = await _principal(store, (await store.create_key("lab", KeyTerms())).secret.reveal())
        assert isinstance(principal, Principal)
        assert await _code(store, "r1", principal) is None
        # A settlement's news overtake the lock's: the lock is news all the same.
        account = f"hi:{{{principal.workspace}}}:account"
        place.valkey.run("HSET", account, "version", 1000)
        await store.lock("lab")
        assert await _code(store, "r2", principal) == "workspace_locked"
        # Another replica's older look at the account does not open it again.
        await store.unlock("lab")
        place.valkey.run("HSET", account, "locked", 1, "locked_as_of", 999)
        await store.admissions.reload(principal.workspace)
        assert await _code(store, "r3", principal) == "workspace_locked"


async def test_without_redis_a_change_is_made_and_redis_hears_of_it_when_it_is_back(place: Place) -> None:
    async with opened(place) as store:
        await store.create_workspace("lab", 100)
        principal = await _principal(store, (await store.create_key("lab", KeyTerms())).secret.reveal())
        assert isinstance(principal, Principal)
        assert await _code(store, "r1", principal, 100) is None
        with trio.fail_after(15):
            place.valkey.signal(signal.SIGSTOP)
            try:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(store.lock, "lab")
                    nursery.start_soon(store.topup, "lab", 50)
            finally:
                place.valkey.signal(signal.SIGCONT)
            changed = await store.workspace("lab")
            assert (changed.locked, changed.balance) == (True, 150)
        assert place.sql("SELECT untold > 0 FROM workspace") == "t"
        with trio.fail_after(15):
            await store.tell_untold()
        assert place.sql("SELECT untold IS NULL FROM workspace") == "t"
        account = f"hi:{{{principal.workspace}}}:account"
        assert place.valkey.run("HMGET", account, "locked", "available") == [b"1", b"50"]
        assert await _code(store, "r2", principal) == "workspace_locked"


async def test_a_change_outlives_a_connection_that_is_cut(place: Place) -> None:
    async with opened(place) as store:
        await store.create_workspace("lab", 100)
        cut = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database()"
        for number in range(5):
            place.sql(f"{cut} AND pid <> pg_backend_pid()")
            await store.topup("lab", 10)
            place.sql(f"{cut} AND pid <> pg_backend_pid()")
            await store.create_workspace(f"w{number}", 1)
        assert (await store.workspace("lab")).balance == 150
        assert len(await store.workspaces()) == 6
        assert (await store.verify_ledger()).differences == ()


async def test_a_change_whose_answer_was_lost_is_made_once(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened(place) as store:
        changing = trio.lowlevel.current_task()
        await store.create_workspace("lab", 100)
        changes: tuple[Callable[[], Awaitable[object]], ...] = (
            lambda: store.topup("lab", 10),
            lambda: store.create_workspace("new", 5),
            lambda: store.create_key("lab", KeyTerms()),
        )
        for change in changes:
            run = store.queries.run
            answers: list[object] = []

            async def lossy(query: Any, run: Callable[[Any], Awaitable[Any]] = run, answers: list[object] = answers) -> Any:
                if trio.lowlevel.current_task() is not changing:  # the store's upkeep
                    return await run(query)
                answers.append(await run(query))
                if len(answers) == 1:
                    raise StoreUnavailable("the connection broke, and nobody knows whether it was done")
                return answers[-1]

            with monkeypatch.context() as patch:
                patch.setattr(store.queries, "run", lossy)
                await change()
            assert len(answers) >= 2
            assert answers[0] == answers[1]
        assert [record.balance for record in await store.workspaces()] == [110, 5]
        assert len(await store.keys()) == 1
        assert place.sql("SELECT count(*) FROM ledger") == "3"


async def test_without_a_database_it_says_so_in_a_while(place: Place) -> None:
    async with opened(place) as store:
        place.postgres.stop()
        try:
            with trio.fail_after(10), pytest.raises(StoreUnavailable):
                await store.create_workspace("lab")
            with trio.fail_after(10), pytest.raises(StoreUnavailable):
                await store.verify_ledger()
        finally:
            place.postgres.start()
        await store.create_workspace("lab")


async def test_what_is_made_is_listed_in_that_order_whatever_the_clocks_say(place: Place) -> None:
    times = iter((NOW, NOW - 100, NOW - 50, NOW + 50, *[NOW] * 100))
    async with open_remote(place.settings, now=lambda: next(times), clock=trio.current_time, entropy=os.urandom) as store:
        for name in ("c", "a", "b"):
            await store.create_workspace(name)
            await store.create_key(name, KeyTerms(name=name))
        assert [record.name for record in await store.workspaces()] == ["c", "a", "b"]
        assert [record.terms.name for record in await store.keys()] == ["c", "a", "b"]


async def test_a_large_journal_is_begun_anew_under_way(place: Place) -> None:
    settings = dataclasses.replace(place.settings, journal_bytes=3000)
    async with open_remote(settings, now=lambda: NOW, clock=trio.current_time, entropy=os.urandom) as store:
        place.trust_redis()
        await store.create_workspace("lab", USD)
        principal = await _principal(store, (await store.create_key("lab", KeyTerms())).secret.reveal())
        assert isinstance(principal, Principal)
        assert await _code(store, "running", principal) is None
        for number in range(20):
            assert await _code(store, f"r{number}", principal) is None
            await store.settle(a_generation(f"r{number}", principal.workspace, 7))
            await store.tick()
        with trio.fail_after(10):
            while sum(path.suffix == ".done" for path in place.journals.iterdir()) < 2:
                await trio.lowlevel.checkpoint()
        assert sum(path.suffix == ".journal" for path in place.journals.iterdir()) == 1
    # What ran on is in the last one: the next start knows of it.
    async with opened(place) as store:
        with trio.fail_after(10):
            await store.ledger.wait_quiet()
        interrupted = await store.generation(principal.workspace, "running")
        assert interrupted is not None
        assert interrupted.status == "interrupted"
        assert (await store.workspace("lab")).balance == USD - 140
        assert (await store.verify_ledger()).differences == ()
