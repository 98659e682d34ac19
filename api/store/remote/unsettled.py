"""What is known of a request whose row is not in the database."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from hyperinfer.api.settlement.effects import Hold, Record
from hyperinfer.api.store.generations import generation_from_row, unpacked_row

if TYPE_CHECKING:
    from hyperinfer.nodes.ports import Generation


def interrupted(hold: Hold) -> Record:
    """What a request comes to of which only the hold is known."""
    return Record(hold.request, hold.workspace, 0, hold.about, interrupted=True)


def pending_generation(body: bytes) -> Generation:
    """A record that is not in the database yet, as `/generation` shows it."""
    return msgspec.structs.replace(generation_from_row(unpacked_row(body)), status="pending")
