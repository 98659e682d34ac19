"""`hyperinfer ledger …`"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hyperinfer.api.cli.administration import administer, amount, data_folder, usd_text
from hyperinfer.api.cli.invocation import DONE, REFUSED
from hyperinfer.api.cli.output import many
from hyperinfer.api.settings import shared_servers

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


def recover(invocation: Invocation) -> int:
    """Settle what the journals have and the database has lost; 1 when not all of it could be."""
    import trio

    from hyperinfer.api.store.errors import Refused
    from hyperinfer.api.store.open import recover_shared

    servers = shared_servers(invocation.environ)
    if servers is None:
        raise Refused(
            "unsupported",
            "only the shared mode has journals to recover from: set HYPERINFER_POSTGRES_URL and HYPERINFER_REDIS_URL",
        )
    found = trio.run(recover_shared, servers, data_folder(invocation))

    def show(console: Console) -> None:
        for request, reason in found.rejected:
            console.print(f"{request} cannot be settled: {reason}", style="red", soft_wrap=True)
        for name in found.damaged:
            console.print(f"{name}: its end cannot be read", style="red", soft_wrap=True)
        for name in found.foreign:
            console.print(f"{name}: of another database, left out", soft_wrap=True)
        seen = f"{many(found.settlements, 'settlement')} in {many(found.journals, 'journal')}"
        console.print(f"{found.restored} restored, {usd_text(found.cost)} USD, of {seen}", soft_wrap=True)

    whole = not (found.rejected or found.damaged)
    document = {
        "ok": whole,
        "journals": found.journals,
        "settlements": found.settlements,
        "restored": found.restored,
        "cost": amount(found.cost),
        "rejected": [{"request": request, "reason": reason} for request, reason in found.rejected],
        "damaged": found.damaged,
        "foreign": found.foreign,
    }
    invocation.output.result(document, show)
    return DONE if whole else REFUSED
