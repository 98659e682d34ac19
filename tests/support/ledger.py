"""The store without its process: for virtual time, which cannot see what happens outside of its own run.

Everything but the writer's process is the real embedded store, on a database in memory.
"""

from __future__ import annotations

import hashlib
import os
import socket
import sqlite3
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, cast

import msgspec
import trio

from hyperinfer.api.store.book import Book
from hyperinfer.api.store.database import migrate, migrations
from hyperinfer.api.store.embedded import EmbeddedStore
from hyperinfer.api.store.embedded_request_log import EmbeddedRequestLog
from hyperinfer.api.store.folder import DataFolder
from hyperinfer.api.store.messages import Request, Settled
from hyperinfer.api.store.records import KeyTerms
from hyperinfer.api.store.reports import audit, requests, usage
from hyperinfer.api.store.request_log import Search
from hyperinfer.api.store.writer import Writer
from hyperinfer.nodes.ports import Admission, Generation, Principal, SettlementRejected
from hyperinfer.nodes.settlement import recorded

if TYPE_CHECKING:
    from hyperinfer.api.store.admitted import AdmittedJournal
    from hyperinfer.api.store.embedded_reports import EmbeddedReports
    from hyperinfer.api.store.messages import Hello, Reply
    from hyperinfer.api.store.records import LedgerReport, UsageRow
    from hyperinfer.api.store.reports import UsageQuestion
    from hyperinfer.api.store.request_log import FoundRows, RequestsQuestion
    from hyperinfer.api.store.writer_client import Answer, WriterClient
    from hyperinfer.engine import Failure

NOW = 1_795_600_000.25
USD = 10**12


class InlineWriter(Writer):
    """The writer's transactions, called instead of sent to."""

    def __init__(self, connection: sqlite3.Connection, peer: socket.socket) -> None:
        super().__init__(connection, peer)
        self._replies: list[Reply] = []

    def _send(self, *replies: Reply) -> None:
        self._replies += replies

    def hello(self) -> Hello:
        """What the process would say at first."""
        return self._hello()

    def do(self, data: bytes) -> Reply:
        """What the process would answer to these bytes."""
        self._replies.clear()
        self._commit([self._decoder.decode(data)])
        (reply,) = self._replies
        return reply


class _WriterDouble:
    """Of `WriterClient` what the store uses. A request is carried out whether or not its caller waits for it."""

    behind = False
    healthy = True

    def __init__(self, inline: InlineWriter, book: Book) -> None:
        self._inline, self._book = inline, book
        self._sequence = 0

    def number(self) -> int:
        self._sequence += 1
        return self._sequence

    async def submit(self, request: Request, apply: Callable[[Answer], None]) -> Answer:
        answer = cast("Answer", self._inline.do(msgspec.msgpack.encode(request)))
        if isinstance(answer, Settled):
            self._book.move_all(answer.balances)
        apply(answer)
        await trio.lowlevel.checkpoint()
        return answer


class _NoJournal:
    """Of `AdmittedJournal` what the store uses: nothing is kept."""

    broken = False

    def admit(self, admission: Admission) -> bool:
        return True

    def over(self, request: str) -> None:
        pass


class _InlineReports:
    """Without a process."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    async def usage(self, question: UsageQuestion) -> tuple[UsageRow, ...]:
        return usage(self._connection, question)

    async def audit(self) -> LedgerReport:
        return audit(self._connection)

    async def requests(self, question: RequestsQuestion) -> FoundRows:
        return requests(self._connection, Search(question))


class MemoryStore(EmbeddedStore):
    """Accounts, Ledger and Admin in memory. Made by `memory_store`.

    `settling`: seconds that a settlement takes. `admitting`: seconds that an admission takes, the hold being there from the
    start. `rejects`: settlements are refused. `settlements`: every one that was asked for, with its time. `held`: the
    requests that hold credits.
    """

    def __init__(self, connection: sqlite3.Connection, peer: socket.socket, now: Callable[[], float]) -> None:
        book = Book()
        writer = cast("WriterClient", _WriterDouble(InlineWriter(connection, peer), book))
        journal = cast("AdmittedJournal", _NoJournal())
        nowhere = DataFolder(Path("nowhere"))
        super().__init__(nowhere, book, writer, connection, now, os.urandom, trio.current_time, journal)
        self._connection = connection
        self._reports = cast("EmbeddedReports", _InlineReports(connection))
        self.verify_ledger = self._reports.audit
        self.requests = EmbeddedRequestLog(connection, book, self._reports).requests
        self.settling = self.admitting = 0.0
        self.rejects = False
        self.settlements: list[tuple[float, Generation]] = []
        self.held: set[str] = set()

    async def admit(self, admission: Admission) -> Failure | None:
        """See the port."""
        failure = await super().admit(admission)
        if failure is None:
            self.held.add(admission.interrupted.id)
        if self.admitting:
            await trio.sleep(self.admitting)
        return failure

    async def settle(self, generation: Generation) -> None:
        """See the port."""
        self.held.discard(generation.id)
        if self.rejects:
            self._book.release(generation.id)
            raise SettlementRejected(generation.id)
        self.settlements.append((trio.current_time(), generation))
        if self.settling:
            await trio.sleep(self.settling)
        await super().settle(generation)

    async def record(self, generation: Generation) -> bool:
        """See the port."""
        return await recorded(self.settle(generation))

    async def release(self, request_id: str) -> None:
        """See the port."""
        self.held.discard(request_id)
        await super().release(request_id)

    def snapshot(self) -> bytes:
        """The database as it is."""
        return self._connection.serialize()

    async def a_key(self, credits: int = 100 * USD, terms: KeyTerms | None = None) -> tuple[str, Principal]:
        """A workspace `lab` with credits, and a key of it: the secret and whose it is."""
        await self.create_workspace("lab", credits)
        created = await self.create_key("lab", terms or KeyTerms())
        secret = created.secret.reveal()
        principal = await self.authenticate(hashlib.sha256(secret.encode()).digest())
        assert isinstance(principal, Principal)
        return secret, principal


@contextmanager
def memory_store(now: Callable[[], float] = lambda: NOW) -> Generator[MemoryStore]:
    """A fresh one. Its clock stands at NOW, if it is not said otherwise."""
    ours, peer = socket.socketpair()
    with ours, peer, closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.execute("PRAGMA foreign_keys = ON")
        migrate(connection, migrations())
        yield MemoryStore(connection, peer, now)
