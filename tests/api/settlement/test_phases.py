"""The table of phases is what the machine does, in each phase, with whatever it hears."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from hyperinfer.api.settlement.effects import Hold, Record
from hyperinfer.api.settlement.owner import Owner, Phase
from hyperinfer.api.settlement.phases import CLIENT, LAST, OVER, REFUSED, STEPS

HOLD, RECORD = Hold("r", "w", 5), Record("r", "w", 3)


def late_without_a_journal(owner: Owner) -> None:
    owner.journal_failed()
    owner.late("r")


HEARD: dict[str, Callable[[Owner], object]] = {
    "a hold": lambda owner: owner.hold_taken("r"),
    "no hold": lambda owner: owner.hold_refused("r"),
    "given up": lambda owner: owner.give_up("r"),
    "the reply is over": lambda owner: owner.finish(RECORD),
    "the row is there": lambda owner: owner.committed("r", None),
    "the database never takes it": lambda owner: owner.rejected("r", "why"),
    "late": lambda owner: owner.late("r"),
    "late, and no journal": late_without_a_journal,
    "synced": lambda owner: owner.synced("r"),
    "the journal fails": lambda owner: owner.journal_failed(),
    "the hold is gone": lambda owner: owner.hold_dropped("r"),
}
WAYS: dict[Phase, tuple[str, ...]] = {
    Phase.ASKING: (),
    Phase.HELD: ("a hold",),
    Phase.COMMITTING: ("a hold", "the reply is over"),
    Phase.SYNCING: ("a hold", "the reply is over", "late"),
    Phase.JOURNALED: ("a hold", "the reply is over", "late", "synced"),
    Phase.UNRECORDED: ("a hold", "the reply is over", "late", "the journal fails"),
    Phase.DROPPING: ("a hold", "the reply is over", "the row is there"),
}
"""How a request comes to each phase."""


def come_to(phase: Phase) -> Owner:
    owner = Owner(0.0)
    owner.admit(HOLD)
    for event in WAYS[phase]:
        HEARD[event](owner)
    assert owner.phase("r") is phase
    return owner


@pytest.mark.parametrize("phase", Phase)
@pytest.mark.parametrize("event", HEARD)
def test_each_step_is_in_the_table_and_no_other(phase: Phase, event: str) -> None:
    if (phase, event) == (Phase.SYNCING, "late, and no journal"):
        return  # two events: the first of them is "the journal fails"
    owner = come_to(phase)
    HEARD[event](owner)
    after = owner.phase("r")
    expected = STEPS.get((phase.value, event), phase.value)
    assert expected == (after.value if after is not None else REFUSED if phase is Phase.ASKING else OVER)


def test_the_table_speaks_of_nothing_else() -> None:
    assert {event for _, event in STEPS} == set(HEARD)
    assert {phase for phase, _ in STEPS} == {phase.value for phase in Phase}
    assert set(STEPS.values()) == {phase.value for phase in Phase} - {Phase.ASKING.value} | set(LAST)
    assert set(CLIENT) == set(Phase)
