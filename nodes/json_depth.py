"""How deeply a JSON text is nested, told without parsing it."""

from __future__ import annotations

from array import array
from itertools import accumulate

_STEPS = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")  # +1 and -1 as signed bytes
_OTHERS = bytes(set(range(256)) - set(b'[]{}"'))
_PIECE = 64 * 1024


def deeper_than(body: bytes, limit: int) -> bool:
    """Whether arrays and objects stand in more than `limit` others. Brackets in strings do not count.

    Parsers that recurse need it answered before they begin. For what is no JSON the answer means nothing.
    """
    if body.count(b"[") + body.count(b"{") <= limit:
        return False
    # Escapes stand in strings alone, so that a run of backslashes begins with one: what is left of them, and of quotes
    # behind them, goes without a look at what is around it. Then quotes begin and end strings in turns.
    if b"\\" in body:
        body = body.replace(b"\\\\", b"").replace(b'\\"', b"")
    marks = body.translate(None, _OTHERS)
    depth = inside = 0
    for start in range(0, len(marks), _PIECE):
        parts = marks[start : start + _PIECE].split(b'"')
        steps = array("b", b"".join(parts[inside::2]).translate(_STEPS))
        inside ^= (len(parts) - 1) & 1
        depths = list(accumulate(steps, initial=depth))
        if max(depths) > limit:
            return True
        depth = depths[-1]
    return False
