"""How much of a reply may wait for a block that is still open.

Upstreams may send blocks at the same time; clients get them one after the other, so what belongs to a later block is held.
An upstream that never ends the first one must not fill the memory: past a bound the reply is an error of the upstream's.
"""

from __future__ import annotations

from collections.abc import Hashable

from hyperinfer.formats.errors import PeerError
from hyperinfer.formats.sse import DEFAULT_MAX_FRAME

MOST_BLOCKS = 256
"""Blocks that may wait. What waits are parallel calls of tools, and OpenAI takes at most 128 tools in a request; a server
that opens more at the same time is not one that anybody knows."""
MOST_HELD = DEFAULT_MAX_FRAME
"""Bytes that may wait. As many as one frame may have: one block alone, a generated image, comes in one."""
PER_PIECE = 256
"""Bytes that a piece takes beside its content, so that many empty ones are bounded as well."""


class Backlog:
    """What one reply holds, by block."""

    __slots__ = ("_blocks", "_total")

    def __init__(self) -> None:
        self._blocks: dict[Hashable, int] = {}
        self._total = 0

    def hold(self, block: Hashable, size: int) -> None:
        """One more piece of a block has to wait; `size` in bytes. Raises `PeerError` past the bounds."""
        self._blocks[block] = self._blocks.get(block, 0) + size + PER_PIECE
        self._total += size + PER_PIECE
        if len(self._blocks) > MOST_BLOCKS:
            raise PeerError(f"more than {MOST_BLOCKS} blocks wait for one that does not end")
        if self._total > MOST_HELD:
            raise PeerError(f"more than {MOST_HELD} bytes wait for a block that does not end")

    def free(self, block: Hashable) -> None:
        """The block waits no more."""
        self._total -= self._blocks.pop(block, 0)
