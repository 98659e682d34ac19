"""How deeply JSON is nested: of a decoded value, and of a text that cannot be decoded."""

from __future__ import annotations

from itertools import accumulate
from typing import Any

DEEPEST = 1000
"""Levels of nesting that may be allowed at most."""

_CONTAINERS = frozenset((dict, list))

_STEPS = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")  # +1 and -1 as signed bytes
_OTHERS = bytes(set(range(256)) - set(b'[]{}"'))
_PIECE = 64 * 1024


def deeper_than(value: Any, limit: int) -> bool:
    """Whether arrays and objects of a decoded value stand in each other more than `limit` deep. Looks at each of them once,
    level by level, and at no character."""
    level = [value] if type(value) in _CONTAINERS else []
    for _ in range(limit):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if type(outer) is dict else outer)
            if type(inner) in _CONTAINERS
        ]
        if not level:
            return False
    return bool(level)


def text_deeper_than(body: bytes, limit: int) -> bool:
    """The same of a text, without parsing it: for one that no parser takes, be it for its depth. Brackets in strings do not
    count. For what is no JSON the answer means little: that its beginning looks like it."""
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
        steps = memoryview(b"".join(parts[inside::2]).translate(_STEPS)).cast("b")
        inside ^= (len(parts) - 1) & 1
        depths = list(accumulate(steps, initial=depth))
        if max(depths) > limit:
            return True
        depth = depths[-1]
    return False
