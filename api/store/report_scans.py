"""The reports of a store, whatever its database: each is one question to a process of its own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, TypeVar

from hyperinfer.api.store.records import LedgerReport, UsageRow
from hyperinfer.api.store.reports import AuditQuestion
from hyperinfer.api.store.request_log import FoundRows

if TYPE_CHECKING:
    from hyperinfer.api.store.reports import Question, UsageQuestion
    from hyperinfer.api.store.request_log import RequestsQuestion

T = TypeVar("T")


class ReportScans(ABC):
    """What can be asked. All raise StoreUnavailable."""

    async def usage(self, question: UsageQuestion) -> tuple[UsageRow, ...]:
        """Sums, ordered by group."""
        return await self._run(question, tuple[UsageRow, ...])

    async def audit(self) -> LedgerReport:
        """What differs, if anything, as of one instant."""
        return await self._run(AuditQuestion(), LedgerReport)

    async def requests(self, question: RequestsQuestion) -> FoundRows:
        """A page of them, the latest first."""
        return await self._run(question, FoundRows)

    @abstractmethod
    async def _run(self, question: Question, shape: type[T]) -> T:
        """Asks that process. `shape`: of its answer."""
