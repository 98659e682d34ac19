"""The shared store, put together: what a worker opens when there are a Postgres and a Redis."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar, final

import trio

from hyperinfer.api.store.backlog import Backlog, Waiting
from hyperinfer.api.store.errors import StoreUnavailable, reason_of
from hyperinfer.api.store.generations import generation_from_row
from hyperinfer.api.store.journal import JournalFolder, own
from hyperinfer.api.store.messages import GenerationRow
from hyperinfer.api.store.remote.accounts import RemoteAccounts
from hyperinfer.api.store.remote.administration import RemoteAdministration
from hyperinfer.api.store.remote.admission import Admissions
from hyperinfer.api.store.remote.bridge import Busy, open_bridge
from hyperinfer.api.store.remote.claims import RemoteClaims
from hyperinfer.api.store.remote.holds import Holds
from hyperinfer.api.store.remote.key_cache import KeyCache
from hyperinfer.api.store.remote.known_ledger import find_ledger, name_in_redis
from hyperinfer.api.store.remote.ledger import AWAY, RemoteLedger
from hyperinfer.api.store.remote.ledger_journal import LARGE, LedgerJournal
from hyperinfer.api.store.remote.orphans import Orphans
from hyperinfer.api.store.remote.queries import Queries
from hyperinfer.api.store.remote.reports import RemoteReports
from hyperinfer.api.store.remote.request_log import RemoteRequestLog
from hyperinfer.api.store.remote.rows import Rows
from hyperinfer.api.store.remote.standing import RemoteStandings
from hyperinfer.api.store.remote.sweeper import sweep_once
from hyperinfer.api.store.remote.text import can_be_stored, exactly
from hyperinfer.api.store.remote.unsettled import pending_generation

if TYPE_CHECKING:
    from collections.abc import Generator

    from hyperinfer.api.store.claims import Claim
    from hyperinfer.api.store.keys import Entropy
    from hyperinfer.api.store.remote.bridge import Actor
    from hyperinfer.api.store.remote.driver import Connection
    from hyperinfer.api.store.standing import Standing
    from hyperinfer.api.store.store import Dependency
    from hyperinfer.engine.failure import Failure
    from hyperinfer.nodes.ports import Admission, Generation, Principal
    from hyperinfer.providers.secret import Secret

T = TypeVar("T")

log = logging.getLogger("hyperinfer.ledger")

UPKEEP_SECONDS: Final = 1.0
SWEEP_SECONDS: Final = 15.0
FORGET_SECONDS: Final = 3600.0
LOOK_SECONDS: Final = 2.5
"""So long a server may take to answer before it counts as away: less than any request waits for one."""
_RESTORED_AGAIN_SECONDS: Final = 0.1
CLOSE_SECONDS: Final = 5.0
"""So long the end waits for what is not settled yet; the rest is in the journal, for whoever starts next."""

_GENERATION: Final = f"SELECT {', '.join(GenerationRow._fields)} FROM generation WHERE id = $1 AND workspace = $2"


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteSettings:
    """Where the servers are, and the folder of this machine's journals, which are begun anew after so many bytes.

    `refuse_without_postgres`: while it is away nothing new is admitted, rather than admitted and journaled.
    """

    postgres: Secret
    redis: Secret
    journals: Path
    journal_bytes: int = LARGE
    refuse_without_postgres: bool = False


@final
class RemoteStore(RemoteAdministration):
    """Accounts, Ledger, RequestLog and Admin over Postgres and Redis. Made by `open_remote`."""

    def __init__(
        self,
        accounts: RemoteAccounts,
        ledger: RemoteLedger,
        admissions: Admissions,
        holds: Holds,
        queries: Queries,
        reports: RemoteReports,
        now: Callable[[], float],
        entropy: Entropy,
        *,
        refuse_without_postgres: bool = False,
    ) -> None:
        super().__init__(queries, accounts, admissions, reports, now, entropy)
        self.accounts, self.ledger = accounts, ledger
        # The port, as the ledger has it.
        self.admit = self._admit_with_postgres if refuse_without_postgres else ledger.admit
        self.take_rate, self.settle, self.record, self.release = (
            ledger.take_rate,
            ledger.settle,
            ledger.record,
            ledger.release,
        )
        self._holds = holds
        log = RemoteRequestLog(queries, ledger, reports)
        self.requests, self.request, self.keys_by_id = log.requests, log.request, log.keys_by_id
        self._standings = RemoteStandings(queries, holds)
        self._claims = RemoteClaims(queries, admissions, ledger)
        self.postgres_healthy = self.redis_healthy = True
        self._waiting = Waiting()

    @property
    def checks(self) -> Mapping[Dependency, bool]:
        """See `Store`."""
        servers: dict[Dependency, bool] = {"redis": self.redis_healthy, "postgres": self.postgres_healthy}
        return servers if self.ledger.recording else {**servers, "store": False}

    @property
    def backlog(self) -> Backlog:
        """See `Store`."""
        ledger = self.ledger
        return Backlog(ledger.owner.unsettled, self._waiting.oldest(trio.current_time()), ledger.journal.file.size)

    @property
    def redis(self) -> Actor[Any, Any]:
        """Who asks Redis, also for what is no account."""
        return self._holds.actor

    async def wait_restored(self) -> None:
        """Until Redis has been told again what it had forgotten, some seconds where it began anew: before that nothing is
        admitted. Raises StoreUnavailable when it does not answer."""
        while True:
            with _as_unavailable():
                epoch = await self.admissions.look()
            self.redis_healthy = epoch.trusted
            if epoch.trusted:
                return
            await trio.sleep(_RESTORED_AGAIN_SECONDS)

    async def authenticate(self, secret_sha256: bytes) -> Principal | Failure:
        """See the port."""
        return await self.accounts.authenticate(secret_sha256)

    async def _admit_with_postgres(self, admission: Admission) -> Failure | None:
        return await self.ledger.admit(admission) if self.postgres_healthy else AWAY

    async def generation(self, workspace: str, id: str) -> Generation | None:
        """See the port. Also one that is only in a journal, by what this process or Redis knows of it: it is pending.
        Raises StoreUnavailable when neither can tell."""
        if not can_be_stored(id):
            return None
        row, away = None, False
        try:
            with _as_unavailable():
                row = await self.queries.run(lambda connection: connection.fetchrow(_GENERATION, id, workspace))
        except StoreUnavailable:
            away = True
        if row is not None:
            return generation_from_row(exactly(GenerationRow(*row)))
        pending = self.ledger.pending(id)
        if pending is None:
            with _as_unavailable():
                hold = await self.admissions.held(workspace, id)
            pending = None if hold is None else pending_generation(hold.about)
        if pending is not None:
            return pending if pending.workspace == workspace else None
        if away:
            raise StoreUnavailable("the database is away")
        return None

    async def claim(self, claim: Claim) -> Claim:
        """See Claims."""
        return await self._claims.claim(claim)

    async def replace_claim(self, earlier: str, claim: Claim) -> Claim:
        """See Claims."""
        return await self._claims.replace_claim(earlier, claim)

    async def under_way(self, workspace: str, request: str) -> bool:
        """See Claims."""
        return await self._claims.under_way(workspace, request)

    async def standing(self, principal: Principal, at: float) -> Standing | None:
        """See Standings."""
        return await self._standings.standing(principal, at)

    async def weekly_tokens(self, at: float) -> Mapping[str, int]:
        """See Standings."""
        return await self._standings.weekly_tokens(at)

    async def look_at_postgres(self) -> None:
        """Whether it answers, and takes what is written."""
        self.postgres_healthy = await _answer(self.queries.run(_ping)) is not None

    async def look_at_redis(self) -> None:
        """Whether it answers, and admits: not while it is being told again what it had forgotten."""
        self.redis_healthy = False if (epoch := await _answer(self.admissions.look())) is None else epoch.trusted

    async def tick(self) -> None:
        """The upkeep of the ledger."""
        self.ledger.tick()
        self._waiting.look(self.ledger.owner.waiting, trio.current_time())


@asynccontextmanager
async def open_remote(
    settings: RemoteSettings,
    *,
    now: Callable[[], float],
    clock: Callable[[], float],
    entropy: Entropy,
) -> AsyncGenerator[RemoteStore]:
    """The store, for as long as the block runs. What the machine's dead processes left in their journals is taken over.

    `now`: unix seconds. `clock`: steady, in seconds. Raises StoreUnavailable when a server cannot be reached, or is not fit;
    a database that is away is no reason where Redis knows its accounts.
    """
    async with open_bridge() as bridge:
        accounts: RemoteAccounts
        queries = Queries(
            settings.postgres, clock, lambda sha256, version: accounts.changed(sha256, version), lambda: accounts.doubt()
        )
        rows, holds = Rows(settings.postgres, clock, queries.identity), Holds(settings.redis)
        accounts = RemoteAccounts(queries, KeyCache(holds.actor), now, clock)
        admissions = Admissions(holds, queries, lambda: entropy(8).hex(), lambda: ledger.put_holds_back())
        for actor in (queries.actor, rows.actor, holds.actor):
            bridge.start_soon(actor.run)
        with _as_unavailable():
            ledger_name = await find_ledger(queries, holds)
            await admissions.look()
        folder = JournalFolder(settings.journals, ledger_name)
        folder.create()
        orphans = own(folder.orphans(), ledger_name)
        journal = LedgerJournal(folder, now, settings.journal_bytes)
        ledger = RemoteLedger(rows, holds, admissions, journal, bridge, clock)
        reports = RemoteReports(settings.postgres)
        store = RemoteStore(
            accounts,
            ledger,
            admissions,
            holds,
            queries,
            reports,
            now,
            entropy,
            refuse_without_postgres=settings.refuse_without_postgres,
        )
        left = Orphans(folder, ledger_name, journal, ledger)
        left.take_over_first(orphans)
        async with trio.open_nursery() as upkeep:
            upkeep.start_soon(_every, UPKEEP_SECONDS, store.look_at_postgres)
            upkeep.start_soon(_every, UPKEEP_SECONDS, store.look_at_redis)
            upkeep.start_soon(_every, UPKEEP_SECONDS, store.tick)
            upkeep.start_soon(_every, SWEEP_SECONDS, partial(sweep_once, holds, rows, queries, folder))
            upkeep.start_soon(_every, SWEEP_SECONDS, store.tell_untold)
            upkeep.start_soon(_every, SWEEP_SECONDS, partial(name_in_redis, queries, holds))
            upkeep.start_soon(_every, SWEEP_SECONDS, left.take_over)
            upkeep.start_soon(_every, FORGET_SECONDS, partial(_forget, folder, now))
            try:
                yield store
            finally:
                with trio.move_on_after(CLOSE_SECONDS, shield=True):
                    await ledger.wait_quiet()
                upkeep.cancel_scope.cancel()
                with trio.CancelScope(shield=True):
                    await journal.close()
    ledger.write()
    journal.let_go(owing=not ledger.owner.idle or ledger.owner.broken)


async def _answer(question: Awaitable[T]) -> T | None:
    """None where there is none in time."""
    try:
        with _as_unavailable(), trio.fail_after(LOOK_SECONDS):
            return await question
    except (StoreUnavailable, trio.TooSlowError):
        return None


@contextmanager
def _as_unavailable() -> Generator[None]:
    """Whatever a server that is away makes of a question, as StoreUnavailable."""
    try:
        yield
    except (TimeoutError, Busy) as error:
        raise StoreUnavailable(reason_of(error)) from error


async def _every(seconds: float, work: Callable[[], Awaitable[object]]) -> None:
    """Again and again. What a server that is away makes of it is no reason to stop."""
    while True:
        try:
            await work()
        except (StoreUnavailable, TimeoutError, Busy):
            pass
        except Exception:
            log.exception("the upkeep of the store")
        await trio.sleep(seconds)


async def _forget(folder: JournalFolder, now: Callable[[], float]) -> None:
    folder.forget(now())


class _OnlyReads(Exception):
    """It is a copy of another database, or was told to. No StoreUnavailable, so that this connection to it is given up."""


async def _ping(connection: Connection) -> bool:
    if await connection.fetchval("SELECT current_setting('transaction_read_only')") == "on":
        raise _OnlyReads
    return True
