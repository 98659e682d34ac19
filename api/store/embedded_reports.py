"""Scans of the embedded store, each in a process of its own (`reports.py`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar, final

import msgspec

from hyperinfer.api.store.records import LedgerReport, UsageRow
from hyperinfer.api.store.report_process import run_report
from hyperinfer.api.store.reports import AuditQuestion
from hyperinfer.api.store.request_log import FoundRows

if TYPE_CHECKING:
    from pathlib import Path

    from hyperinfer.api.store.reports import Question, UsageQuestion
    from hyperinfer.api.store.request_log import RequestsQuestion

T = TypeVar("T")


@final
class EmbeddedReports:
    """Reports of the database in this file. All raise StoreUnavailable."""

    def __init__(self, database: Path) -> None:
        self._database = database

    async def usage(self, question: UsageQuestion) -> tuple[UsageRow, ...]:
        """Sums, ordered by group."""
        return await self._run(question, tuple[UsageRow, ...])

    async def audit(self) -> LedgerReport:
        """What differs, if anything, as of one instant."""
        return await self._run(AuditQuestion(), LedgerReport)

    async def requests(self, question: RequestsQuestion) -> FoundRows:
        """A page of them, the latest first."""
        return await self._run(question, FoundRows)

    async def _run(self, question: Question, shape: type[T]) -> T:
        arguments = [str(self._database)]
        return await run_report("hyperinfer.api.store.reports", arguments, msgspec.json.encode(question), shape)
