"""Settlement holds its promises whatever is lost, late, doubled, out of order or killed, at any moment."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hyperinfer.api.settlement.effects import (
    Admit,
    Append,
    Balance,
    Commit,
    Done,
    DropHold,
    Effect,
    End,
    Hold,
    KeepHold,
    Quarantined,
    Record,
    Refuse,
    RenewLeases,
    Settled,
    Sync,
)
from hyperinfer.api.settlement.owner import LEASE_SECONDS, RENEW_SECONDS, Owner, Phase
from tests.api.settlement.world import CREDITS, WORKSPACE, World


class Play:
    """A run of a world, its moves chosen by a source of numbers. `power`: machines go down too. `flushes`: the hold store
    is emptied. Never both: what only the two of them together know would be lost, and is not promised. `full`: disks are
    full at times, and journals begun anew."""

    def __init__(self, choose: Random, *, power: bool, flushes: bool, poison: bool, full: bool = False) -> None:
        self.world = World(poison=frozenset({"r2"}) if poison else frozenset())
        self.choose, self.power, self.flushes, self.full = choose, power, flushes, full
        self.asked = 0

    def run(self, moves: int) -> World:
        for _ in range(moves):
            self.move()
            self.check_always()
        self.world.heal()
        if self.power:
            # A journal that was lost with its machine may have been the only one to know that a commit was not heard of:
            # the hold store has an older balance then, until the next commit of its workspace.
            self.world.settle_another()
        self.check_healed()
        return self.world

    def move(self) -> None:
        world, choose = self.world, self.choose
        if self.full and choose.random() < 0.1:
            self.move_journal()
            return
        kind = choose.random()
        if world.flying and kind < 0.55:
            index = choose.randrange(len(world.flying))
            outcome = choose.random()
            if outcome < 0.7:
                world.deliver(index)
            elif outcome < 0.85:
                world.deliver(index, heard=False)
            else:
                world.lose(index)
            return
        process = choose.choice(world.processes) if world.processes else world.start()
        if kind < 0.70:
            self.asked += 1
            world.ask(process, f"r{self.asked}", choose.choice([0, 1, 30, 80]), choose.choice([0, 1, 25, 120]))
        elif kind < 0.80 and process.running:
            world.finish(process, choose.choice(sorted(process.running)))
        elif kind < 0.84 and process.ending:
            world.perform(process, process.owner.late(choose.choice(sorted(process.ending))))
        elif kind < 0.87 and process.asking | process.running:
            world.give_up(process, choose.choice(sorted(process.asking | process.running)))
        elif kind < 0.93:
            world.wait(choose.choice([1.0, RENEW_SECONDS, LEASE_SECONDS + 1]))
        elif kind < 0.95:
            world.crash(process, power=self.power and choose.random() < 0.5)
        elif kind < 0.97:
            world.sweep()
        elif kind < 0.98:
            world.syncs_fail = not world.syncs_fail
        elif self.flushes and world.store.loaded:
            world.store.flush()
        elif not world.store.loaded:
            world.load()

    def move_journal(self) -> None:
        world, choose = self.world, self.choose
        process = choose.choice(world.processes) if world.processes else world.start()
        kind = choose.random()
        if kind < 0.2:
            world.appends_fail = not world.appends_fail
        elif kind < 0.6 and (process.owner.broken or kind < 0.25):
            world.begin_journal_anew(process)
        elif process.old:
            world.trust_journal(process)

    def check_always(self) -> None:
        database = self.world.database
        moved: dict[str, int] = {}
        for request, amount in database.ledger:
            moved[request] = moved.get(request, 0) + amount
        assert moved == {request: -record.cost for request, record in database.rows.items()}
        assert database.balance.amount == CREDITS - sum(record.cost for record in database.rows.values())
        for request in self.world.seen_end:
            record = self.world.database.rows.get(request)
            # Nobody adopts one that is done with; a person who looks for a record that was refused finds it there.
            journals = [*self.world.journals, *(self.world.done if request in self.world.poison else [])]
            assert record is not None or any(_journaled([*j.entries], request) for j in journals)

    def check_healed(self) -> None:
        world = self.world
        rows = world.database.rows
        assert not world.store.holds, "a hold outlived its lease"
        assert all(process.owner.idle and not process.ending for process in world.processes)
        assert world.store.balance.amount == world.database.balance.amount
        owed = world.admitted - world.given_up - world.poison
        assert owed <= set(rows), "an admitted request has no row"
        for request in world.seen_end - world.poison:
            assert (rows[request].interrupted, rows[request].cost) == (False, world.costs[request])
        kept = {e.request for j in world.journals for e in j.entries if isinstance(e, Quarantined)}
        kept |= {e.record.request for j in world.done for e in j.entries if isinstance(e, Settled)}
        assert world.seen_end & world.poison <= kept, "a record that was refused late is kept nowhere"
        for request, record in rows.items():
            assert record.cost == (0 if record.interrupted else world.costs[request])


def _journaled(entries: list[object], request: str) -> bool:
    return any(getattr(getattr(entry, "record", None), "request", None) == request for entry in entries)


@settings(max_examples=1500)
@given(seed=st.integers(0, 2**32), power=st.booleans(), poison=st.booleans(), full=st.booleans(), moves=st.integers(20, 250))
@example(seed=441, power=False, poison=True, full=False, moves=73)  # refused late by a process whose journal had failed
@example(
    seed=749, power=False, poison=False, full=False, moves=86
)  # a commit heard of, and a hold store that was emptied meanwhile
def test_the_promises_hold(seed: int, power: bool, poison: bool, full: bool, moves: int) -> None:
    Play(Random(seed), power=power, flushes=not power, poison=poison, full=full).run(moves)


HOLD = Hold("r", WORKSPACE, 80)
RECORD = Record("r", WORKSPACE, 25)
SHRUNK = Hold("r", WORKSPACE, 25)
BALANCE = Balance(WORKSPACE, 75, 1)


def _owner(phase: Phase) -> Owner:
    """An owner whose only request is in that phase."""
    owner = Owner(0.0)
    owner.admit(HOLD)
    if phase is Phase.ASKING:
        return owner
    owner.hold_taken("r")
    if phase is Phase.HELD:
        return owner
    owner.finish(RECORD)
    if phase is Phase.DROPPING:
        owner.committed("r", BALANCE)
    elif phase is not Phase.COMMITTING:
        owner.late("r")
        if phase is Phase.JOURNALED:
            owner.synced("r")
        elif phase is Phase.UNRECORDED:
            owner.journal_failed()
    assert owner.phase("r") is phase
    return owner


HEARD: dict[str, Callable[[Owner], list[Effect]]] = {
    "hold_taken": lambda owner: owner.hold_taken("r"),
    "hold_refused": lambda owner: owner.hold_refused("r"),
    "give_up": lambda owner: owner.give_up("r"),
    "finish": lambda owner: owner.finish(RECORD),
    "committed": lambda owner: owner.committed("r", BALANCE),
    "rejected": lambda owner: owner.rejected("r", "poison"),
    "commit_failed": lambda owner: owner.commit_failed("r"),
    "late": lambda owner: owner.late("r"),
    "synced": lambda owner: owner.synced("r"),
    "journal_failed": lambda owner: owner.journal_failed(),
    "hold_dropped": lambda owner: owner.hold_dropped("r"),
    "drop_failed": lambda owner: owner.drop_failed("r"),
}


@pytest.mark.parametrize("phase", Phase)
@pytest.mark.parametrize("first", HEARD)
def test_a_caller_is_told_once_whatever_is_heard(phase: Phase, first: str) -> None:
    for second in HEARD:
        owner = _owner(phase)
        effects = HEARD[first](owner)
        if second == "finish" and owner.phase("r") is None:
            continue  # a new settlement, and a new caller to be told
        effects += [*HEARD[second](owner), *owner.committed("r", BALANCE), *owner.hold_dropped("r")]
        told = [effect for effect in effects if isinstance(effect, End | Refuse | Admit)]
        assert len(told) == len({type(effect) for effect in told}), second
        if phase not in (Phase.ASKING, Phase.HELD, Phase.COMMITTING, Phase.SYNCING):
            assert told == [], second


@pytest.mark.parametrize("phase", Phase)
@pytest.mark.parametrize("heard", HEARD)
def test_what_is_heard_twice_changes_nothing_the_second_time(phase: Phase, heard: str) -> None:
    owner = _owner(phase)
    HEARD[heard](owner)
    before = owner.phase("r")
    if heard == "finish" and before is None:
        return
    assert HEARD[heard](owner) == []
    assert owner.phase("r") is before


def test_a_late_commit_is_made_up_for_by_the_disk() -> None:
    owner = _owner(Phase.COMMITTING)
    assert owner.late("r") == [Sync("r")]
    assert owner.synced("r") == [End("r", well=True), KeepHold(SHRUNK)]
    assert owner.committed("r", BALANCE) == [DropHold(SHRUNK, 25, BALANCE)]
    assert owner.hold_dropped("r") == [Append(Done("r"))]


def test_without_a_journal_a_late_commit_is_an_error_and_still_a_bill() -> None:
    owner = _owner(Phase.HELD)
    owner.journal_failed()
    assert owner.finish(RECORD) == [Commit(RECORD)]
    assert owner.late("r") == [End("r", well=False)]
    owner.commit_failed("r")
    assert owner.tick(1.0) == [Commit(RECORD)]
    assert owner.committed("r", BALANCE) == [DropHold(HOLD, 25, BALANCE)]


def test_a_journal_that_fails_under_a_sync_tells_its_caller() -> None:
    owner = _owner(Phase.SYNCING)
    assert owner.journal_failed() == [End("r", well=False)]
    assert owner.broken
    assert owner.admit(Hold("r2", WORKSPACE, 1)) == [Refuse("r2", broken=True)]


def test_what_is_asked_of_the_database_is_asked_once_at_a_time() -> None:
    owner = _owner(Phase.COMMITTING)
    assert owner.tick(1.0) == []
    owner.commit_failed("r")
    assert owner.tick(2.0) == [Commit(RECORD)]
    assert owner.tick(3.0) == []


def test_leases_are_renewed_while_anything_is_owed() -> None:
    owner = _owner(Phase.JOURNALED)
    owner.admit(Hold("r2", WORKSPACE, 1))
    assert owner.tick(RENEW_SECONDS - 1) == []
    assert owner.tick(RENEW_SECONDS) == [RenewLeases((SHRUNK, Hold("r2", WORKSPACE, 1)))]
    assert owner.tick(RENEW_SECONDS + 1) == []
    assert owner.tick(2 * RENEW_SECONDS) == [RenewLeases((SHRUNK, Hold("r2", WORKSPACE, 1)))]
    owner.committed("r", BALANCE)
    owner.hold_refused("r2")
    owner.drop_failed("r")
    assert owner.tick(3 * RENEW_SECONDS) == [DropHold(SHRUNK, 25, BALANCE)]


@pytest.mark.parametrize("phase", Phase)
def test_an_empty_hold_store_is_told_what_is_held(phase: Phase) -> None:
    amount = 25 if phase is Phase.JOURNALED else 80
    expected = [] if phase in (Phase.ASKING, Phase.DROPPING) else [KeepHold(Hold("r", WORKSPACE, amount))]
    assert _owner(phase).holds_lost() == expected


def test_a_hold_that_came_after_its_caller_left_is_given_back() -> None:
    owner = _owner(Phase.ASKING)
    assert owner.give_up("r") == [DropHold(HOLD)]
    assert owner.hold_taken("r") == []
    assert owner.hold_dropped("r") == []
    assert owner.idle


def test_a_request_that_was_given_up_and_comes_to_something_all_the_same_is_settled() -> None:
    owner = _owner(Phase.HELD)
    owner.give_up("r")
    assert owner.finish(RECORD) == [Append(Settled(RECORD)), Commit(RECORD)]
    assert owner.hold_dropped("r") == []
    *told, dropped = owner.committed("r", BALANCE)
    assert told[0] == End("r", well=True)
    assert isinstance(dropped, DropHold)
    assert dropped.balance == BALANCE


def test_a_settled_request_is_not_known_any_more_and_a_repeat_is_committed_to_no_effect() -> None:
    owner = _owner(Phase.DROPPING)
    owner.hold_dropped("r")
    assert owner.finish(RECORD) == [Append(Settled(RECORD)), Commit(RECORD)]
