"""Scans of the embedded store, each in a process of its own (`reports.py`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar, final

import msgspec

from hyperinfer.api.store.report_process import run_report
from hyperinfer.api.store.report_scans import ReportScans

if TYPE_CHECKING:
    from pathlib import Path

    from hyperinfer.api.store.reports import Question

T = TypeVar("T")


@final
class EmbeddedReports(ReportScans):
    """Those of the database in this file."""

    def __init__(self, database: Path) -> None:
        self._database = database

    async def _run(self, question: Question, shape: type[T]) -> T:
        arguments = [str(self._database)]
        return await run_report("hyperinfer.api.store.reports", arguments, msgspec.json.encode(question), shape)
