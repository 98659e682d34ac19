"""Holds, bills and balances over Postgres, Redis and a journal: the driver of `settlement.owner`.

Nothing here decides anything about money: it carries out effects, and tells the machine what came of them. A request
waits twice at most for a server: once to be let in, once to be settled. Everything else is sent and heard of later.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Final, final

import trio

from hyperinfer.api.settlement.effects import (
    Admit,
    Append,
    Commit,
    DropHold,
    Effect,
    End,
    Hold,
    KeepHold,
    Record,
    Refuse,
    RenewLeases,
    Sync,
    TakeHold,
)
from hyperinfer.api.settlement.owner import Owner
from hyperinfer.api.store.days import day_of
from hyperinfer.api.store.errors import StoreUnavailable, reason_of
from hyperinfer.api.store.generations import generation_row, packed_row, unpacked_row
from hyperinfer.api.store.remote.bridge import Busy
from hyperinfer.api.store.remote.ending import Ending
from hyperinfer.api.store.remote.operations import drop, drop_of, keep, renew
from hyperinfer.api.store.remote.overdue import Overdue
from hyperinfer.api.store.remote.unsettled import interrupted, pending_generation
from hyperinfer.api.store.syncer import SyncFailed
from hyperinfer.engine.failure import Failure
from hyperinfer.nodes.ports import SettlementRejected
from hyperinfer.nodes.settlement import SETTLE_SECONDS

if TYPE_CHECKING:
    from hyperinfer.api.settlement.effects import Balance, Entry
    from hyperinfer.api.store.days import Day
    from hyperinfer.api.store.remote.admission import Admissions
    from hyperinfer.api.store.remote.holds import Holds
    from hyperinfer.api.store.remote.ledger_journal import LedgerJournal
    from hyperinfer.api.store.remote.rows import Rows
    from hyperinfer.nodes.ports import Admission, Generation, Principal, Rate

log = logging.getLogger("hyperinfer.ledger")

WRITE_SECONDS: Final = 0.02
"""So long what is noted for the journal may wait for others to be written with, where nobody goes on before it is."""
LATE_SECONDS: Final = 1.0
"""So long a commit may take before the journal is brought to the disk instead."""
BEGIN_AGAIN_FIRST: Final = 1.0
"""A journal that failed is begun anew after so long, twice as long when that fails too, and so on."""
BEGIN_AGAIN_MOST: Final = 16.0

AWAY: Final = Failure(
    "internal_error", "The gateway cannot admit requests at the moment; try again in a second.", retry_after=1.0
)
"""Whatever is wrong with a store, to a client."""


@final
class RemoteLedger:
    """The port `Ledger`, and the upkeep that it needs. Made by `store.open_remote`. `clock`: steady, in seconds."""

    def __init__(
        self,
        rows: Rows,
        holds: Holds,
        admissions: Admissions,
        journal: LedgerJournal,
        nursery: trio.Nursery,
        clock: Callable[[], float],
    ) -> None:
        self._rows, self._holds, self._admissions = rows, holds, admissions
        self.journal = journal
        self._nursery, self._clock = nursery, clock
        self.owner = Owner(clock())
        self._endings: dict[str, Ending] = {}
        self._came: dict[str, tuple[str, Day]] = {}  # requests that were asked for: with which key, and when
        self._noted: list[Entry] = []  # for the journal
        self._something_noted = trio.Event()
        self._unkept = False  # a hold could not be put back
        self._doubted = False  # the journal has failed, and no new one is on the disk yet
        self._begin_anew_at, self._again = 0.0, BEGIN_AGAIN_FIRST
        self._heard: trio.Event | None = None  # while somebody waits
        self._late: Overdue[str] = Overdue(LATE_SECONDS, self._is_late)
        self._too_late: Overdue[str] = Overdue(SETTLE_SECONDS - LATE_SECONDS, self._is_too_late)
        nursery.start_soon(self._late.run)
        nursery.start_soon(self._too_late.run)
        nursery.start_soon(self._write_in_time)
        # What a group was told, or is sent, is in the journal before anybody goes on: one write for all.
        holds.actor.after_group = rows.actor.before_group = self.write

    @property
    def recording(self) -> bool:
        """Whether what is admitted can be recorded: not while the journal has failed."""
        return not (self._doubted or self.owner.broken)

    # The port #################################################################

    async def admit(self, admission: Admission) -> Failure | None:
        """See the port."""
        row = generation_row(admission.interrupted)
        if admission.hold < 0:
            raise ValueError("a hold cannot be negative")
        if self.owner.phase(row.id) is not None:
            return None
        hold = Hold(row.id, row.workspace, admission.hold, packed_row(row))
        if not self.recording:
            return AWAY
        self.perform(self.owner.admit(hold))
        self._came[row.id] = row.key_id, day_of(row.created_at)
        try:
            refusal = await self._admissions.take(hold, admission, lambda: self.perform(self.owner.hold_taken(row.id)))
        except (StoreUnavailable, TimeoutError, trio.TooSlowError, Busy) as error:
            log.warning("%s could not be admitted: %s", row.id, reason_of(error))
            self.perform(self.owner.give_up(row.id))
            return AWAY
        except BaseException:
            self.perform(self.owner.give_up(row.id))
            raise
        if refusal is not None:
            self._came.pop(row.id, None)
            self.perform(self.owner.hold_refused(row.id))
            return refusal
        if not self.recording:
            self.perform(self.owner.give_up(row.id))
            return AWAY
        return None

    async def take_rate(self, principal: Principal, rate: Rate) -> Failure | None:
        """See the port."""
        try:
            return await self._admissions.take_rate(principal, rate)
        except (StoreUnavailable, TimeoutError, trio.TooSlowError, Busy) as error:
            log.warning("a rate could not be told: %s", reason_of(error))
            return AWAY

    async def settle(self, generation: Generation) -> None:
        """See the port."""
        ending = self._finish(generation)
        if ending is not None:
            await ending.wait()

    async def record(self, generation: Generation) -> bool:
        """See the port."""
        ending = self._finish(generation)
        return ending is None or await ending.wait_on()

    async def release(self, request_id: str) -> None:
        """See the port."""
        self.perform(self.owner.give_up(request_id))

    def pending(self, request_id: str) -> Generation | None:
        """What a request came to that is over and not in the database yet, as far as this process knows."""
        record = self.owner.record(request_id)
        return None if record is None else pending_generation(record.body)

    def _finish(self, generation: Generation) -> Ending | None:
        """Settles a request; what to wait for, None for nothing."""
        row = generation_row(generation)
        ending = self._endings.get(row.id)
        if ending is None:
            try:
                record = Record(row.id, row.workspace, row.cost, packed_row(row), row.status == "interrupted")
            except (OverflowError, UnicodeEncodeError) as error:
                self.perform(self.owner.give_up(row.id))
                raise SettlementRejected(f"{row.id}: {error}") from error
            effects = self.owner.finish(record)
            if not effects:  # settled already, only its hold is left
                return None
            ending = self._endings[row.id] = Ending(record, row)
            self.perform(effects)
            self._late.begin(row.id)
        return ending

    # Upkeep ###################################################################

    def adopt(self, entries: Iterable[Entry]) -> None:
        """Takes over what others left in their journals."""
        self.perform(self.owner.adopt(entries, interrupted))

    def put_holds_back(self) -> None:
        """Redis has begun anew, or could not be told the last time."""
        self._unkept = False
        self.perform(self.owner.holds_lost())

    def write(self) -> None:
        """Writes what was noted for the journal."""
        if self._noted:
            noted, self._noted = self._noted, []
            try:
                self.journal.append(*noted)
            except OSError as error:
                self.journal_failed(error)

    def tick(self) -> None:
        """To be called every second."""
        if self._unkept:
            self.put_holds_back()
        now = self._clock()
        self.perform(self.owner.tick(now))
        if self.journal.large if self.recording else now >= self._begin_anew_at:
            self._begin_anew(now)

    async def wait_quiet(self) -> None:
        """Until everything that has ended is settled, and its hold dropped."""
        while not self.owner.quiet:
            self._heard = trio.Event()
            await self._heard.wait()
        self._heard = None

    def perform(self, effects: Iterable[Effect]) -> None:
        """Carries effects out. What has an answer tells it to the machine when it comes."""
        for effect in effects:
            match effect:
                case Append(entry):
                    if not self._noted:
                        self._something_noted.set()
                    self._noted.append(entry)
                case Commit(record):
                    self._commit(record)
                case End(request, well):
                    self._tell(request, well)
                case DropHold():
                    self._drop(effect)
                case KeepHold(hold):
                    self._keep(hold)
                case RenewLeases(renewed):
                    self._renew(renewed)
                case Sync(request):
                    self._nursery.start_soon(self._sync, request)
                case TakeHold() | Admit() | Refuse():
                    pass  # by `admit` itself, which waits for the answer
        if self._heard is not None:
            self._heard.set()

    def _commit(self, record: Record) -> None:
        def answered(answer: Balance | Exception) -> None:
            match answer:
                case SettlementRejected():
                    log.error("the settlement of %s was rejected: %s", record.request, answer)
                    if record.request in self._endings:
                        self._endings[record.request].reason = str(answer)
                    self.perform(self.owner.rejected(record.request, str(answer)))
                case Exception():
                    self.perform(self.owner.commit_failed(record.request))
                case balance:
                    self.perform(self.owner.committed(record.request, balance))

        ending = self._endings.get(record.request)
        row = ending.row if ending is not None and ending.record is record else unpacked_row(record.body)
        self._send(lambda: self._rows.actor.post(row, answered), answered)

    def _drop(self, effect: DropHold) -> None:
        request = effect.hold.request

        def answered(answer: object) -> None:
            failed = isinstance(answer, Exception)
            self.perform(self.owner.drop_failed(request) if failed else self.owner.hold_dropped(request))

        came = self._came.pop(request, None)
        operation = drop_of(effect) if came is None else drop(effect, came[0], came[1].name, came[1].month)
        self._send(lambda: self._holds.actor.post_later(operation, answered), answered)

    def _keep(self, hold: Hold) -> None:
        def answered(answer: object) -> None:
            self._unkept |= isinstance(answer, Exception)

        command = keep(hold, unpacked_row(hold.about).key_id)
        self._send(lambda: self._holds.actor.post(command, answered), answered)

    def _renew(self, holds: Iterable[Hold]) -> None:
        for hold in holds:
            # One that is lost is made up for by the next.
            with suppress(Busy):
                self._holds.actor.post(renew(hold.workspace, hold.request), lambda _: None)

    async def _write_in_time(self) -> None:
        """For what no group comes after: also while the database hangs it survives this process."""
        while True:
            await self._something_noted.wait()
            self._something_noted = trio.Event()
            await trio.sleep(WRITE_SECONDS)
            self.write()

    async def _sync(self, request: str) -> None:
        self.write()
        try:
            await self.journal.sync()
        except SyncFailed as error:
            self.journal_failed(error)
        else:
            self.perform(self.owner.synced(request))

    def journal_failed(self, error: Exception) -> None:
        """It could not be written or brought to the disk: nothing is admitted until there is a new one that can."""
        if not self.owner.broken:
            log.critical("the journal failed, nothing is admitted until there is a new one: %s", error)
        self._doubted = True
        self.perform(self.owner.journal_failed())

    def _begin_anew(self, now: float) -> None:
        if self._doubted:
            self._begin_anew_at, self._again = now + self._again, min(BEGIN_AGAIN_MOST, 2 * self._again)
        if self.journal.begin_anew(self.owner.entries()):
            self._noted.clear()
            self.owner.journal_renewed()
            self._nursery.start_soon(self._trust_journal)

    async def _trust_journal(self) -> None:
        try:
            await self.journal.trust()
        except SyncFailed as error:
            self.journal_failed(error)
            return
        if self._doubted and not self.owner.broken:
            log.warning("there is a new journal, requests are admitted again")
            self._doubted, self._begin_anew_at, self._again = False, 0.0, BEGIN_AGAIN_FIRST

    def _is_late(self, request: str) -> None:
        if request in self._endings:
            self._too_late.begin(request)
            self.perform(self.owner.late(request))

    def _is_too_late(self, request: str) -> None:
        if request in self._endings:
            self._endings[request].give_up()

    def _tell(self, request: str, well: bool) -> None:
        ending = self._endings.pop(request, None)
        if ending is not None:
            ending.tell(well=well)

    @staticmethod
    def _send(post: Callable[[], None], answered: Callable[[Exception], None]) -> None:
        try:
            post()
        except Busy as error:
            answered(error)
