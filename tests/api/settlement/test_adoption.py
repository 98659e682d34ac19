"""Journals that are adopted, and begun anew."""

from __future__ import annotations

import pytest

from hyperinfer.api.settlement.effects import (
    Admitted,
    Balance,
    Commit,
    Done,
    DropHold,
    Entry,
    Hold,
    KeepHold,
    Record,
    Settled,
)
from hyperinfer.api.settlement.owner import Owner
from tests.api.settlement.world import WORKSPACE, interrupted

HOLD = Hold("r", WORKSPACE, 80)
RECORD = Record("r", WORKSPACE, 25)
SHRUNK = Hold("r", WORKSPACE, 25)
BALANCE = Balance(WORKSPACE, 75, 1)


def test_an_adopted_journal_is_settled_from_what_it_says() -> None:
    owner = Owner(0.0)
    entries: list[Entry] = [
        Admitted(HOLD),
        Settled(RECORD),
        Admitted(Hold("r2", WORKSPACE, 5)),
        Admitted(Hold("r3", WORKSPACE, 5)),
        Done("r3"),
    ]
    assert owner.adopt(entries, interrupted) == [
        KeepHold(SHRUNK),
        Commit(RECORD),
        Commit(Record("r2", WORKSPACE, 0, interrupted=True)),
    ]
    assert owner.adopt(entries, interrupted) == []


@pytest.mark.parametrize("heard", ["nothing", "committed", "rejected", "commit_failed"])
def test_what_a_second_journal_knows_takes_the_place_of_an_interruption(heard: str) -> None:
    owner = Owner(0.0)
    owner.adopt([Admitted(HOLD)], interrupted)
    if heard == "commit_failed":
        owner.commit_failed("r")
    elif heard == "committed":
        owner.committed("r", BALANCE)
    effects = owner.adopt([Admitted(HOLD), Settled(RECORD)], interrupted)
    if heard == "nothing":
        effects += owner.committed("r", BALANCE)  # of the interruption
    elif heard == "rejected":
        effects += owner.rejected("r", "poison")
    assert effects == [Commit(RECORD)]
    assert owner.adopt([Admitted(HOLD)], interrupted) == []
    assert owner.committed("r", BALANCE) == [DropHold(SHRUNK, 25, BALANCE)]


def test_a_journal_that_is_begun_anew_says_what_is_owed() -> None:
    owner = Owner(0.0)
    for r in ("held", "ended", "asking", "over"):
        owner.admit(Hold(r, WORKSPACE, 5))
        if r != "asking":
            owner.hold_taken(r)
    owner.finish(Record("ended", WORKSPACE, 7))
    owner.finish(Record("over", WORKSPACE, 7))
    owner.committed("over", BALANCE)
    assert not owner.quiet
    assert owner.record("ended") == Record("ended", WORKSPACE, 7)
    assert owner.record("over") is None
    entries = owner.entries()
    assert entries == [
        Admitted(Hold("held", WORKSPACE, 5)),
        Admitted(Hold("ended", WORKSPACE, 5)),
        Settled(Record("ended", WORKSPACE, 7)),
        Admitted(Hold("over", WORKSPACE, 5)),
        Settled(Record("over", WORKSPACE, 7)),
    ], "of one that is over the hold store has not heard"
    taken_over = Owner(0.0)
    taken_over.adopt(entries, interrupted)
    assert taken_over.record("ended") == owner.record("ended")
    assert taken_over.record("held") == Record("held", WORKSPACE, 0, interrupted=True)
