"""What a worker tells its scribe: bytes to append to a recording, by number. Sans-IO."""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

READY: Final = b"ready"
FAILED: Final = b"failed: "
"""Before the words."""

_HEAD = struct.Struct(">QBH")


class Order(NamedTuple):
    """`name`: of the file, with the first one of a recording. `last`: it is over with this."""

    number: int
    data: bytes
    name: str = ""
    last: bool = False


def order_bytes(order: Order) -> bytes:
    """The payload of a frame."""
    name = order.name.encode()
    return _HEAD.pack(order.number, order.last, len(name)) + name + order.data


def read_order(payload: bytes) -> Order:
    """The same read again."""
    number, last, size = _HEAD.unpack_from(payload)
    begin = _HEAD.size + size
    return Order(number, payload[begin:], payload[_HEAD.size : begin].decode(), bool(last))
