"""The embedded store: SQLite in the data folder, written by a child process, accounts and holds in memory.

Authentication and admission do no I/O. A settlement goes to the writer and is awaited until it is on the disk. A
single generation is read here, by primary key on a read-only connection (some 20 us); anything that scans runs in
a process of its own.
"""

from __future__ import annotations

from contextlib import asynccontextmanager, closing
from typing import TYPE_CHECKING, Any, TypeAlias

import trio

from hyperinfer.api.store import messages
from hyperinfer.api.store.admin import CreatedKey
from hyperinfer.api.store.admitted import AdmittedJournal
from hyperinfer.api.store.book import Book
from hyperinfer.api.store.checks import check_enable, check_new_workspace, check_topup
from hyperinfer.api.store.console_rows import EmbeddedConsole
from hyperinfer.api.store.database import open_reader
from hyperinfer.api.store.days import day_of
from hyperinfer.api.store.embedded_reports import EmbeddedReports
from hyperinfer.api.store.embedded_request_log import EmbeddedRequestLog
from hyperinfer.api.store.errors import Refused, StoreUnavailable, no_workspace, refusal_code
from hyperinfer.api.store.generations import generation_row, read_generation
from hyperinfer.api.store.keys import Entropy, check_terms, digest, find_key, new_id, new_secret, shown
from hyperinfer.api.store.records import KeyRecord, KeyTerms, StoredKey, UsageBy, UsageRow
from hyperinfer.api.store.reports import UsageQuestion
from hyperinfer.api.store.writer_client import WriterClient, open_writer_client
from hyperinfer.engine.failure import Failure
from hyperinfer.nodes.ports import SettlementRejected
from hyperinfer.nodes.settlement import SETTLE_SECONDS

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Mapping

    from hyperinfer.api.store.backlog import Backlog
    from hyperinfer.api.store.claims import Claim
    from hyperinfer.api.store.folder import DataFolder
    from hyperinfer.api.store.records import WorkspaceRecord
    from hyperinfer.api.store.standing import Standing
    from hyperinfer.api.store.store import Dependency
    from hyperinfer.api.store.writer_client import Answer
    from hyperinfer.nodes.ports import Admission, Generation, Principal, Rate
    from hyperinfer.providers.secret import Secret

_Send: TypeAlias = "Callable[[messages.Request, Callable[[Answer], None]], Awaitable[Answer | None]]"

_CANNOT_RECORD = Failure(
    "internal_error", "The gateway cannot record requests at the moment; try again in a second.", retry_after=1.0
)


