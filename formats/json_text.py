"""JSON as it is met in the wild: the one thing that is mended before it is read.

A lone surrogate escape (`"\\ud83d"`) is valid by the grammar of RFC 8259 and no character (section 8.2). Clients that cut
a string in the middle of an emoji send it, and so do models. It becomes U+FFFD, as WHATWG's decoders have it: the rest of
the text is worth more than an error about it.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

_decode = msgspec.json.Decoder().decode
_ESCAPES = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"  # a pair, kept
    rb"|(?P<lone>u[dD][89a-fA-F][0-9a-fA-F]{2})"
    rb"|.)",  # any other escape, kept: `\\ud83d` is a backslash and five letters
    re.DOTALL,
)


def read_json(data: bytes) -> Any:
    """The value. Raises what msgspec raises: `DecodeError`, `UnicodeDecodeError`, `RecursionError`."""
    try:
        return _decode(data)
    except msgspec.DecodeError:
        mended = without_lone_surrogates(data)
        if mended == data:
            raise
        return _decode(mended)


def without_lone_surrogates(data: bytes) -> bytes:
    """The same JSON with U+FFFD for each surrogate escape that has no partner."""
    return _ESCAPES.sub(lambda found: b"\\ufffd" if found["lone"] else found[0], data)
