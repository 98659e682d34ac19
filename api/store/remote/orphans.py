"""Journals that dead processes of this machine left. Whoever starts takes them over, and whoever lives looks for them now
and then: nobody may be able to start while a server is away, and a child may hold a dead process's lock for a while."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, final

from hyperinfer.api.settlement.effects import Begun
from hyperinfer.api.store.errors import StoreUnavailable
from hyperinfer.api.store.journal import adopt, own
from hyperinfer.api.store.remote.ledger_journal import retire
from hyperinfer.api.store.syncer import SyncFailed

if TYPE_CHECKING:
    from hyperinfer.api.store.journal import JournalFile, JournalFolder
    from hyperinfer.api.store.remote.ledger import RemoteLedger
    from hyperinfer.api.store.remote.ledger_journal import LedgerJournal

log = logging.getLogger("hyperinfer.ledger")


@final
class Orphans:
    """`name`: the ledger's, whose journals alone are ours."""

    def __init__(self, folder: JournalFolder, name: str, journal: LedgerJournal, ledger: RemoteLedger) -> None:
        self._folder, self._name, self._journal, self._ledger = folder, name, journal, ledger

    def take_over_first(self, orphans: list[JournalFile]) -> None:
        """At the start, when nothing waits for this thread. Raises OSError."""
        self._ledger.adopt(adopt(orphans, self._journal.file))

    async def take_over(self) -> None:
        """While others are served. Nothing while our own journal has failed."""
        if not self._ledger.recording:
            return
        try:
            orphans = own(self._folder.orphans(), self._name)
        except StoreUnavailable as error:
            log.error("%s", error)
            return
        try:
            entries = [entry for journal in orphans for entry in journal.entries() if type(entry) is not Begun]
            if entries:
                log.warning("took over what was left in %s", ", ".join(journal.path.name for journal in orphans))
                self._journal.file.append(*entries)
                self._ledger.adopt(entries)
                await self._journal.sync()
            while orphans:
                retire(orphans.pop())
        except (OSError, SyncFailed) as error:
            self._ledger.journal_failed(error)
        finally:
            for journal in orphans:  # for the next who looks
                journal.close()
