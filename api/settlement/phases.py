"""The phases of one request's settlement as a table: `hyperinfer diagram settlement` draws it.

What decides is `owner.py`. tests/api/settlement/test_phases.py drives it through every phase, and holds this table to what
it does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from hyperinfer.api.settlement.owner import Phase

REFUSED: Final = "not let in"
OVER: Final = "nothing is owed"
LAST: Final = (REFUSED, OVER)

_WELL: Final = "the row is there"
_NEVER: Final = "the database never takes it"

STEPS: Final[Mapping[tuple[str, str], str]] = {
    (phase.value, event): after.value if isinstance(after, Phase) else after
    for phase, event, after in (
        (Phase.ASKING, "a hold", Phase.HELD),
        (Phase.ASKING, "no hold", REFUSED),
        (Phase.ASKING, "given up", Phase.DROPPING),
        (Phase.HELD, "given up", Phase.DROPPING),
        (Phase.HELD, "the reply is over", Phase.COMMITTING),
        (Phase.COMMITTING, _WELL, Phase.DROPPING),
        (Phase.COMMITTING, _NEVER, Phase.DROPPING),
        (Phase.COMMITTING, "late", Phase.SYNCING),
        (Phase.COMMITTING, "late, and no journal", Phase.UNRECORDED),
        (Phase.SYNCING, _WELL, Phase.DROPPING),
        (Phase.SYNCING, _NEVER, Phase.DROPPING),
        (Phase.SYNCING, "synced", Phase.JOURNALED),
        (Phase.SYNCING, "the journal fails", Phase.UNRECORDED),
        (Phase.JOURNALED, _WELL, Phase.DROPPING),
        (Phase.JOURNALED, _NEVER, Phase.DROPPING),
        (Phase.UNRECORDED, _WELL, Phase.DROPPING),
        (Phase.UNRECORDED, _NEVER, Phase.DROPPING),
        (Phase.DROPPING, "the hold is gone", OVER),
    )
}
"""{(phase, what is heard): next phase}. What is not in it changes nothing."""

CLIENT: Final[Mapping[Phase, str]] = {
    Phase.ASKING: "waits",
    Phase.HELD: "reads",
    Phase.COMMITTING: "waits for the last bytes",
    Phase.SYNCING: "waits for the last bytes",
    Phase.JOURNALED: "has the end",
    Phase.UNRECORDED: "is told that it was not recorded",
    Phase.DROPPING: "has the end",
}
"""What the client sees meanwhile."""
