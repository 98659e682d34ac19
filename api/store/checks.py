"""What administration refuses, in whichever store: the checks of what is asked against what is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hyperinfer.api.store.errors import Refused
from hyperinfer.api.store.keys import check_name
from hyperinfer.nodes.money import PICO_LIMIT, pico_to_usd_text

if TYPE_CHECKING:
    from hyperinfer.api.store.records import KeyRecord, WorkspaceRecord


def check_new_workspace(name: str, credits: int) -> str:
    """The name without blanks around it. Raises Refused for what is no name, or no amount of first credits (pico-USD)."""
    name = check_name(name, "workspace")
    if name.startswith("ws_"):
        raise Refused("invalid", "a workspace's name cannot begin like an id, with 'ws_'")
    if not 0 <= credits <= PICO_LIMIT:
        raise Refused("invalid", "the credits must be between 0 and 9000000 USD")
    return name


def check_topup(record: WorkspaceRecord, amount: int) -> None:
    """Raises Refused for an amount (pico-USD) that cannot be added to the balance, or taken from it."""
    if amount == 0:
        raise Refused("invalid", "the amount is 0")
    balance = f"the balance of '{record.name}' is {pico_to_usd_text(record.balance)} USD"
    if amount < 0 and record.balance + amount < 0:
        raise Refused("invalid", f"{balance}: no more than that can be taken away")
    if amount > PICO_LIMIT or record.balance + amount > PICO_LIMIT:
        raise Refused("invalid", f"{balance}, and cannot be more than 9000000 USD")


def check_enable(record: KeyRecord) -> None:
    """Raises Refused for a key that stays away for good."""
    if record.revoked_at is not None:
        raise Refused("invalid", f"the key {record.id} is revoked for good")
