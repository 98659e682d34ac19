"""Journals on the disk: one file for each process, locked while it lives, adopted by whoever starts next.

A file is named after when it was begun; `.done` behind the name says that nothing in it is owed any more. Those are kept
for a day: after a failover of the database to a replica that had not everything yet, they still know it.
"""

from __future__ import annotations

import errno
import fcntl
import itertools
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self, final

from hyperinfer.api.settlement.effects import Begun
from hyperinfer.api.settlement.journal_format import journal_bytes, read_journal
from hyperinfer.api.settlement.owed import owed
from hyperinfer.api.store.errors import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hyperinfer.api.settlement.effects import Entry

KEEP_SECONDS: Final = 24 * 3600.0
"""So long a journal outlives what it held."""
KEEP_BYTES: Final = 4 * 1024**3
"""So much of them is kept at most, the newest: a busy gateway writes far more in a day."""

_OPEN = os.O_RDWR | os.O_APPEND | os.O_CLOEXEC


@final
class JournalFile:
    """One journal, locked by us. Appending is a `write` and no more: it survives this process, not the machine."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path, self._name = path, os.fspath(path)
        self.descriptor = descriptor
        self.size = os.fstat(descriptor).st_size

    @classmethod
    def begin(cls, path: Path) -> Self:
        """A new one. Raises OSError, FileExistsError where there is one of this name."""
        descriptor = os.open(path, _OPEN | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _sync_folder(path.parent)
        except OSError:
            os.close(descriptor)
            raise
        return cls(path, descriptor)

    @classmethod
    def take(cls, path: Path) -> Self | None:
        """One that somebody left; None when its owner lives, or somebody else was faster."""
        try:
            descriptor = os.open(path, _OPEN)
        except FileNotFoundError:
            return None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        if not path.exists():  # done with, between our open and our lock
            os.close(descriptor)
            return None
        return cls(path, descriptor)

    def append(self, *entries: Entry) -> None:
        """Write entries, in one call. Raises OSError; then the file ends in a part of them at most, and is of no more use
        for writing. Also for one that was deleted: nobody would ever find what is written there."""
        # Its status is asked for only where its name is gone: after an fstat Linux notes the time of the next write exactly,
        # and that takes longer than the write.
        if not os.access(self._name, os.F_OK) and self._deleted:
            raise FileNotFoundError(errno.ENOENT, "it was deleted", self._name)
        data = journal_bytes(entries)
        written = os.write(self.descriptor, data)
        self.size += written
        if written < len(data):
            raise OSError(f"{self.path}: {written} of {len(data)} bytes were written")

    @property
    def _deleted(self) -> bool:
        """Whether it is: then another may have its name by now."""
        return os.fstat(self.descriptor).st_nlink == 0

    def entries(self) -> list[Entry]:
        """What it holds, up to the first entry that is not whole."""
        return read_journal(os.pread(self.descriptor, self.size, 0))[0]

    def sync(self) -> None:
        """Bring it to the disk, on this thread: for the start, and for when nothing else waits. Raises OSError."""
        os.fdatasync(self.descriptor)

    def done(self) -> None:
        """Nothing in it is owed any more; lets go of it."""
        try:
            if not self._deleted:
                self.path.rename(self.path.with_suffix(".done"))
        finally:
            self.close()

    def remove(self) -> None:
        """Nothing in it is owed any more, or will be asked for; lets go of it."""
        try:
            if not self._deleted:
                self.path.unlink()
        finally:
            self.close()

    def close(self) -> None:
        """Lets go of it, for somebody to adopt."""
        os.close(self.descriptor)


@final
class JournalFolder:
    """The folder of all journals of one machine. `ledger`: the name that is written at the head of new ones, if any."""

    def __init__(self, path: Path, ledger: str | None = None) -> None:
        self.path, self._ledger = path, ledger

    def create(self) -> None:
        """Make the folder unless it is there. Raises StoreUnavailable."""
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise StoreUnavailable(f"cannot make the journal's folder {self.path}: {error.strerror}") from error

    def begin(self, now: float, *entries: Entry) -> JournalFile:
        """A new journal that begins with these entries, named after its time, which is in unix seconds; its name comes after
        those that are there, done with or not, also when the clock has gone back. Raises StoreUnavailable, and leaves none
        then."""
        self.create()  # somebody may have deleted it
        there = (path.name.partition("-")[0] for path in (*self._left(), *self.path.glob("*.done")))
        stamps = [int(stamp) for stamp in there if stamp.isdecimal()]
        stamp = max(int(now * 1000), max(stamps, default=-1) + 1)
        try:
            for number in itertools.count():
                with suppress(FileExistsError):
                    journal = JournalFile.begin(self.path / f"{stamp:013}-{os.getpid()}-{number}.journal")
                    return self._headed(journal, entries)
        except OSError as error:
            raise StoreUnavailable(f"cannot begin a journal in {self.path}: {error.strerror}") from error
        raise AssertionError

    def orphans(self) -> list[JournalFile]:
        """The journals whose owner is gone, oldest first, now ours. Each wants its `done` or `close`."""
        taken = (JournalFile.take(path) for path in self._left())
        return [journal for journal in taken if journal is not None]

    def all_entries(self) -> list[Entry]:
        """What all journals hold, also those of processes that live."""
        entries: list[Entry] = []
        for path in self._left():
            with suppress(FileNotFoundError):
                entries += read_journal(path.read_bytes())[0]
        return entries

    def forget(self, now: float) -> None:
        """Remove the journals that have been done with for a day, or of which there are too many. now: unix seconds."""
        size = 0
        for path in sorted(self.path.glob("*.done"), reverse=True):
            with suppress(FileNotFoundError):
                status = path.stat()
                size += status.st_size
                if now - status.st_mtime > KEEP_SECONDS or size > KEEP_BYTES:
                    path.unlink()

    def _headed(self, journal: JournalFile, entries: Sequence[Entry]) -> JournalFile:
        head = () if self._ledger is None else (Begun(self._ledger),)
        try:
            if head or entries:
                journal.append(*head, *entries)
        except OSError:
            with suppress(OSError):
                journal.remove()
            raise
        return journal

    def _left(self) -> list[Path]:
        return sorted(self.path.glob("*.journal"))


def adopt(orphans: Iterable[JournalFile], into: JournalFile) -> list[Entry]:
    """What is owed by journals that others left, taken over into ours, and on the disk there before theirs are done with.

    Raises OSError; then they are as they were, for the next start.
    """
    orphans = list(orphans)
    entries = [entry for journal in orphans for entry in journal.entries() if type(entry) is not Begun]
    if entries:
        into.append(*entries)
        into.sync()
    for journal in orphans:
        journal.done()
    return entries


def own(orphans: Iterable[JournalFile], ledger: str) -> list[JournalFile]:
    """Those of the orphans that are of this ledger. Those of another that owe it nothing are done with.

    Raises StoreUnavailable, all of them let go of, when one does: it says what to do.
    """
    ours: list[JournalFile] = []
    foreign: list[JournalFile] = []
    for journal in orphans:
        (foreign if ledger_of(journal.entries()) not in (None, ledger) else ours).append(journal)
    owing = [journal for journal in foreign if owed(journal.entries())]
    if owing:
        theirs, names = ledger_of(owing[0].entries()), ", ".join(journal.path.name for journal in owing)
        for journal in (*ours, *foreign):
            journal.close()
        raise StoreUnavailable(
            f"{owing[0].path.parent} holds requests of another database's ledger ({theirs}; the one at"
            f" HYPERINFER_POSTGRES_URL is {ledger}), not settled there yet. Start once more with the address of that"
            f" database; or name another folder with --data; or, when that database is gone, move the files away: {names}"
        )
    for journal in foreign:
        journal.done()
    return ours


def ledger_of(entries: Sequence[Entry]) -> str | None:
    """Whose requests a journal holds, by its head; None for one that does not say."""
    return entries[0].ledger if entries and isinstance(entries[0], Begun) else None


def _sync_folder(folder: Path) -> None:
    """A new name in a folder is on the disk when the folder is."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
