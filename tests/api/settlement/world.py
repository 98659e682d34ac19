"""A world for owners of settlements: a hold store, a database, journals and processes that crash, with messages that are
lost, late, doubled and out of order. Everything that happens is a method, called by whoever plays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from hyperinfer.api.settlement.effects import (
    Admit,
    Append,
    Balance,
    Commit,
    DropHold,
    Effect,
    End,
    Entry,
    Hold,
    KeepHold,
    Record,
    Refuse,
    RenewLeases,
    Sync,
    TakeHold,
)
from hyperinfer.api.settlement.owed import owed
from hyperinfer.api.settlement.owner import LEASE_SECONDS, Owner
from hyperinfer.api.settlement.sweep import sweep

WORKSPACE = "ws"
CREDITS = 100


def interrupted(hold: Hold) -> Record:
    """The row of a request of which no more is known."""
    return Record(hold.request, hold.workspace, 0, interrupted=True)


@dataclass
class Lease:
    hold: Hold
    until: float


@dataclass
class HoldStore:
    """Redis: empty after a flush, until it is loaded."""

    loaded: bool = True
    epoch: int = 0
    balance: Balance = field(default_factory=lambda: Balance(WORKSPACE, CREDITS, 0))
    holds: dict[str, Lease] = field(default_factory=dict[str, Lease])
    dropped: set[str] = field(default_factory=set[str])

    def take(self, hold: Hold, now: float) -> bool:
        if not self.loaded or hold.request in self.dropped:
            return False
        if hold.request not in self.holds:
            if self.balance.amount - sum(lease.hold.amount for lease in self.holds.values()) <= 0:
                return False
            self.holds[hold.request] = Lease(hold, now + LEASE_SECONDS)
        return True

    def keep(self, hold: Hold, now: float) -> None:
        if hold.request not in self.dropped:
            self.holds[hold.request] = Lease(hold, now + LEASE_SECONDS)

    def drop(self, effect: DropHold) -> None:
        self.dropped.add(effect.hold.request)
        self.holds.pop(effect.hold.request, None)
        if effect.balance is not None and self.loaded and effect.balance.version > self.balance.version:
            self.balance = effect.balance

    def renew(self, effect: RenewLeases, now: float) -> None:
        for hold in effect.holds:
            if hold.request in self.holds:
                self.holds[hold.request].until = now + LEASE_SECONDS

    def flush(self) -> None:
        self.loaded = False
        self.holds.clear()
        self.dropped.clear()


@dataclass
class Database:
    """Postgres: what it has committed stays. `ledger`: each movement of the balance."""

    rows: dict[str, Record] = field(default_factory=dict[str, Record])
    ledger: list[tuple[str, int]] = field(default_factory=list[tuple[str, int]])
    balance: Balance = field(default_factory=lambda: Balance(WORKSPACE, CREDITS, 0))

    def commit(self, record: Record) -> Balance:
        known = self.rows.get(record.request)
        if known is None or (known.interrupted and not record.interrupted):
            cost = record.cost - (known.cost if known is not None else 0)
            self.rows[record.request] = record
            self.ledger.append((record.request, -cost))
            self.balance = Balance(WORKSPACE, self.balance.amount - cost, self.balance.version + 1)
        return self.balance


@dataclass(eq=False)
class Journal:
    """One file. `synced`: so many entries are on the disk; the others are only in the kernel's memory. `torn`: ends in a
    part of an entry, behind which nothing can be read."""

    entries: list[Entry] = field(default_factory=list[Entry])
    synced: int = 0
    torn: bool = False


@dataclass
class Process:
    """A gateway: its machine, its journal, and what its callers have been told. `seen`: the epoch that it last heard of.
    `old`: journals that are kept until the one in use is on the disk."""

    owner: Owner
    journal: Journal
    seen: int
    old: list[Journal] = field(default_factory=list[Journal])
    asking: set[str] = field(default_factory=set[str])
    running: set[str] = field(default_factory=set[str])
    ending: set[str] = field(default_factory=set[str])


class World:
    """All of it. `poison`: requests whose record the database refuses."""

    def __init__(self, processes: int = 2, poison: frozenset[str] = frozenset()) -> None:
        self.now = 0.0
        self.poison = poison
        self.store = HoldStore()
        self.database = Database()
        self.journals: list[Journal] = []
        self.done: list[Journal] = []
        self.flying: list[tuple[Process | None, Effect]] = []
        self.processes: list[Process] = []
        self.admitted: set[str] = set()
        self.seen_end: set[str] = set()
        self.costs: dict[str, int] = {}
        self.unrecorded: set[str] = set()
        self.given_up: set[str] = set()
        self.syncs_fail = self.appends_fail = False
        for _ in range(processes):
            self.start()

    # What a player does #######################################################

    def start(self) -> Process:
        """A process begins, and adopts every journal that nobody owns, if its disk has the room."""
        process = Process(Owner(self.now), Journal(), self.store.epoch)
        orphans = [j for j in self.journals if all(j not in (p.journal, *p.old) for p in self.processes)]
        self.processes.append(process)
        self.journals.append(process.journal)
        for journal in [] if self.appends_fail else orphans:
            # The entries are taken over into its own journal first: only then may the old one go.
            for entry in journal.entries:
                self.perform(process, [Append(entry)])
            process.journal.synced = len(process.journal.entries)
            self.journals.remove(journal)
            self.perform(process, process.owner.adopt(journal.entries, interrupted))
        return process

    def ask(self, process: Process, request: str, amount: int, cost: int) -> None:
        """A client's request arrives."""
        self.costs[request] = cost
        process.asking.add(request)
        self.perform(process, process.owner.admit(Hold(request, WORKSPACE, amount)))

    def give_up(self, process: Process, request: str) -> None:
        """A caller stops waiting for its hold, or ends before anything went upstream."""
        process.asking.discard(request)
        process.running.discard(request)
        self.given_up.add(request)
        self.perform(process, process.owner.give_up(request))

    def finish(self, process: Process, request: str) -> None:
        """The upstream's reply is over."""
        process.running.discard(request)
        process.ending.add(request)
        self.perform(process, process.owner.finish(Record(request, WORKSPACE, self.costs[request])))

    def deliver(self, index: int, *, heard: bool = True) -> None:
        """A message reaches its service; the answer is `heard` or lost."""
        process, effect = self.flying.pop(index)
        answer = self._served(process, effect)
        if process is not None and process in self.processes:
            self.perform(process, answer(process.owner) if heard else self._unheard(process.owner, effect))

    def lose(self, index: int) -> None:
        """A message does not reach its service."""
        process, effect = self.flying.pop(index)
        if process is not None and process in self.processes:
            self.perform(process, self._unheard(process.owner, effect))

    def crash(self, process: Process, *, power: bool = False) -> None:
        """The process is killed; with `power` its machine goes down, and what was not synced is lost."""
        self.processes.remove(process)
        for journal in (process.journal, *process.old):
            if power:
                del journal.entries[journal.synced :]

    def begin_journal_anew(self, process: Process) -> None:
        """A process goes on in a new journal."""
        if not self.appends_fail:
            process.old.append(process.journal)
            process.journal = Journal(process.owner.entries())
            self.journals.append(process.journal)
            process.owner.journal_renewed()

    def trust_journal(self, process: Process) -> None:
        """The new one is brought to the disk, and the old ones go."""
        if self.syncs_fail:
            self.perform(process, process.owner.journal_failed())
            return
        process.journal.synced = len(process.journal.entries)
        for journal in process.old:
            self.journals.remove(journal)
            self.done.append(journal)
        process.old.clear()

    def wait(self, seconds: float) -> None:
        """Time passes; every process gets its tick, and hears of a new epoch."""
        self.now += seconds
        for process in list(self.processes):
            self.perform(process, process.owner.tick(self.now))
            if process.seen != self.store.epoch and self.store.loaded:
                process.seen = self.store.epoch
                self.perform(process, process.owner.holds_lost())

    def load(self) -> None:
        """The hold store begins a new epoch with what the database says."""
        self.store.balance, self.store.loaded = self.database.balance, True
        self.store.epoch += 1

    def sweep(self) -> None:
        """Any process looks for expired holds."""
        expired = [lease.hold for lease in self.store.holds.values() if lease.until <= self.now]
        journaled = {h.request for journal in self.journals for h, _ in owed(journal.entries)}
        rows = dict.fromkeys(self.database.rows, self.database.balance)
        for effect in sweep(expired, rows, journaled, interrupted):
            self.flying.append((None, effect))

    # What follows #############################################################

    def perform(self, process: Process, effects: list[Effect]) -> None:
        """Carries out what needs no answer; puts the rest on its way."""
        for effect in effects:
            match effect:
                case Append(entry):
                    if self.appends_fail:
                        process.journal.torn = True
                        self.perform(process, process.owner.journal_failed())
                    elif not process.journal.torn:
                        process.journal.entries.append(entry)
                case Admit(request):
                    if request in process.asking and not process.owner.broken:
                        process.asking.discard(request)
                        process.running.add(request)
                        self.admitted.add(request)
                    else:
                        self.give_up(process, request)
                case Refuse(request):
                    process.asking.discard(request)
                case End(request, well):
                    assert request in process.ending, "a caller is told twice, or was not waiting"
                    process.ending.discard(request)
                    (self.seen_end if well else self.unrecorded).add(request)
                case TakeHold() | KeepHold() | DropHold() | RenewLeases() | Commit() | Sync():
                    self.flying.append((process, effect))

    def _served(self, process: Process | None, effect: Effect) -> Callable[[Owner], list[Effect]]:
        match effect:
            case TakeHold(hold):
                taken = self.store.take(hold, self.now)
                return lambda o: o.hold_taken(hold.request) if taken else o.hold_refused(hold.request)
            case KeepHold(hold):
                self.store.keep(hold, self.now)
            case DropHold():
                self.store.drop(effect)
                return lambda o: o.hold_dropped(effect.hold.request)
            case RenewLeases():
                self.store.renew(effect, self.now)
            case Commit(record):
                if record.request in self.poison and not record.interrupted:
                    return lambda o: o.rejected(record.request, "poison")
                balance = self.database.commit(record)
                return lambda o: o.committed(record.request, balance)
            case Sync(request):
                assert process is not None
                if self.syncs_fail:
                    return lambda o: o.journal_failed()
                process.journal.synced = len(process.journal.entries)
                return lambda o: o.synced(request)
            case _:
                raise AssertionError(effect)
        return lambda _: []

    @staticmethod
    def _unheard(owner: Owner, effect: Effect) -> list[Effect]:
        match effect:
            case TakeHold(hold):
                return owner.give_up(hold.request)
            case DropHold(hold):
                return owner.drop_failed(hold.request)
            case Commit(record):
                return owner.commit_failed(record.request)
            case _:
                return []

    def settle_another(self) -> None:
        """One more request ends, and everything that it sends arrives."""
        process = self.start()
        self.costs["last"] = 0
        process.ending.add("last")
        self.perform(process, process.owner.finish(Record("last", WORKSPACE, 0)))
        while self.flying:
            self.deliver(0)

    def heal(self) -> None:
        """Every service is back, every message arrives, every process that died is started again and every reply ends."""
        self.syncs_fail = self.appends_fail = False
        if not self.store.loaded:
            self.load()
        if not self.processes:
            self.start()
        for _ in range(12):
            for process in list(self.processes):
                for request in list(process.running):
                    self.finish(process, request)
            while self.flying:
                self.deliver(0)
            self.wait(LEASE_SECONDS / 2)
            for process in list(self.processes):
                if process.owner.broken or process.old:
                    self.begin_journal_anew(process)
                    self.trust_journal(process)
            self.start()
            self.sweep()
        while self.flying:
            self.deliver(0)
