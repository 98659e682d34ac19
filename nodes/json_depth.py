"""How deeply a JSON text is nested, told without parsing it."""

from __future__ import annotations

import re
from array import array
from itertools import accumulate

# Possessive, and content with a string that never ends: each byte is looked at once, whatever the body is.
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_STEPS = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")  # +1 and -1 as signed bytes
_NO_BRACKET = bytes(set(range(256)) - set(b"[]{}"))
_PIECE = 64 * 1024


def deeper_than(body: bytes, limit: int) -> bool:
    """Whether arrays and objects stand in more than `limit` others. Brackets in strings do not count.

    Parsers that recurse need it answered before they begin. For what is no JSON the answer means nothing.
    """
    if body.count(b"[") + body.count(b"{") <= limit:
        return False
    brackets = _STRING.sub(b"", body).translate(_STEPS, _NO_BRACKET)
    depth = 0
    for start in range(0, len(brackets), _PIECE):
        steps = array("b", brackets[start : start + _PIECE])
        depths = list(accumulate(steps, initial=depth))
        if max(depths) > limit:
            return True
        depth = depths[-1]
    return False
