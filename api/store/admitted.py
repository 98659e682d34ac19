"""Which requests are under way, on the disk: for the embedded store, whose holds die with its process.

Each admission is written to a journal, without waiting for the disk, and so is its end. What a process that was killed had
admitted and not ended is interrupted by the next start: so every admitted request ends with a row.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Final, Self, final

import trio

from hyperinfer.api.settlement.effects import Admitted, Done, Entry, Hold
from hyperinfer.api.settlement.owed import owed
from hyperinfer.api.store.errors import StoreUnavailable
from hyperinfer.api.store.generations import packed_generation, unpacked_generation
from hyperinfer.api.store.journal import JournalFolder, adopt
from hyperinfer.nodes.ports import SettlementRejected

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

    from hyperinfer.api.store.journal import JournalFile
    from hyperinfer.nodes.ports import Admission, Generation

log = logging.getLogger("hyperinfer.ledger")

MOST_BYTES: Final = 16 * 1024 * 1024
"""A journal that has grown by this is begun anew with what is still under way."""
AGAIN_SECONDS: Final = 1.0
"""One that failed is begun anew after so long, and again."""


@final
class AdmittedJournal:
    """The journal of one process. Made by `open`."""

    def __init__(self, folder: JournalFolder, journal: JournalFile, left: list[Entry], now: Callable[[], float]) -> None:
        self._folder, self._journal, self._left, self._now = folder, journal, left, now
        self._under_way: dict[str, Hold] = {}
        self._over: list[Entry] = []
        self._begin_anew_at = MOST_BYTES
        self._failed = trio.Event()

    @classmethod
    @asynccontextmanager
    async def open(cls, path: Path, now: Callable[[], float]) -> AsyncGenerator[Self]:
        """The journal in a folder, for as long as the block runs. now: unix seconds. Raises StoreUnavailable."""
        folder = JournalFolder(path)
        folder.create()
        folder.forget(now())
        journal = folder.begin(now())
        admitted = cls(folder, journal, adopt(folder.orphans(), journal), now)
        async with trio.open_nursery() as upkeep:
            upkeep.start_soon(admitted._mend)
            try:
                yield admitted
            finally:
                upkeep.cancel_scope.cancel()
                admitted._close()

    @property
    def broken(self) -> bool:
        """Whether it cannot be written, so that nothing is admitted. A new one is begun as soon as that is possible."""
        return self._failed.is_set()

    async def interrupt(self, settle: Callable[[Generation], Awaitable[None]]) -> None:
        """Settles what earlier processes left: as interrupted, where they have no row."""
        left, self._left = self._left, []
        for hold, _ in owed(left):
            log.warning("%s was under way when the gateway ended; it is interrupted", hold.request)
            try:
                await settle(unpacked_generation(hold.about))
            except SettlementRejected as error:  # of another store that was here
                log.error("it cannot have a row: %s", error)

    def admit(self, admission: Admission) -> bool:
        """Writes that a request is let in. False when that is not possible: then nothing may be."""
        row = admission.interrupted
        hold = Hold(row.id, row.workspace, admission.hold, packed_generation(row))
        if not self._write(*self._over, Admitted(hold)):
            return False
        self._over.clear()
        self._under_way[row.id] = hold
        if self._journal.size > self._begin_anew_at:
            self._begin_anew()
        return True

    def over(self, request: str) -> None:
        """A request has its row, or needs none. Written with the next admission: a repeat of its row does no harm."""
        if self._under_way.pop(request, None) is not None:
            self._over.append(Done(request))

    def _write(self, *entries: Entry) -> bool:
        if self.broken:
            return False
        try:
            self._journal.append(*entries)
        except OSError as error:
            self._failed.set()
            log.critical("the journal of admitted requests cannot be written, so none is admitted: %s", error)
            return False
        return True

    async def _mend(self) -> None:
        while True:
            await self._failed.wait()
            await trio.sleep(AGAIN_SECONDS)
            if self._begin_anew():
                self._failed = trio.Event()
                log.warning("there is a new journal of admitted requests, they are admitted again")

    def _begin_anew(self) -> bool:
        try:
            new = self._folder.begin(self._now(), *(Admitted(hold) for hold in self._under_way.values()))
        except StoreUnavailable as error:
            self._begin_anew_at = self._journal.size + MOST_BYTES
            log.error("%s", error)
            return False
        old, self._journal = self._journal, new
        self._begin_anew_at = new.size + MOST_BYTES
        self._over.clear()
        with suppress(OSError):  # then the next start finds nothing in it but what has its row
            old.remove()
        return True

    def _close(self) -> None:
        if self._over:
            self._write(*self._over)
        if self._under_way or self.broken:
            self._journal.close()
        else:
            self._journal.remove()
