"""The journal that a process writes: a file, what brings it to the disk, and a new file when it has become large.

The new one holds what is owed at that moment; the old one is done with when the new one is on the disk. Whoever adopts both
after a crash in between reads the old one first, and finds in the new one what became of it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Final, final

from hyperinfer.api.settlement.effects import Done
from hyperinfer.api.store.errors import StoreUnavailable
from hyperinfer.api.store.syncer import Syncer

if TYPE_CHECKING:
    from hyperinfer.api.settlement.effects import Entry
    from hyperinfer.api.store.journal import JournalFile, JournalFolder

log = logging.getLogger("hyperinfer.ledger")

LARGE: Final = 64 * 1024 * 1024
"""Bytes after which a journal is begun anew."""
DONE_AT_ONCE: Final = 64
"""So many requests may be done with before that is written down."""


@final
class LedgerJournal:
    """`now`: unix seconds. `large`: bytes that a file may have beyond those that it began with."""

    def __init__(self, folder: JournalFolder, now: Callable[[], float], large: int = LARGE) -> None:
        self._folder, self._now, self._large = folder, now, large
        self.file = folder.begin(now())
        self._syncer = Syncer(self.file)
        self._begin_anew_at = self.file.size + large
        self._old: list[tuple[JournalFile, Syncer]] = []
        self._turning = self._closed = False
        self._done: list[Entry] = []

    @property
    def large(self) -> bool:
        """Whether it is time for `begin_anew`."""
        return self.file.size >= self._begin_anew_at and not self._turning

    def append(self, entry: Entry) -> None:
        """See `JournalFile`. What is done is written with what comes next: lost with the process, it is made up for by a
        repeat that changes nothing. Raises OSError."""
        if type(entry) is Done and len(self._done) < DONE_AT_ONCE:
            self._done.append(entry)
            return
        done, self._done = self._done, []
        self.file.append(*done, entry)

    async def sync(self) -> None:
        """See `Syncer`: all that was appended before is on the disk, but for what is done. Raises SyncFailed."""
        await self._syncer.sync()

    async def begin_anew(self, owed: Iterable[Entry]) -> None:
        """Goes on in a new file that begins with what is owed now: before the first await, so that no entry is in neither.

        Raises SyncFailed: the new one cannot be trusted, and the old one is kept. One that cannot even be begun is tried
        again later, when the old one has grown as much again.
        """
        self._begin_anew_at = self.file.size + self._large
        new = None if self._closed else self._written(owed)
        if new is None:
            return
        self._done.clear()  # the new one does not begin with them
        old = self.file, self._syncer
        self._begin_anew_at = new.size + self._large
        self.file, self._syncer, self._turning = new, Syncer(new), True
        self._old.append(old)
        try:
            await self._syncer.sync()
            await old[1].close_in_turn()
            self._old.remove(old)
            old[0].done()
        finally:
            self._turning = False

    async def close(self) -> None:
        """Ends what brings it to the disk."""
        self._closed = True
        for syncer in (*(syncer for _, syncer in self._old), self._syncer):
            await syncer.close()

    def let_go(self, *, owing: bool) -> None:
        """The end: for whoever starts next when something is still `owing`, else done with."""
        if owing and self._done:
            with suppress(OSError):
                self.file.append(*self._done)
        for file in (*(file for file, _ in self._old), self.file):
            if owing:
                file.close()
            else:
                file.done()

    def _written(self, owed: Iterable[Entry]) -> JournalFile | None:
        try:
            new = self._folder.begin(self._now())
        except StoreUnavailable as error:
            log.error("%s", error)
            return None
        try:
            new.append(*owed)
        except OSError as error:
            log.error("the journal cannot be begun anew: %s", error)
            new.remove()
            return None
        return new
