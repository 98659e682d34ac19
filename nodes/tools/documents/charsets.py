"""Bytes of the web to text (WHATWG Encoding): what a byte order mark says, then the server, then the page, then a guess."""

from __future__ import annotations

import codecs
import re
from typing import Final

_MARKS: Final = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_PRESCAN: Final = 4096
_META: Final = re.compile(rb"<meta[^>]{0,400}?charset\s*=\s*[\"']?\s*([a-zA-Z0-9_.:-]{1,40})", re.IGNORECASE)
_XML: Final = re.compile(rb"\A\s*<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([a-zA-Z0-9_.:-]{1,40})[\"']")

# Names that the web uses for more than they say: those who write them mean the larger set. Python's own names for the rest.
_MEANT: Final = {
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "iso8859-11": "cp874",
    "tis-620": "cp874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
    "big5": "big5hkscs",
    "utf-16": "utf-16-le",
}
# No other codec of Python's is used: some (`unicode_escape`, `idna`, `zlib`, `rot13`, `utf-7`) are no charsets of pages.
_KNOWN: Final = frozenset(
    ["utf-8", "utf-16-le", "utf-16-be", "cp866", "cp874", "koi8-r", "koi8-u", "mac-roman", "gb18030", "big5hkscs", "cp932"]
    + ["euc_jp", "iso2022_jp", "cp949"]
    + [f"cp125{number}" for number in range(9)]
    + [f"iso8859-{number}" for number in (2, 3, 4, 5, 6, 7, 8, 10, 13, 14, 15, 16)]
)


def decoded(data: bytes, declared: str | None) -> str:
    """`data` as text, whatever it is: what does not fit its charset becomes U+FFFD. `declared`: by the server."""
    for mark, marked in _MARKS:
        if data.startswith(mark):
            return data[len(mark) :].decode(marked, "replace")
    for name in (declared, _declared_inside(data)):
        known = _known(name)
        if known is not None:
            return data.decode(known, "replace")
    try:
        # Not final: what is cut off in the middle of a character is UTF-8 all the same.
        codecs.getincrementaldecoder("utf-8")().decode(data)
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")
    return data.decode("utf-8", "replace")


def is_binary(data: bytes) -> bool:
    """Whether this is no text in any charset of pages: those have no NUL, but for UTF-16, which has its mark."""
    return b"\0" in data[:_PRESCAN] and not data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))


def _declared_inside(data: bytes) -> str | None:
    start = data[:_PRESCAN]
    found = _XML.match(start) or _META.search(start)
    if found is None:
        return None
    name = found[1].decode("ascii")
    # Bytes in which this could be read are no UTF-16.
    return "utf-8" if name.lower().startswith("utf-16") else name


def _known(name: str | None) -> str | None:
    if not name:
        return None
    try:
        canonical = codecs.lookup(name.removeprefix("x-")).name
    except (LookupError, ValueError):
        return None
    canonical = _MEANT.get(canonical, canonical)
    return canonical if canonical in _KNOWN else None
