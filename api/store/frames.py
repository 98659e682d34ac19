"""Length-prefixed frames: four bytes of big-endian length, then that many bytes. Sans-IO."""

from __future__ import annotations

import struct
from collections import deque
from typing import Final

FRAME_LIMIT: Final = 64 * 1024 * 1024
"""Nothing that we send comes near it; a longer length means that the two sides are out of step."""

_LENGTH = struct.Struct(">I")


class FrameTooLong(Exception):
    """The peer announced a frame beyond the limit."""


def frame(payload: bytes) -> bytes:
    """The payload with its length in front."""
    return _LENGTH.pack(len(payload)) + payload


class FrameReader:
    """Collects bytes, gives out whole payloads in order. Buffers at most one incomplete frame beside them."""

    def __init__(self, limit: int = FRAME_LIMIT) -> None:
        self._limit = limit
        self._buffer = bytearray()
        self._payloads: deque[bytes] = deque()

    def __len__(self) -> int:
        return len(self._payloads)

    def feed(self, data: bytes) -> None:
        """Take in what was read. Raises FrameTooLong; the reader is of no use after that."""
        buffer = self._buffer
        buffer += data
        start = 0
        while len(buffer) - start >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(buffer, start)
            if length > self._limit:
                raise FrameTooLong(f"a frame of {length} bytes; the limit is {self._limit}")
            end = start + _LENGTH.size + length
            if end > len(buffer):
                break
            self._payloads.append(bytes(buffer[start + _LENGTH.size : end]))
            start = end
        del buffer[:start]

    def take(self, most: int) -> list[bytes]:
        """At most that many payloads, oldest first."""
        return [self._payloads.popleft() for _ in range(min(most, len(self._payloads)))]
