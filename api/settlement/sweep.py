"""What becomes of holds whose owner has not been heard of for a lease. Sans-IO."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping

from hyperinfer.api.settlement.effects import Balance, Commit, DropHold, Effect, Hold, Record


def sweep(
    expired: Iterable[Hold],
    rows: Mapping[str, Balance],
    journaled: Collection[str],
    interrupted: Callable[[Hold], Record],
) -> list[Effect]:
    """What to do about holds that ran out.

    `rows`: those of their requests that have a row, with their workspace's balance, of which the hold store may not have
    heard: only the hold was left. `journaled`: those in a journal within reach,
    whose adoption will settle them. The others end as `interrupted` says; their holds are dropped once that is committed,
    which the next sweep finds. A real record that turns up later takes the place of the interrupted one.
    """
    effects: list[Effect] = []
    for hold in expired:
        if hold.request in rows:
            effects.append(DropHold(hold, balance=rows[hold.request]))
        elif hold.request not in journaled:
            effects.append(Commit(interrupted(hold)))
    return effects
