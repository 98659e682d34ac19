"""What requests do to the holds of their workspace, as one script carries it out: see `redis/operations.lua`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from hyperinfer.api.settlement.owner import LEASE_SECONDS
from hyperinfer.api.store.remote.scripts import Command, bucket_key, counters_key, workspace_keys

if TYPE_CHECKING:
    from hyperinfer.api.settlement.effects import DropHold, Hold

_ARGUMENTS: Final = 12

Value = str | bytes | int | float


class Terms(NamedTuple):
    """What a key is admitted by. Limits: pico-USD, None for none. day, month: of the request, as in `20261125`, `202611`."""

    key: str
    seconds_per_token: float
    burst: int
    day: str
    month: str
    daily: int | None = None
    monthly: int | None = None
    total: int | None = None


class Operation(NamedTuple):
    """One of them, of a workspace and a key."""

    name: Literal["take", "rate", "keep", "drop", "renew"]
    workspace: str
    key: str
    arguments: tuple[Value, ...]


def take(epoch: str, hold: Hold, terms: Terms) -> Operation:
    """Admits a request and takes its hold."""
    limits = ["" if limit is None else limit for limit in (terms.daily, terms.monthly, terms.total)]
    of_hold = (epoch, hold.request, hold.amount, terms.key, hold.about)
    of_key = (terms.seconds_per_token, terms.burst, terms.day, terms.month, *limits)
    return Operation("take", hold.workspace, terms.key, of_hold + of_key)


def rate(epoch: str, workspace: str, key: str, seconds_per_token: float, burst: int) -> Operation:
    """Uses up a token for a request that holds nothing."""
    return Operation("rate", workspace, key, (epoch, seconds_per_token, burst))


def keep(hold: Hold, key: str) -> Operation:
    """Puts a hold (back), whatever the balance."""
    return Operation("keep", hold.workspace, key, (hold.request, hold.amount, key, hold.about))


def drop(dropped: DropHold, key: str, day: str, month: str) -> Operation:
    """Gives a hold back for good, and counts what was spent: by whom and when."""
    hold, balance = dropped.hold, dropped.balance
    known = ("", "") if balance is None else (balance.amount, balance.version)
    return Operation("drop", hold.workspace, key, (hold.request, dropped.cost, day, month, *known))


def renew(workspace: str, request: str) -> Operation:
    """A hold has a living owner."""
    return Operation("renew", workspace, "", (request,))


def together(operations: Sequence[Operation]) -> Command:
    """One command for operations of one workspace, in their order; its answer is the list of theirs."""
    workspace = operations[0].workspace
    keys = [*workspace_keys(workspace)]
    arguments: list[Value] = [LEASE_SECONDS]
    for operation in operations:
        keys += (bucket_key(workspace, operation.key), counters_key(workspace, operation.key))
        arguments.append(operation.name)
        arguments += operation.arguments
        arguments += ("",) * (_ARGUMENTS - len(operation.arguments))
    return Command("operations", tuple(keys), tuple(arguments))
