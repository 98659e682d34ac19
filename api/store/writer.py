"""The process that writes: `python -m hyperinfer.api.store.writer FOLDER`, its standard input a connected socket.

A process and not a thread, because beside a busy event loop a thread does not get to run (seen: no commit in three
seconds). It takes all requests that wait, at most 64, writes them in one transaction and answers after its COMMIT,
so that an answer means: on the disk. One bad request does not take its group down. It ends when the socket does,
after finishing what it was sent.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import signal
import socket
import sqlite3
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from hyperinfer.api.store.database import open_writer
from hyperinfer.api.store.days import day_of
from hyperinfer.api.store.errors import Refused, StoreUnavailable
from hyperinfer.api.store.frames import FrameReader, frame
from hyperinfer.api.store.messages import Claimed, ClaimKey, Fatal, Hello, Rejected, Reply, Request, Settle
from hyperinfer.api.store.sums import spent_by_keys, spent_by_workspaces, tokens_by_models
from hyperinfer.api.store.transactions import administer, all_keys, all_workspaces, claim, settle

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

DATABASE: Final = "hyperinfer.db"
GROUP: Final = 64
IDLE_SECONDS: Final = 0.25
"""So long without a request before the log is moved into the database."""
LOG_PAGES: Final = 8192
"""About so many pages (32 MiB, estimated from above) in the log and it is moved although there is work."""
_PAGES_PER_GROUP = 4
_PAGES_PER_REQUEST = 2
_READ = 1 << 16  # bytes; for four times as many memory would be mapped at each read

# What SQLite answers when the disk, the file or the memory is at fault and not the request (primary result codes).
_ENVIRONMENT: Final = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_READONLY,
    }
)


class Writer:
    """The loop around the one connection that writes."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        peer: socket.socket,
        log_pages: int = LOG_PAGES,
        now: Callable[[], float] = time.time,
        deleted: Callable[[], bool] = lambda: False,
    ) -> None:
        self._connection, self._now = connection, now
        self._deleted = deleted
        self._peer = peer
        self._decoder = msgspec.msgpack.Decoder(Request)
        self._encoder = msgspec.msgpack.Encoder()
        self._inbox = FrameReader()
        self._open = True
        self._log_pages = 0
        self._most_log_pages = log_pages

    def run(self) -> None:
        """Greet, then work until the peer is gone. Raises sqlite3.Error when the disk or the file fails, StoreUnavailable
        when the file was deleted: what is written there is lost with us."""
        self._send(self._hello())
        poll = select.poll()
        poll.register(self._peer, select.POLLIN)
        while self._open or len(self._inbox):
            if self._open and len(self._inbox) < GROUP:
                wait = 0.0 if len(self._inbox) else (IDLE_SECONDS * 1000 if self._log_pages else None)
                if poll.poll(wait):
                    self._receive()
                elif not len(self._inbox):
                    self._checkpoint()
            if len(self._inbox):
                self._commit([self._decoder.decode(payload) for payload in self._inbox.take(GROUP)])
                if self._log_pages >= self._most_log_pages:
                    self._checkpoint()

    def _hello(self) -> Hello:
        mode = self._connection.execute("PRAGMA journal_mode").fetchone()[0]
        synchronous = self._connection.execute("PRAGMA synchronous").fetchone()[0]
        today = day_of(self._now()).number
        return Hello(
            mode,
            synchronous,
            all_workspaces(self._connection),
            all_keys(self._connection),
            spent_by_keys(self._connection, today),
            spent_by_workspaces(self._connection),
            tokens_by_models(self._connection, today),
        )

    def _receive(self) -> None:
        try:
            data = self._peer.recv(_READ)
        except ConnectionError:
            data = b""
        if data:
            self._inbox.feed(data)
        else:
            self._open = False

    def _send(self, *replies: Reply) -> None:
        # A peer that is gone finds out what was committed from the database.
        with contextlib.suppress(ConnectionError):
            self._peer.sendall(b"".join(frame(self._encoder.encode(reply)) for reply in replies))

    def _commit(self, group: Sequence[Request]) -> None:
        if self._deleted():
            raise StoreUnavailable("the database was deleted, or another put in its place: nothing is written any more")
        try:
            replies = self._transact(group)
        except Exception as error:
            if _is_environment(error):
                raise
            replies = [self._alone(request) for request in group]
        self._log_pages += len(group) * _PAGES_PER_REQUEST + _PAGES_PER_GROUP
        self._send(*replies)

    def _alone(self, request: Request) -> Reply:
        try:
            return self._transact([request])[0]
        except Refused as error:
            return Rejected(request.seq, error.code, error.message)
        except Exception as error:
            if _is_environment(error):
                raise
            return Rejected(request.seq, "invalid", f"{type(error).__name__}: {error}")

    def _transact(self, group: Sequence[Request]) -> list[Reply]:
        connection = self._connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            replies = [reply for run in _runs(group) for reply in self._apply(run)]
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        return replies

    def _apply(self, run: Sequence[Request]) -> Iterator[Reply]:
        settlements = [request for request in run if isinstance(request, Settle)]
        if settlements:
            yield settle(self._connection, settlements)
        for request in run:
            if isinstance(request, ClaimKey):
                yield Claimed(request.seq, claim(self._connection, request.claim, request.earlier))
            elif not isinstance(request, Settle):
                yield administer(self._connection, request)

    def _checkpoint(self) -> None:
        # PASSIVE never waits for a reader; what it cannot move yet stays for the next time.
        self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        self._log_pages = 0


def _runs(group: Sequence[Request]) -> Iterator[list[Request]]:
    """Consecutive settlements together, everything else alone: requests take effect in the order they came."""
    run: list[Request] = []
    for request in group:
        if run and not (isinstance(request, Settle) and isinstance(run[-1], Settle)):
            yield run
            run = []
        run.append(request)
    if run:
        yield run


def _is_environment(error: Exception) -> bool:
    return isinstance(error, MemoryError) or (
        isinstance(error, sqlite3.Error) and getattr(error, "sqlite_errorcode", -1) & 0xFF in _ENVIRONMENT
    )


def main(folder: Path, peer: socket.socket, mode: Literal["rwc", "rw"] = "rwc") -> int:
    """Run on a connected socket. 0 when the peer ended it, 1 when the store failed (the peer has been told). `mode`: see
    `open_writer`."""
    # A terminal's Ctrl-C and a service manager's stop reach the whole group. We end when our peer does.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    os.umask(0o077)
    try:
        # Waits for the predecessor, which may still be writing what its killed server had sent. After this the
        # database is ours, and what Hello says stays true until we change it.
        lock = os.open(folder / "writer.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)
        with contextlib.closing(open_writer(folder / DATABASE, mode)) as connection:
            Writer(connection, peer, deleted=_deleted(folder / DATABASE)).run()
    except (StoreUnavailable, sqlite3.Error, OSError) as error:
        with contextlib.suppress(OSError):
            peer.sendall(frame(msgspec.msgpack.encode(Fatal(f"{error}"))))
        return 1
    return 0


def _deleted(path: Path) -> Callable[[], bool]:
    """Whether the file that has this name now is deleted later, as it also is when another takes its name."""
    # Never closed: that would free the locks of SQLite, which are the process's.
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    return lambda: os.fstat(descriptor).st_nlink == 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), socket.socket(fileno=0), "rw" if sys.argv[2:] == ["rw"] else "rwc"))
