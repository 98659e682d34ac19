"""Ways to cut a byte string: events must be a function of the concatenated bytes only."""

from __future__ import annotations

import re
from collections.abc import Iterator

WHOLE_LIMIT = 5_000
"""Up to this many bytes every two-way split is tried; above, the edges of frames and three bytes around them."""

_EDGE = re.compile(rb"\r?\n\r?\n")


def byte_by_byte(data: bytes) -> list[bytes]:
    """One byte at a time, with an empty piece now and then."""
    pieces: list[bytes] = []
    for index in range(len(data)):
        pieces.append(data[index : index + 1])
        if index % 7 == 0:
            pieces.append(b"")
    return pieces


def two_way_splits(data: bytes) -> Iterator[list[bytes]]:
    """Every cut in two of a short string, the cuts around frame edges of a long one."""
    if len(data) <= WHOLE_LIMIT:
        places = range(len(data) + 1)
        yield from ([data[:n], data[n:]] for n in places)
        return
    edges: set[int] = set()
    for blank in _EDGE.finditer(data):
        edges.update(range(blank.end() - 3, min(len(data), blank.end() + 3) + 1))
    yield from ([data[:n], data[n:]] for n in sorted(edges))
