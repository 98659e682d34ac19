"""The journal's bytes: entries one after the other, each `length, CRC-32, msgpack` (both numbers 4 bytes, big-endian).

A process that is killed, or a machine that goes down, may leave the last entry incomplete; what follows a broken entry
cannot be told apart from noise. So reading stops there, and says how far it came.
"""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING, Final

import msgspec

from hyperinfer.api.settlement.effects import Entry

if TYPE_CHECKING:
    from collections.abc import Iterable

ENTRY_LIMIT: Final = 16 * 1024 * 1024
"""Bytes of one entry; ours have a few hundred. A longer length is damage."""

_HEAD = struct.Struct(">II")
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Entry).decode


def entry_bytes(entry: Entry) -> bytes:
    """One entry as it is appended."""
    payload = _encode(entry)
    return _HEAD.pack(len(payload), zlib.crc32(payload)) + payload


def journal_bytes(entries: Iterable[Entry]) -> bytes:
    """Several of them."""
    return b"".join(map(entry_bytes, entries))


def read_journal(data: bytes) -> tuple[list[Entry], int]:
    """The entries, and how many bytes of `data` they take up: fewer than all where the rest is incomplete or damaged."""
    entries: list[Entry] = []
    at = 0
    view = memoryview(data)
    while at + _HEAD.size <= len(view):
        length, checksum = _HEAD.unpack_from(view, at)
        payload = view[at + _HEAD.size : at + _HEAD.size + length]
        if length > ENTRY_LIMIT or len(payload) < length or zlib.crc32(payload) != checksum:
            break
        try:
            entries.append(_decode(payload))
        except msgspec.DecodeError:
            break
        at += _HEAD.size + length
    return entries, at
