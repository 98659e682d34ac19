"""`hyperinfer workspaces …`"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from hyperinfer.api.cli.administration import administer, administer_or_make, usd_text, workspace_object
from hyperinfer.api.cli.invocation import DONE
from hyperinfer.api.cli.output import table
from hyperinfer.api.values import instant

if TYPE_CHECKING:
    from hyperinfer.api.cli.invocation import Invocation
    from hyperinfer.api.store.admin import Admin
    from hyperinfer.api.store.records import WorkspaceRecord


def create(invocation: Invocation) -> int:
    """Make one."""
    name, credits = invocation.arguments.name, invocation.arguments.credits or 0
    made = administer_or_make(invocation, lambda admin: admin.create_workspace(name, credits))
    done = f"made workspace '{made.name}' ({made.id}) with {usd_text(made.balance)} USD"
    invocation.output.result(workspace_object(made), lambda console: console.print(done))
    return DONE


def topup(invocation: Invocation) -> int:
    """Add credits."""
    amount = invocation.arguments.usd
    done = f"{usd_text(abs(amount))} USD {'added' if amount > 0 else 'taken away'}"
    return _one(
        invocation,
        lambda admin: admin.topup(invocation.arguments.workspace, amount),
        lambda after: f"{done}; the balance of '{after.name}' is {usd_text(after.balance)} USD",
    )


def lock(invocation: Invocation) -> int:
    """Lock one."""
    return _one(invocation, lambda admin: admin.lock(invocation.arguments.workspace), lambda after: f"locked '{after.name}'")


def unlock(invocation: Invocation) -> int:
    """Unlock one."""
    return _one(
        invocation, lambda admin: admin.unlock(invocation.arguments.workspace), lambda after: f"unlocked '{after.name}'"
    )


def show(invocation: Invocation) -> int:
    """Show one."""
    return _one(invocation, lambda admin: admin.workspace(invocation.arguments.workspace), _details)


def list_all(invocation: Invocation) -> int:
    """List all."""
    records = administer(invocation, lambda admin: admin.workspaces())
    rows = table("NAME", "ID", "BALANCE (USD)", "LOCKED", "MADE", right=("BALANCE (USD)",))
    for each in records:
        made = instant(each.created_at, "minutes")
        rows.add_row(each.name, each.id, usd_text(each.balance), "locked" if each.locked else "", made)
    document = {"data": [workspace_object(each) for each in records]}
    invocation.output.result(document, lambda console: console.print(rows if records else "no workspaces"))
    return DONE


def _one(
    invocation: Invocation,
    act: Callable[[Admin], Awaitable[WorkspaceRecord]],
    said: Callable[[WorkspaceRecord], str],
) -> int:
    record = administer(invocation, act)
    invocation.output.result(workspace_object(record), lambda console: console.print(said(record)))
    return DONE


def _details(record: WorkspaceRecord) -> str:
    rows = {
        "name": record.name,
        "id": record.id,
        "balance": f"{usd_text(record.balance)} USD",
        "locked": "yes" if record.locked else "no",
        "made": instant(record.created_at, "minutes"),
    }
    return "\n".join(f"{name:<9}{value}" for name, value in rows.items())
