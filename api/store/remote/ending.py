"""The end of a settlement, for whoever waits for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

import trio

from hyperinfer.api.store.remote.bridge import Listener
from hyperinfer.nodes.ports import NotRecorded, SettlementRejected

if TYPE_CHECKING:
    from hyperinfer.api.settlement.effects import Record
    from hyperinfer.api.store.messages import GenerationRow


@final
class Ending:
    """What callers wait for of whom there may be several for the same request. record, row: the same."""

    __slots__ = ("_given_up", "_listeners", "_over", "_patient", "_well", "reason", "record", "row")

    def __init__(self, record: Record, row: GenerationRow) -> None:
        self.record, self.row = record, row
        self.reason: str | None = None
        self._well = self._over = self._given_up = False
        self._listeners: list[Listener] = []
        self._patient: list[Listener] = []

    def tell(self, *, well: bool) -> None:
        """It is over, well or not."""
        self._well, self._over = well, True
        for listener in (*self._listeners, *self._patient):
            listener.answer(None)

    def give_up(self) -> None:
        """It takes too long: whoever nothing else cuts short waits no more."""
        self._given_up = True
        for listener in self._patient:
            listener.answer(None)

    async def wait(self) -> None:
        """Until it is over. Raises SettlementRejected or NotRecorded where it did not end well."""
        if not self._over:
            listener = Listener()
            self._listeners.append(listener)
            await trio.lowlevel.wait_task_rescheduled(listener.leave)
        self._check()

    async def wait_on(self) -> bool:
        """The same, also when we are cancelled meanwhile, but no longer than until `give_up`: False then."""
        if not (self._over or self._given_up):
            self._patient.append(Listener())
            await trio.lowlevel.wait_task_rescheduled(_stay)
        if self._over:
            self._check()
        return self._over

    def _check(self) -> None:
        if not self._well:
            if self.reason is not None:
                raise SettlementRejected(f"{self.row.id}: {self.reason}")
            raise NotRecorded(f"{self.row.id}: neither the database nor the journal took it in time")


def _stay(_: object) -> trio.lowlevel.Abort:
    return trio.lowlevel.Abort.FAILED
