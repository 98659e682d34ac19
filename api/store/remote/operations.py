"""What requests do to the holds of their workspace, as one script carries it out: see `redis/operations.lua`."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

import msgspec

from hyperinfer.api.settlement.owner import LEASE_SECONDS
from hyperinfer.api.store.days import day_of
from hyperinfer.api.store.generations import unpacked_row
from hyperinfer.api.store.remote.scripts import Command, bucket_key, counters_key, workspace_keys

if TYPE_CHECKING:
    from hyperinfer.api.settlement.effects import DropHold, Hold

Value = str | int | float | msgspec.Raw
"""What MessagePack in Redis can read: it has no type for bytes. Money goes as text, as Lua's numbers end at 2^53."""

_packed = msgspec.msgpack.Encoder().encode
_length = struct.Struct(">BI").pack
_TEXT_32: Final = 0xDB
"""The type of a text of up to 2^32 bytes. (MessagePack, formats: str family.)"""


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
    limits = ["" if limit is None else str(limit) for limit in (terms.daily, terms.monthly, terms.total)]
    of_hold: tuple[Value, ...] = (epoch, hold.request, str(hold.amount), terms.key, _text(hold.about))
    return Operation(
        "take",
        hold.workspace,
        terms.key,
        (*of_hold, terms.seconds_per_token, terms.burst, terms.day, terms.month, *limits),
    )


def rate(epoch: str, workspace: str, key: str, seconds_per_token: float, burst: int) -> Operation:
    """Uses up a token for a request that holds nothing."""
    return Operation("rate", workspace, key, (epoch, seconds_per_token, burst))


def keep(hold: Hold, key: str) -> Operation:
    """Puts a hold (back), whatever the balance."""
    return Operation("keep", hold.workspace, key, (hold.request, str(hold.amount), key, _text(hold.about)))


def drop(dropped: DropHold, key: str, day: str, month: str) -> Operation:
    """Gives a hold back for good, and counts what was spent: by whom and when."""
    hold, balance = dropped.hold, dropped.balance
    known = ("", "") if balance is None else (str(balance.amount), str(balance.version))
    return Operation("drop", hold.workspace, key, (hold.request, str(dropped.cost), day, month, *known))


def drop_of(effect: DropHold) -> Operation:
    """The operation on Redis, for the key and the day that the hold is of."""
    row = unpacked_row(effect.hold.about)
    day = day_of(row.created_at)
    return drop(effect, row.key_id, day.name, day.month)


def renew(workspace: str, request: str) -> Operation:
    """A hold has a living owner."""
    return Operation("renew", workspace, "", (request,))


def together(operations: Sequence[Operation]) -> Command:
    """One command for operations of one workspace, in their order; its answer is to be taken `apart`."""
    workspace = operations[0].workspace
    names = tuple({operation.key for operation in operations})
    keys = [*workspace_keys(workspace)]
    for name in names:
        keys += (bucket_key(workspace, name), counters_key(workspace, name))
    asked = [(operation.name, operation.key, operation.arguments) for operation in operations]
    return Command("operations", tuple(keys), (_packed((LEASE_SECONDS, names, asked)),))


def apart(answer: bytes) -> list[list[bytes]]:
    """The answers of operations that were asked `together`, each in its parts."""
    return [each.split(b":") for each in answer.split(b" ")]


def _text(data: bytes) -> msgspec.Raw:
    """Bytes as a text, which to Lua is the same."""
    return msgspec.Raw(_length(_TEXT_32, len(data)) + data)
