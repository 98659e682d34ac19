"""The journal that a process writes: a file, what brings it to the disk, and a new file when it has become large.

The new one holds what is owed at that moment; the old one is done with when the new one is on the disk. Whoever adopts both
after a crash in between reads the old one first, and finds in the new one what became of it. A journal that failed is gone
on with in the same way: what a failed write or sync has left in the old one does not matter to the new one.
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
        self._left: list[Entry] = []

    @property
    def large(self) -> bool:
        """Whether it is time for `begin_anew`."""
        return self.file.size >= self._begin_anew_at and not self._turning

    def append(self, *entries: Entry) -> None:
        """See `JournalFile`. What is done is written with what comes next: lost with the process, it is made up for by a
        repeat that changes nothing. Raises OSError."""
        self._left += entries
        if len(self._left) <= DONE_AT_ONCE and all(type(entry) is Done for entry in entries):
            return
        left, self._left = self._left, []
        self.file.append(*left)

    async def sync(self) -> None:
        """See `Syncer`: all that was appended before is on the disk, but for what is done. Raises SyncFailed."""
        await self._syncer.sync()

    def begin_anew(self, owed: Iterable[Entry]) -> bool:
        """Goes on in a new file that begins with what is owed now; `trust` comes next. False when it could not be begun, or
        the last one is not trusted yet: a large one is tried again when it has grown as much again.
        """
        self._begin_anew_at = self.file.size + self._large
        if self._closed or self._turning:
            return False
        try:
            new = self._folder.begin(self._now(), *owed)
        except StoreUnavailable as error:
            log.error("%s", error)
            return False
        self._left.clear()  # the new one does not begin with them
        self._old.append((self.file, self._syncer))
        self._begin_anew_at = new.size + self._large
        self.file, self._syncer, self._turning = new, Syncer(new), True
        return True

    async def trust(self) -> None:
        """Brings the new file to the disk, and is done with the old one. Raises SyncFailed: the new one cannot be trusted,
        and the old one is kept."""
        try:
            await self._syncer.sync()
            while self._old:
                file, syncer = self._old[0]
                await syncer.close_in_turn()
                del self._old[0]
                retire(file)
        finally:
            self._turning = False

    async def close(self) -> None:
        """Ends what brings it to the disk."""
        self._closed = True
        for syncer in (*(syncer for _, syncer in self._old), self._syncer):
            await syncer.close()

    def let_go(self, *, owing: bool) -> None:
        """The end: for whoever starts next when something is still `owing`, else done with."""
        if owing and self._left:
            with suppress(OSError):
                self.file.append(*self._left)
        for file in (*(file for file, _ in self._old), self.file):
            if owing:
                file.close()
            else:
                retire(file)


def retire(file: JournalFile) -> None:
    """Nothing in it is owed any more; lets go of it."""
    try:
        file.done()
    except OSError as error:  # whoever adopts it repeats what changes nothing
        log.error("%s cannot be renamed: %s", file.path, error)
