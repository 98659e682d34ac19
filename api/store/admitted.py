"""Which requests are under way, on the disk: for the embedded store, whose holds die with its process.

Each admission is written to a journal, without waiting for the disk, and so is its end. What a process that was killed had
admitted and not ended is interrupted by the next start: so every admitted request ends with a row.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Self, final

from hyperinfer.api.settlement.effects import Admitted, Done, Entry, Hold
from hyperinfer.api.settlement.owner import owed
from hyperinfer.api.store.generations import generation_from_row, generation_row, packed_row, unpacked_row
from hyperinfer.api.store.journal import JournalFolder, adopt

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from hyperinfer.api.store.journal import JournalFile
    from hyperinfer.nodes.ports import Admission, Generation

log = logging.getLogger("hyperinfer.ledger")

MOST_BYTES: Final = 16 * 1024 * 1024
"""A journal that has grown to this is begun anew with what is still under way."""


@final
class AdmittedJournal:
    """The journal of one process. Made by `open`."""

    def __init__(self, folder: JournalFolder, journal: JournalFile, left: list[Entry], now: Callable[[], float]) -> None:
        self._folder, self._journal, self._left, self._now = folder, journal, left, now
        self._under_way: dict[str, Hold] = {}
        self._over: list[Entry] = []
        self._broken = False

    @classmethod
    @contextmanager
    def open(cls, path: Path, now: Callable[[], float]) -> Generator[Self]:
        """The journal in a folder, for as long as the block runs. now: unix seconds. Raises StoreUnavailable."""
        folder = JournalFolder(path)
        folder.create()
        folder.forget(now())
        journal = folder.begin(now())
        admitted = cls(folder, journal, adopt(folder.orphans(), journal), now)
        try:
            yield admitted
        finally:
            admitted._close()

    async def interrupt(self, settle: Callable[[Generation], Awaitable[None]]) -> None:
        """Settles what earlier processes left: as interrupted, where they have no row."""
        left, self._left = self._left, []
        for hold, _ in owed(left):
            log.warning("%s was under way when the gateway ended; it is interrupted", hold.request)
            await settle(generation_from_row(unpacked_row(hold.about)))

    def admit(self, admission: Admission) -> bool:
        """Writes that a request is let in. False when that is not possible: then nothing may be."""
        row = generation_row(admission.interrupted)
        hold = Hold(row.id, row.workspace, admission.hold, packed_row(row))
        if not self._write(*self._over, Admitted(hold)):
            return False
        self._over.clear()
        self._under_way[row.id] = hold
        if self._journal.size > MOST_BYTES:
            self._begin_anew()
        return not self._broken

    def over(self, request: str) -> None:
        """A request has its row, or needs none. Written with the next admission: a repeat of its row does no harm."""
        if self._under_way.pop(request, None) is not None:
            self._over.append(Done(request))

    def _write(self, *entries: Entry) -> bool:
        if not self._broken:
            try:
                self._journal.append(*entries)
            except OSError as error:
                self._broken = True
                log.critical("the journal of admitted requests cannot be written, so none is admitted: %s", error)
        return not self._broken

    def _begin_anew(self) -> None:
        old, self._journal = self._journal, self._folder.begin(self._now())
        if self._write(*(Admitted(hold) for hold in self._under_way.values())):
            old.remove()

    def _close(self) -> None:
        if self._over:
            self._write(*self._over)
        if self._under_way or self._broken:
            self._journal.close()
        else:
            self._journal.remove()
