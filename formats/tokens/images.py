"""What an image costs: its size in pixels from its first bytes, and the rules by which vendors count."""

from __future__ import annotations

import binascii
import math
from base64 import b64decode
from typing import NamedTuple, Protocol

HEAD = 64 * 1024
"""Bytes of an image that are looked at: a JPEG says its size after its metadata."""

UNKNOWN = (1024, 1024)
"""Width and height of an image that is elsewhere, or that says nothing of its size."""


class ImageRule(Protocol):
    """Tokens of an image. `low`: the caller asked for low detail."""

    def __call__(self, width: int, height: int, *, low: bool) -> int: ...


class Area(NamedTuple):
    """Anthropic: one token for `pixels`, after scaling down to `edge` and to at most `most` tokens (its vision guide)."""

    pixels: int
    edge: int
    most: int

    def __call__(self, width: int, height: int, *, low: bool) -> int:
        """Tokens. Low detail does not exist."""
        shrink = min(1.0, self.edge / max(width, height))
        return min(self.most, math.ceil(width * shrink * height * shrink / self.pixels))


class Tiles(NamedTuple):
    """OpenAI until GPT-5: `base`, and `tile` for each 512 pixels squared after fitting into 2048 and bringing the short
    side to at most 768 (its vision guide). Low detail: the base."""

    base: int
    tile: int

    def __call__(self, width: int, height: int, *, low: bool) -> int:
        """Tokens."""
        if low:
            return self.base
        fit = min(1.0, 2048 / max(width, height))
        fit *= min(1.0, 768 / (min(width, height) * fit))
        return self.base + self.tile * math.ceil(width * fit / 512) * math.ceil(height * fit / 512)


class Patches(NamedTuple):
    """OpenAI's small and newer models: patches of 32 pixels squared, at most `most`, times `permille` / 1000 (its vision
    guide; the factors as measured by users). Low detail changes nothing."""

    permille: int
    most: int

    def __call__(self, width: int, height: int, *, low: bool) -> int:
        """Tokens."""
        patches = min(self.most, math.ceil(width / 32) * math.ceil(height / 32))
        return math.ceil(patches * self.permille / 1000)


class Crops(NamedTuple):
    """Google and xAI: `tile` for each square of `side` pixels (their vision guides)."""

    tile: int
    side: int
    most: int

    def __call__(self, width: int, height: int, *, low: bool) -> int:
        """Tokens. Low detail: one square."""
        if low:
            return self.tile
        return min(self.most, self.tile * math.ceil(width / self.side) * math.ceil(height / self.side))


def size_of(base64: str) -> tuple[int, int]:
    """Width and height in pixels of a PNG, GIF, JPEG or WebP in base64; `UNKNOWN` for anything else."""
    data = first_bytes(base64, HEAD)
    found = _png(data) or _gif(data) or _jpeg(data) or _webp(data)
    return found if found is not None and min(found) > 0 else UNKNOWN


def first_bytes(base64: str, most: int) -> bytes:
    """The first bytes of what is written in base64, at most so many; none where it is not base64."""
    try:
        return b64decode(base64[: (most + 2) // 3 * 4])
    except (binascii.Error, ValueError):
        return b""


def _png(data: bytes) -> tuple[int, int] | None:
    if len(data) < 24 or not data.startswith(b"\x89PNG"):
        return None
    return _big(data, 16, 4), _big(data, 20, 4)


def _gif(data: bytes) -> tuple[int, int] | None:
    if len(data) < 10 or not data.startswith(b"GIF8"):
        return None
    return _little(data, 6, 2), _little(data, 8, 2)


def _jpeg(data: bytes) -> tuple[int, int] | None:
    place = 2
    while data.startswith(b"\xff\xd8") and place + 9 <= len(data) and data[place] == 0xFF:
        marker = data[place + 1]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):  # the start of a frame
            return _big(data, place + 7, 2), _big(data, place + 5, 2)
        place += 2 + max(2, _big(data, place + 2, 2))
    return None


def _webp(data: bytes) -> tuple[int, int] | None:
    if len(data) < 30 or not (data.startswith(b"RIFF") and data[8:12] == b"WEBP"):
        return None
    match data[12:16]:
        case b"VP8X":
            return _little(data, 24, 3) + 1, _little(data, 27, 3) + 1
        case b"VP8L":
            bits = _little(data, 21, 4)
            return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        case b"VP8 ":
            return _little(data, 26, 2) & 0x3FFF, _little(data, 28, 2) & 0x3FFF
        case _:
            return None


def _big(data: bytes, place: int, size: int) -> int:
    return int.from_bytes(data[place : place + size], "big")


def _little(data: bytes, place: int, size: int) -> int:
    return int.from_bytes(data[place : place + size], "little")
