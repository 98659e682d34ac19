"""What a journal says is still owed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hyperinfer.api.settlement.effects import Admitted, Begun, Done, Entry, Hold, Quarantined, Record, Settled

if TYPE_CHECKING:
    from collections.abc import Iterable


def owed(entries: Iterable[Entry]) -> list[tuple[Hold, Record | None]]:
    """All of it, in the order in which it was written: a hold with its record, or None where only
    the admission is known."""
    found: dict[str, tuple[Hold, Record | None]] = {}
    for entry in entries:
        match entry:
            case Admitted(hold):
                found.setdefault(hold.request, (hold, None))
            case Settled(record):
                hold, _ = found.get(record.request, (hold_of(record, record.cost), None))
                found[record.request] = (hold, record)
            case Done(request) | Quarantined(request):
                found.pop(request, None)
            case Begun():
                pass
    return list(found.values())


def hold_of(record: Record, amount: int) -> Hold:
    """The hold of a record whose admission is not known."""
    return Hold(record.request, record.workspace, amount, record.body)
