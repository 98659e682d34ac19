"""Wire events of blocks that an upstream began before the open one had ended."""

from __future__ import annotations

from typing import Any

from hyperinfer.formats.backlog import Backlog
from hyperinfer.formats.errors import PeerError

Wire = dict[str, Any]
_STOP = "content_block_stop"


class WaitingBlocks:
    """What waits, by the index of its block, in the order in which the blocks began."""

    __slots__ = ("_backlog", "_blocks")

    def __init__(self) -> None:
        self._blocks: dict[int, list[Wire]] = {}
        self._backlog = Backlog()

    def __bool__(self) -> bool:
        return bool(self._blocks)

    def hold(self, index: int, event: Wire, size: int) -> None:
        """One more event of a block; `size` in bytes. Raises `PeerError` for an end without a beginning, for what comes
        after an end, and past the bounds of a backlog."""
        events = self._blocks.get(index)
        ends = event["type"] == _STOP
        if events is None and ends:
            raise PeerError(f"the end of block {index}, which never began")
        if events is not None and events[-1]["type"] == _STOP:
            if ends:
                return
            raise PeerError(f"{event['type']} for block {index}, which has ended")
        self._backlog.hold(index, size)
        self._blocks.setdefault(index, []).append(event)

    def take(self) -> tuple[int, list[Wire], Wire | None]:
        """(the index, the events, the end if it has come) of the block that is next."""
        index = next(iter(self._blocks))
        events = self._blocks.pop(index)
        self._backlog.free(index)
        return index, events, events.pop() if events[-1]["type"] == _STOP else None
