"""`hyperinfer usage`"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hyperinfer.api.cli.administration import administer, amount, shown_key, usd_text
from hyperinfer.api.cli.invocation import DONE
from hyperinfer.api.cli.output import table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.table import Table

    from hyperinfer.api.cli.invocation import Invocation
    from hyperinfer.api.store.admin import Admin
    from hyperinfer.api.store.records import UsageRow


def usage(invocation: Invocation) -> int:
    """Sums by day, key, model or workspace."""
    by = invocation.arguments.by

    async def ask(admin: Admin) -> tuple[Sequence[UsageRow], Mapping[str, str]]:
        rows = await admin.usage(by, invocation.arguments.workspace)
        if by == "workspace":
            return rows, {each.id: each.name for each in await admin.workspaces()}
        if by == "key":
            return rows, {each.id: shown_key(each) for each in await admin.keys()}
        return rows, {}

    rows, labels = administer(invocation, ask)
    invocation.output.result(
        {"by": by, "data": [_object(row, by, labels) for row in rows], "total": _numbers(_total(rows))},
        lambda console: console.print(_rows(rows, by, labels) if rows else "no requests yet"),
    )
    return DONE


def _object(row: UsageRow, by: str, labels: Mapping[str, str]) -> dict[str, object]:
    label = {"label": labels[row.group]} if row.group in labels else {}
    return {by: row.group, **label, **_numbers(row)}


def _numbers(row: UsageRow) -> dict[str, object]:
    from hyperinfer.nodes.money import pico_to_micro_text

    return {
        "requests": row.requests,
        "tokens_prompt": row.tokens_prompt,
        "tokens_completion": row.tokens_completion,
        "cost": amount(row.cost),
        "cost_micro_usd": pico_to_micro_text(row.cost),
    }


def _total(rows: Sequence[UsageRow]) -> UsageRow:
    from hyperinfer.api.store.records import UsageRow

    return UsageRow(
        group="total",
        requests=sum(row.requests for row in rows),
        tokens_prompt=sum(row.tokens_prompt for row in rows),
        tokens_completion=sum(row.tokens_completion for row in rows),
        cost=sum(row.cost for row in rows),
    )


def _rows(rows: Sequence[UsageRow], by: str, labels: Mapping[str, str]) -> Table:
    numbers = ("REQUESTS", "PROMPT TOKENS", "COMPLETION TOKENS", "COST (USD)")
    made = table(by.upper(), *numbers, right=numbers)
    total = _total(rows)
    for row in (*rows, total):
        made.add_row(
            labels.get(row.group, row.group),
            str(row.requests),
            str(row.tokens_prompt),
            str(row.tokens_completion),
            usd_text(row.cost),
            style="bold" if row is total else "",
        )
    return made
