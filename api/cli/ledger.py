"""`hyperinfer ledger …`"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hyperinfer.api.cli.administration import administer
from hyperinfer.api.cli.invocation import DONE, REFUSED

if TYPE_CHECKING:
    from rich.console import Console

    from hyperinfer.api.cli.invocation import Invocation


def verify(invocation: Invocation) -> int:
    """Recompute everything; 1 when something differs."""
    report = administer(invocation, lambda admin: admin.verify_ledger())
    looked_at = {"workspaces": report.workspaces, "ledger_rows": report.ledger_rows, "generations": report.generations}

    def show(console: Console) -> None:
        for difference in report.differences:
            console.print(difference, soft_wrap=True)
        outcome = f"{len(report.differences)} differences in" if report.differences else "all agrees:"
        seen = ", ".join(f"{number} {name.replace('_', ' ')}" for name, number in looked_at.items())
        console.print(f"{outcome} {seen}", style="red" if report.differences else "green")

    invocation.output.result({"ok": not report.differences, **looked_at, "differences": report.differences}, show)
    return REFUSED if report.differences else DONE
