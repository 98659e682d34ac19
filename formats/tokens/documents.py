"""How much text a document holds, from its bytes; bounded whatever the document is."""

from __future__ import annotations

import re
import zlib
from typing import NamedTuple

from hyperinfer.formats.tokens.images import first_bytes
from hyperinfer.formats.tokens.text import MILLI, text_weight

LOOKED_AT = 512 * 1024
"""Bytes of a document that are looked at; what lies behind them is taken to be like them."""

UNPACKED = 256 * 1024
"""Bytes of a PDF's unpacked page contents that are looked at; the same holds."""

_BYTES_PER_TOKEN = 24
"""Of a packed format other than PDF (office documents): compressed text and markup, and pictures beside it."""

_STREAM = re.compile(rb"stream\r?\n")
_PAGE = re.compile(rb"/Type\s*/Page(?![A-Za-z])")
_SHOWN = re.compile(rb"\(((?:[^()\\]|\\.)*)\)|<([0-9A-Fa-f\s]+)>", re.DOTALL)
_SHOWS_TEXT = re.compile(rb"T[jJ]\b")


class Document(NamedTuple):
    """`weight`: of its text, in thousandths of a token. `pages`: at least 1."""

    weight: int
    pages: int


def document_of(base64: str, media_type: str | None) -> Document:
    """What a document in base64 holds."""
    data = first_bytes(base64, LOOKED_AT)
    size = len(base64) * 3 // 4
    if not data:
        return Document(0, 1)
    more = size / len(data) if size > LOOKED_AT else 1.0
    if data.startswith(b"%PDF"):
        weight, pages = _pdf(data)
        return Document(int(weight * more), max(1, int(pages * more)))
    kind = (media_type or "").lower()
    if kind.startswith("text/") or kind.endswith(("json", "xml", "yaml")) or data.isascii():
        return Document(int(text_weight(data) * more), 1)
    return Document(size * MILLI // _BYTES_PER_TOKEN, 1)


def _pdf(data: bytes) -> tuple[int, int]:
    """Weight of the text that is shown, and the number of pages. Encrypted and scanned pages show none."""
    pages = len(_PAGE.findall(data))
    packed = seen = unpacked = characters = 0
    for start in _STREAM.finditer(data):
        if data[max(0, start.start() - 3) : start.start()] == b"end":
            continue
        end = data.find(b"endstream", start.end())
        content = data[start.end() : end if end >= 0 else len(data)]
        packed += len(content)
        if unpacked < UNPACKED:
            shown = _inflated(content, UNPACKED - unpacked)
            unpacked += len(shown)
            characters += _characters(shown)
            seen = packed
    if unpacked >= UNPACKED:
        characters = characters * packed // max(1, seen)
    return characters * _PER_CHARACTER, pages


_PER_CHARACTER = 250
"""Thousandths of a token: the average of English prose, four characters a token."""


def _inflated(content: bytes, most: int) -> bytes:
    try:
        return zlib.decompressobj().decompress(content, most)
    except zlib.error:
        return content[:most]


def _characters(content: bytes) -> int:
    """Characters within the operators that show text; 0 for fonts, images and tables of characters."""
    if b"BT" not in content or _SHOWS_TEXT.search(content) is None:
        return 0
    return sum(len(plain) if plain else len(hexadecimal) // 2 for plain, hexadecimal in _SHOWN.findall(content))
