"""`hyperinfer ledger …`"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hyperinfer.api.cli.administration import administer
from hyperinfer.api.cli.invocation import DONE, REFUSED
from hyperinfer.api.cli.output import many

if TYPE_CHECKING:
    from rich.console import Console

    from hyperinfer.api.cli.invocation import Invocation


def verify(invocation: Invocation) -> int:
    """Recompute everything; 1 when something differs."""
    report = administer(invocation, lambda admin: admin.verify_ledger())
    differences = report.differences
    seen = (
        f"{many(report.workspaces, 'workspace')}, {many(report.ledger_rows, 'ledger row')},"
        f" {many(report.generations, 'generation')}"
    )

    def show(console: Console) -> None:
        for difference in differences:
            console.print(difference, soft_wrap=True)
        outcome = f"{many(len(differences), 'difference')} in" if differences else "all agrees:"
        console.print(f"{outcome} {seen}", style="red" if differences else "green", soft_wrap=True)

    document = {
        "ok": not differences,
        "workspaces": report.workspaces,
        "ledger_rows": report.ledger_rows,
        "generations": report.generations,
        "differences": differences,
    }
    invocation.output.result(document, show)
    return REFUSED if differences else DONE