class EmbeddedStore:
    """Accounts, Ledger, RequestLog, Admin and Standings over one data folder. Made by `open_embedded`."""

    def __init__(
        self,
        folder: DataFolder,
        book: Book,
        writer: WriterClient,
        reader: sqlite3.Connection,
        now: Callable[[], float],
        entropy: Entropy,
        clock: Callable[[], float],
        admitted: AdmittedJournal,
    ) -> None:
        self.writer = writer  # the actor behind the writes
        self._book, self._writer, self._reader, self._admitted = book, writer, reader, admitted
        self._now, self._clock, self._entropy, self._reports = now, clock, entropy, EmbeddedReports(folder.database)
        log = EmbeddedRequestLog(reader, book, self._reports)
        self.requests, self.request, self.keys_by_id = log.requests, log.request, log.keys_by_id
        self.console = EmbeddedConsole(reader, writer, now, entropy)
        self.new_console_token, self.verify_ledger = self.console.new_token, self._reports.audit

    @property
    def healthy(self) -> bool:
        """Whether requests are admitted and settlements written right now."""
        return self._writer.healthy and not self._admitted.broken

    @property
    def checks(self) -> Mapping[Dependency, bool]:
        """See Store."""
        return {"store": self.healthy}

    @property
    def backlog(self) -> Backlog:
        """See Store. What administration writes is in it too, for a moment."""
        return self._writer.backlog

    # Accounts ###############################################################

    async def authenticate(self, secret_sha256: bytes) -> Principal | Failure:
        """See the port."""
        return self._book.authenticate(secret_sha256, self._now())

    # Ledger #################################################################

    async def admit(self, admission: Admission) -> Failure | None:
        """See the port. Also refused, with internal_error, while thousands of settlements, or any for seconds, wait."""
        if self._writer.behind:
            return _CANNOT_RECORD
        refusal = self._book.admit(admission, self._clock())
        if refusal is None and not self._admitted.admit(admission):
            self._book.release(admission.interrupted.id)
            return _CANNOT_RECORD
        return refusal

    async def take_rate(self, principal: Principal, rate: Rate) -> Failure | None:
        """See the port."""
        return self._book.take_rate(principal, rate, self._clock())

    async def settle(self, generation: Generation) -> None:
        """See the port."""
        await self._settle(generation, self._writer.submit)

    def record(self, generation: Generation) -> Coroutine[Any, Any, bool]:
        """See the port."""
        return self._settle(generation, self._writer.finish)

    async def _settle(self, generation: Generation, send: _Send) -> bool:
        row = generation_row(generation)

        def apply(answer: Answer) -> None:
            # Also when the record was refused: its request is over, and money must not stay held for it.
            if isinstance(answer, messages.Rejected):
                self._book.release(row.id)
            else:
                self._book.settled(row.id, row.cost, row.model, row.tokens_prompt + row.tokens_completion)
            self._admitted.over(row.id)

        try:
            answer = await send(messages.Settle(self._writer.number(), row), apply)
        except (OverflowError, UnicodeEncodeError) as error:
            await self.release(row.id)
            raise SettlementRejected(f"{row.id}: {error}") from error
        if isinstance(answer, messages.Rejected):
            raise SettlementRejected(f"{row.id}: {answer.message}")
        return answer is not None

    async def release(self, request_id: str) -> None:
        """See the port."""
        self._book.release(request_id)
        self._admitted.over(request_id)

    async def generation(self, workspace: str, id: str) -> Generation | None:
        """See the port. One lookup by primary key, on the calling thread. Raises StoreUnavailable."""
        return read_generation(self._reader, id, workspace)

    # Standings ##############################################################

    async def standing(self, principal: Principal, at: float) -> Standing | None:
        """See Standings."""
        return self._book.standing(principal, day_of(at))

    async def weekly_tokens(self, at: float) -> Mapping[str, int]:
        """See Standings."""
        return self._book.weekly_tokens(day_of(at))

    # Claims #################################################################

    async def claim(self, claim: Claim) -> Claim:
        """See Claims."""
        return await self._claim(claim, None)

    async def replace_claim(self, earlier: str, claim: Claim) -> Claim:
        """See Claims."""
        return await self._claim(claim, earlier)

    async def under_way(self, workspace: str, request: str) -> bool:
        """See Claims."""
        return self._book.holds_of(request) == workspace

    # Admin ##################################################################

    async def create_workspace(self, name: str, credits: int = 0) -> WorkspaceRecord:
        """See Admin."""
        name = check_new_workspace(name, credits)
        now = self._now()
        workspace, operation = new_id("ws", now, self._entropy), new_id("op", now, self._entropy)
        return await self._workspace_after(
            messages.CreateWorkspace(self._writer.number(), workspace, name, credits, operation, now)
        )

    async def workspaces(self) -> tuple[WorkspaceRecord, ...]:
        """See Admin."""
        return self._book.workspaces()

    async def workspace(self, workspace: str) -> WorkspaceRecord:
        """See Admin."""
        return self._find(workspace)

    async def topup(self, workspace: str, amount: int) -> WorkspaceRecord:
        """See Admin."""
        record = self._find(workspace)
        check_topup(record, amount)
        now = self._now()
        operation = new_id("op", now, self._entropy)
        try:
            return await self._workspace_after(messages.TopUp(self._writer.number(), record.id, amount, operation, now))
        except Refused:
            check_topup(self._find(record.id), amount)  # others were faster: of the balance as they left it
            raise

    async def lock(self, workspace: str) -> WorkspaceRecord:
        """See Admin."""
        id_ = self._find(workspace).id
        return await self._workspace_after(messages.SetLocked(self._writer.number(), id_, True))

    async def unlock(self, workspace: str) -> WorkspaceRecord:
        """See Admin."""
        id_ = self._find(workspace).id
        return await self._workspace_after(messages.SetLocked(self._writer.number(), id_, False))

    async def create_key(self, workspace: str, terms: KeyTerms) -> CreatedKey:
        """See Admin."""
        return await self.create_key_with(workspace, terms, new_secret(self._entropy))

    async def create_key_with(self, workspace: str, terms: KeyTerms, secret: Secret) -> CreatedKey:
        """Make a key with a secret that the caller chose. Refused also when there is a key with it already."""
        check_terms(terms)
        now = self._now()
        prefix, last4 = shown(secret)
        record = KeyRecord(
            id=new_id("key", now, self._entropy),
            workspace=self._find(workspace).id,
            prefix=prefix,
            last4=last4,
            terms=terms,
            created_at=now,
        )
        stored = StoredKey(record, digest(secret.reveal()))
        return CreatedKey(await self._key_after(messages.CreateKey(self._writer.number(), stored)), secret)

    async def keys(self, workspace: str | None = None) -> tuple[KeyRecord, ...]:
        """See Admin."""
        if workspace is None:
            return self._book.all_keys()
        id_ = self._find(workspace).id
        return tuple(key for key in self._book.all_keys() if key.workspace == id_)

    async def has_key(self, sha256: bytes) -> bool:
        """Whether there is a key with this digest, in whatever state."""
        return self._book.key_of(sha256) is not None

    async def enable(self, key: str) -> KeyRecord:
        """See Admin."""
        record = self._key(key)
        check_enable(record)
        return await self._key_after(messages.EnableKey(self._writer.number(), record.id, True))

    async def disable(self, key: str) -> KeyRecord:
        """See Admin."""
        id_ = self._key(key).id
        return await self._key_after(messages.EnableKey(self._writer.number(), id_, False))

    async def revoke(self, key: str) -> KeyRecord:
        """See Admin."""
        id_ = self._key(key).id
        now = self._now()
        return await self._key_after(messages.RevokeKey(self._writer.number(), id_, now))

    async def usage(
        self, by: UsageBy, workspace: str | None = None, *, since: int | None = None, until: int | None = None
    ) -> tuple[UsageRow, ...]:
        """See Admin."""
        id_ = None if workspace is None else self._find(workspace).id
        return await self._reports.usage(UsageQuestion(by, id_, since, until))

    # Inside #################################################################

    async def _claim(self, claim: Claim, earlier: str | None) -> Claim:
        answer = await self._writer.submit(messages.ClaimKey(self._writer.number(), claim, earlier), lambda _: None)
        if isinstance(answer, messages.Rejected):
            raise StoreUnavailable(f"the claim of {claim.request} was rejected: {answer.message}")
        assert isinstance(answer, messages.Claimed)
        return answer.claim

    def _find(self, reference: str) -> WorkspaceRecord:
        record = self._book.workspace(reference)
        if record is None:
            raise no_workspace(reference)
        return record

    def _key(self, reference: str) -> KeyRecord:
        return find_key(self._book.all_keys(), self._book.key_of(digest(reference)), reference)

    async def _workspace_after(self, request: messages.Administration) -> WorkspaceRecord:
        record = (await self._administer(request)).record
        assert record is not None
        return record

    async def _key_after(self, request: messages.Administration) -> KeyRecord:
        key = (await self._administer(request)).key
        assert key is not None
        return key.record

    async def _administer(self, request: messages.Administration) -> messages.Done:
        def apply(answer: Answer) -> None:
            if isinstance(answer, messages.Done):
                if answer.record is not None:
                    self._book.put_workspace(answer.record)
                if answer.key is not None:
                    self._book.put_key(answer.key)

        answer = await self._writer.submit(request, apply)
        if isinstance(answer, messages.Rejected):
            raise Refused(refusal_code(answer.code), answer.message)
        assert isinstance(answer, messages.Done)
        return answer


