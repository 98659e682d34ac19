"""The end of a settlement, for whoever waits for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

import trio

from hyperinfer.api.store.remote.bridge import Listener

if TYPE_CHECKING:
    from hyperinfer.api.settlement.effects import Record
    from hyperinfer.api.store.messages import GenerationRow


@final
class Ending:
    """A caller that waits for the end of its settlement, or several of the same request. record, row: the same."""

    __slots__ = ("_listeners", "_over", "reason", "record", "row", "well")

    def __init__(self, record: Record, row: GenerationRow) -> None:
        self.record, self.row = record, row
        self.reason: str | None = None
        self.well = self._over = False
        self._listeners: list[Listener] = []

    def tell(self, *, well: bool) -> None:
        """It is over, well or not."""
        self.well, self._over = well, True
        for listener in self._listeners:
            listener.answer(None)

    async def wait(self) -> None:
        """Until it is."""
        if not self._over:
            listener = Listener()
            self._listeners.append(listener)
            await trio.lowlevel.wait_task_rescheduled(listener.leave)
