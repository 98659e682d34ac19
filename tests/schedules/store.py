"""The embedded store without its process: as fast as memory, or as slow as a schedule says."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import msgspec
import trio

from hyperinfer.api.store.book import Book
from hyperinfer.api.store.embedded import EmbeddedStore
from hyperinfer.api.store.folder import DataFolder
from hyperinfer.api.store.messages import Hello, Rejected, Settle, Settled
from hyperinfer.api.store.reports import audit
from hyperinfer.engine.testing import run_virtual
from hyperinfer.nodes.settlement import SETTLE_SECONDS
from tests.support.ledger import NOW, InlineWriter, memory_store

if TYPE_CHECKING:
    from hyperinfer.api.store.admitted import AdmittedJournal
    from hyperinfer.api.store.messages import Request
    from hyperinfer.api.store.records import LedgerReport
    from hyperinfer.api.store.writer_client import Answer, WriterClient
    from hyperinfer.engine import Failure
    from hyperinfer.nodes.ports import Admission, Generation, Principal
    from tests.schedules.course import Course
    from tests.schedules.plan import Storing

CREDITS = 10**15


@cache
def furnished() -> tuple[bytes, str, Hello]:
    """A database with one workspace and one key; the key; what its writer says at first."""

    async def make() -> tuple[bytes, str]:
        with memory_store() as store:
            secret, _ = await store.a_key(CREDITS)
            return store.snapshot(), secret

    data, secret = run_virtual(make)
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.deserialize(data)
        return data, secret, _inline(connection).hello()


def _inline(connection: sqlite3.Connection) -> InlineWriter:
    return InlineWriter(connection, cast("Any", None))


class _Writer:
    """Of `WriterClient` what the store uses."""

    behind = False
    healthy = True

    def __init__(self, inline: InlineWriter, book: Book, storing: Storing, nursery: trio.Nursery) -> None:
        self._inline, self._book, self._storing, self._nursery = inline, book, storing, nursery
        self._sequence = self._settled = 0

    def number(self) -> int:
        self._sequence += 1
        return self._sequence

    async def finish(self, request: Settle, apply: Callable[[Answer], None]) -> Answer | None:
        """As the port has it: waits on when it is cancelled, but not longer than its patience."""
        seconds = self._storing.settling[self._settled % len(self._storing.settling)]
        self._settled += 1
        if not seconds:
            answer = self._do(request, apply)
            await trio.lowlevel.cancel_shielded_checkpoint()
            return answer
        done = trio.Event()
        answers: list[Answer] = []

        async def late() -> None:
            with trio.CancelScope(shield=True):
                await trio.sleep(seconds)
            answers.append(self._do(request, apply))
            done.set()

        self._nursery.start_soon(late)
        with trio.CancelScope(shield=True, deadline=trio.current_time() + SETTLE_SECONDS):
            await done.wait()
        return answers[0] if answers else None

    def _do(self, request: Request, apply: Callable[[Answer], None]) -> Answer:
        if self._storing.rejects:
            answer: Answer = Rejected(request.seq, "invalid", "the schedule says so")
        else:
            answer = cast("Answer", self._inline.do(msgspec.msgpack.encode(request)))
        if isinstance(answer, Settled):
            self._book.move_all(answer.balances)
        apply(answer)
        return answer


class _Journal:
    """Of `AdmittedJournal` what the store uses."""

    broken = False

    def __init__(self) -> None:
        self.under_way: set[str] = set()

    def admit(self, admission: Admission) -> bool:
        self.under_way.add(admission.interrupted.id)
        return True

    def over(self, request: str) -> None:
        self.under_way.discard(request)


class ScheduledStore(EmbeddedStore):
    """Writes into the course what it is asked for."""

    def __init__(self, connection: sqlite3.Connection, storing: Storing, course: Course, nursery: trio.Nursery) -> None:
        self._storing, self._course, self._connection = storing, course, connection
        self._under_way = _Journal()
        book, hello = Book(), furnished()[2]
        book.load(hello.workspaces, hello.keys, hello.spent)
        book.load_sums(hello.spent_by_workspaces, hello.tokens)
        writer = cast("WriterClient", _Writer(_inline(connection), book, storing, nursery))
        journal = cast("AdmittedJournal", self._under_way)
        nowhere = DataFolder(Path("nowhere"))
        super().__init__(nowhere, book, writer, connection, lambda: NOW, os.urandom, trio.current_time, journal)

    async def authenticate(self, secret_sha256: bytes) -> Principal | Failure:
        """See the port."""
        await _take(self._storing.authenticating)
        return await super().authenticate(secret_sha256)

    async def admit(self, admission: Admission) -> Failure | None:
        """See the port."""
        await _take(self._storing.before_hold)
        failure = await super().admit(admission)
        if failure is None:
            self._course.admitted[admission.interrupted.id] = trio.current_time()
        await _take(self._storing.after_hold)
        return failure

    async def record(self, generation: Generation) -> bool:
        """See the port."""
        self._course.rows.append((trio.current_time(), generation))
        recorded = await super().record(generation)
        if recorded:
            self._course.recorded[generation.id] = trio.current_time()
        return recorded

    async def release(self, request_id: str) -> None:
        """See the port."""
        if self._book.holds_of(request_id) is not None:
            self._course.released.add(request_id)
        await super().release(request_id)

    @property
    def left(self) -> list[str]:
        """What is still held, or under way."""
        return [f"{held} holds" for held in (self._book.holds(),) if held] + sorted(self._under_way.under_way)

    def audit(self) -> LedgerReport:
        """Whether balances are the sums of their rows."""
        return audit(self._connection)

    def billed(self) -> dict[str, int]:
        """Pico-USD that the ledger has taken for each request."""
        return dict(self._connection.execute("SELECT request, -amount FROM ledger WHERE kind = 'usage'"))


async def _take(seconds: float) -> None:
    if seconds:
        await trio.sleep(seconds)


@contextmanager
def scheduled_database() -> Generator[sqlite3.Connection]:
    """A fresh one in memory, furnished."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.deserialize(furnished()[0])
        connection.execute("PRAGMA foreign_keys = ON")
        yield connection
