"""The settlement of all requests of one process. Sans-IO: every method returns the effects to be carried out, in order.

A request's life: its hold is asked for (ASKING), taken (HELD); its record is journaled and being committed (COMMITTING);
when that is late the journal is brought to the disk instead (SYNCING), after which the client may see the end all the
same (JOURNALED), or, when even that fails, is told so (UNRECORDED). In each of them a commit that does come settles it;
then only the hold is left to be dropped (DROPPING).

What is not answered is asked again by `tick`. Answers may come late, twice, out of order or never; an answer that says
nothing new changes nothing.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable
from typing import Final

from hyperinfer.api.settlement.effects import (
    Admit,
    Admitted,
    Append,
    Balance,
    Commit,
    Done,
    DropHold,
    Effect,
    End,
    Entry,
    Hold,
    KeepHold,
    Quarantined,
    Record,
    Refuse,
    RenewLeases,
    Settled,
    Sync,
    TakeHold,
)
from hyperinfer.api.settlement.owed import hold_of, owed

LEASE_SECONDS: Final = 30.0
"""So long a hold outlives the last word of its owner."""
RENEW_SECONDS: Final = 10.0
"""Two renewals may be lost before a lease runs out."""


class Phase(enum.Enum):
    """Where a request is."""

    ASKING = "asking for a hold"
    HELD = "held"
    COMMITTING = "being committed"
    SYNCING = "being brought to the disk"
    JOURNALED = "on the disk, not committed"
    UNRECORDED = "neither committed nor on the disk in time"
    DROPPING = "settled, its hold being dropped"


_UNSETTLED: Final = frozenset({Phase.COMMITTING, Phase.SYNCING, Phase.JOURNALED, Phase.UNRECORDED})
_WAITED_FOR: Final = frozenset({Phase.COMMITTING, Phase.SYNCING})
"""The phases in which a caller has not been told of the end."""


class _Request:
    __slots__ = ("balance", "committing", "done_later", "dropping", "hold", "journaled", "outdated", "phase", "record")

    def __init__(self, hold: Hold, phase: Phase) -> None:
        self.hold = hold
        self.phase = phase
        self.record: Record | None = None
        self.journaled = self.dropping = False  # dropping: a drop is under way
        self.committing = False  # a commit is under way
        self.outdated = False  # and it is of what was known before
        self.done_later = False  # the journal is told of its end when its hold is dropped
        self.balance: Balance | None = None


class Owner:
    """One process's requests. `now`, where a method takes it: any steady clock, in seconds."""

    def __init__(self, now: float) -> None:
        self._requests: dict[str, _Request] = {}
        self._renewed = now
        self._broken = False

    @property
    def broken(self) -> bool:
        """Whether the journal has failed, and there is no new one yet: nothing new is let in."""
        return self._broken

    @property
    def unsettled(self) -> int:
        """How many records wait to be committed."""
        return len(self.waiting)

    @property
    def waiting(self) -> list[str]:
        """Whose they are."""
        return [r for r, request in self._requests.items() if request.phase in _UNSETTLED]

    @property
    def idle(self) -> bool:
        """Whether nothing is owed to anybody."""
        return not self._requests

    @property
    def quiet(self) -> bool:
        """Whether nothing is under way: what is left has not ended, and will be told if it does."""
        return all(request.phase in (Phase.ASKING, Phase.HELD) for request in self._requests.values())

    def phase(self, request: str) -> Phase | None:
        """Where R is; None when it is not known, or not any more."""
        known = self._requests.get(request)
        return None if known is None else known.phase

    # Admission ################################################################

    def admit(self, hold: Hold) -> list[Effect]:
        """R asks to be let in; R is new."""
        if self._broken:
            return [Refuse(hold.request, broken=True)]
        self._requests[hold.request] = _Request(hold, Phase.ASKING)
        return [TakeHold(hold)]

    def hold_taken(self, r: str) -> list[Effect]:
        """R's hold is there."""
        request = self._requests.get(r)
        if request is None or request.phase is not Phase.ASKING:
            return []
        request.phase = Phase.HELD
        return [Append(Admitted(request.hold)), Admit(r)]

    def hold_refused(self, r: str) -> list[Effect]:
        """R's hold is not to be had."""
        request = self._requests.get(r)
        if request is None or request.phase is not Phase.ASKING:
            return []
        del self._requests[r]
        return [Refuse(r)]

    def give_up(self, r: str) -> list[Effect]:
        """R ends without having gone upstream: its caller left, or stopped waiting for the hold. No row is owed to it."""
        request = self._requests.get(r)
        if request is None or request.phase not in (Phase.ASKING, Phase.HELD):
            return []
        admitted = request.phase is Phase.HELD
        request.phase = Phase.DROPPING
        return [*([Append(Done(r))] if admitted else []), *self._drop(request)]

    # Settlement ###############################################################

    def finish(self, record: Record) -> list[Effect]:
        """R is over, and this is what it came to. A second time it changes nothing. An R that is not known (it was never
        admitted, is settled already, or was given up) is committed all the same: the row decides. So is one that was
        settled as interrupted."""
        request = self._requests.get(record.request)
        if request is None or _has_no_record(request, record):
            request = self._requests[record.request] = _Request(hold_of(record, 0), Phase.HELD)
        if request.phase is not Phase.HELD:
            return []
        request.phase, request.record = Phase.COMMITTING, record
        request.journaled = not self._broken
        return [*([] if self._broken else [Append(Settled(record))]), *self._commit(request)]

    def committed(self, r: str, balance: Balance | None) -> list[Effect]:
        """R's row is there. `balance`: as of that commit."""
        request = self._requests.get(r)
        if request is None or request.phase not in _UNSETTLED:
            return []
        if request.outdated:
            return self._commit(request)
        request.balance = balance
        request.done_later = True
        return [*self._told(request, well=True), *self._drop(request)]

    def rejected(self, r: str, reason: str) -> list[Effect]:
        """The database is well and will not take R's record, now or ever."""
        request = self._requests.get(r)
        if request is None or request.phase not in _UNSETTLED:
            return []
        if request.outdated:
            return self._commit(request)
        told = self._told(request, well=False)
        return [*told, *([] if self._broken else [Append(Quarantined(r, reason))]), *self._drop(request)]

    def commit_failed(self, r: str) -> list[Effect]:
        """The database did not answer, or not with a word about R. It may have committed it."""
        request = self._requests.get(r)
        if request is not None:
            request.committing = False
        return []

    def late(self, r: str) -> list[Effect]:
        """R's commit has not been heard of in time."""
        request = self._requests.get(r)
        if request is None or request.phase is not Phase.COMMITTING:
            return []
        if request.journaled:
            request.phase = Phase.SYNCING
            return [Sync(r)]
        return self._unrecorded(request)

    def synced(self, r: str) -> list[Effect]:
        """All that was written of R is on the disk."""
        request = self._requests.get(r)
        if request is None or request.phase is not Phase.SYNCING or request.record is None:
            return []
        request.phase = Phase.JOURNALED
        request.hold = request.hold.of(request.record.cost)
        return [End(r, well=True), KeepHold(request.hold)]

    def journal_failed(self) -> list[Effect]:
        """The journal could not be written or synced. What it holds cannot be trusted from here on, and a sync that
        failed must not be tried again: the kernel has forgotten which pages were dirty."""
        if self._broken:
            return []
        self._broken = True
        effects: list[Effect] = []
        for request in self._requests.values():
            if request.phase is Phase.COMMITTING:
                request.journaled = False
            elif request.phase is Phase.SYNCING:
                effects += self._unrecorded(request)
        return effects

    def journal_renewed(self) -> None:
        """A new journal, which begins with what `entries` says at this moment, takes the place of one that failed."""
        self._broken = False
        for request in self._requests.values():
            if request.phase is Phase.COMMITTING:
                request.journaled = True

    def hold_dropped(self, r: str) -> list[Effect]:
        """R's hold is gone for good."""
        request = self._requests.get(r)
        if request is None or request.phase is not Phase.DROPPING:
            return []
        del self._requests[r]
        # Not before: a process that ends in between commits again, to no effect, and tells the hold store the balance
        # that it may not have heard.
        return [Append(Done(r))] if request.done_later and not self._broken else []

    def drop_failed(self, r: str) -> list[Effect]:
        """The hold store did not answer."""
        request = self._requests.get(r)
        if request is not None:
            request.dropping = False
        return []

    # Upkeep ###################################################################

    def tick(self, now: float) -> list[Effect]:
        """Asks again for what failed, and renews the leases when that is due. To be called every second or so."""
        effects: list[Effect] = []
        for request in self._requests.values():
            if request.phase in _UNSETTLED and not request.committing:
                effects += self._commit(request)
            elif request.phase is Phase.DROPPING and not request.dropping:
                effects += self._drop(request)
        if now - self._renewed >= RENEW_SECONDS:
            self._renewed = now
            living = tuple(request.hold for request in self._requests.values() if request.phase is not Phase.DROPPING)
            if living:
                effects.append(RenewLeases(living))
        return effects

    def holds_lost(self) -> list[Effect]:
        """The hold store has begun anew, empty: it is told what is held here."""
        return [KeepHold(request.hold) for request in self._requests.values() if _has_hold(request)]

    def adopt(self, entries: Iterable[Entry], interrupted: Callable[[Hold], Record]) -> list[Effect]:
        """Takes over what another process has left in its journal. A request of which only the admission is known ends as
        `interrupted` says. What was quarantined stays so."""
        effects: list[Effect] = []
        for hold, record in owed(entries):
            r = record.request if record is not None else hold.request
            if r in self._requests:
                effects += self._correct(self._requests[r], record)
                continue
            request = self._requests[r] = _Request(hold, Phase.JOURNALED)
            request.record = record or interrupted(hold)
            request.hold = hold.of(request.record.cost)
            if record is not None:
                effects.append(KeepHold(request.hold))
            effects += self._commit(request)
        return effects

    def record(self, r: str) -> Record | None:
        """What R came to, while that is not committed."""
        request = self._requests.get(r)
        return request.record if request is not None and request.phase in _UNSETTLED else None

    def records(self) -> list[Record]:
        """Of all requests."""
        return [record for record in map(self.record, self._requests) if record is not None]

    def entries(self) -> list[Entry]:
        """What a journal that is begun anew has to hold: all that is owed."""
        entries: list[Entry] = []
        for request in self._requests.values():
            if request.record is not None and (request.phase in _UNSETTLED or request.done_later):
                entries += [Admitted(request.hold), Settled(request.record)]
            elif request.phase is Phase.HELD:
                entries.append(Admitted(request.hold))
        return entries

    # Inside ###################################################################

    def _commit(self, request: _Request) -> list[Effect]:
        assert request.record is not None
        request.committing, request.outdated = True, False
        return [Commit(request.record)]

    def _correct(self, request: _Request, record: Record | None) -> list[Effect]:
        """A second journal of the same process knows what the first, adopted before, did not."""
        known = request.record
        if record is None or record.interrupted or known is None or not known.interrupted:
            return []
        request.record, request.hold = record, request.hold.of(record.cost)
        if request.phase is Phase.DROPPING:
            request.phase = Phase.JOURNALED
        elif request.committing:
            request.outdated = True
            return []
        return self._commit(request)

    def _drop(self, request: _Request) -> list[Effect]:
        request.dropping = True
        cost = 0 if request.record is None or request.balance is None else request.record.cost
        return [DropHold(request.hold, cost, request.balance)]

    @staticmethod
    def _told(request: _Request, *, well: bool) -> list[Effect]:
        told: list[Effect] = [End(request.hold.request, well)] if request.phase in _WAITED_FOR else []
        request.phase = Phase.DROPPING
        return told

    def _unrecorded(self, request: _Request) -> list[Effect]:
        request.phase = Phase.UNRECORDED
        return [End(request.hold.request, well=False)]


def _has_no_record(request: _Request, record: Record) -> bool:
    """Whether it was given up, or settled as interrupted, which this record is not."""
    known = request.record
    return request.phase is Phase.DROPPING and (known is None or (known.interrupted and not record.interrupted))


def _has_hold(request: _Request) -> bool:
    return request.phase not in (Phase.ASKING, Phase.DROPPING)