@asynccontextmanager
async def open_embedded(
    nursery: trio.Nursery,
    folder: DataFolder,
    *,
    now: Callable[[], float],
    entropy: Entropy,
    clock: Callable[[], float] = trio.current_time,
) -> AsyncGenerator[EmbeddedStore]:
    """The store of a data folder whose lock the caller holds; its actor lives in the given nursery.

    What an earlier process admitted and never settled has its row, interrupted, when this opens. On the way out it waits
    (5 s) for what has been sent to be written. now: unix seconds. clock: steady, in seconds. entropy: n random bytes.
    Raises StoreUnavailable.
    """
    book = Book()

    def greet(hello: messages.Hello) -> None:
        if book.is_ahead_of(hello.workspaces):
            raise StoreUnavailable("another database has taken the place of the one that is served: start the gateway anew")
        book.load(hello.workspaces, hello.keys, hello.spent)
        book.load_sums(hello.spent_by_workspaces, hello.tokens)

    folder.create()
    async with (
        open_writer_client(nursery, folder.path, greet, book.move_all, book.holds, SETTLE_SECONDS) as writer,
        AdmittedJournal.open(folder.admitted, now) as admitted,
    ):
        with closing(open_reader(folder.database)) as reader:
            store = EmbeddedStore(folder, book, writer, reader, now, entropy, clock, admitted)
            await admitted.interrupt(store.settle)
            yield store
