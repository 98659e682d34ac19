"""`hyperinfer usage`"""

from __future__ import annotations

from io import StringIO
from typing import TYPE_CHECKING, Final

from hyperinfer.api.cli.administration import administer, amount, shown_key, usd_text
from hyperinfer.api.cli.invocation import DONE, UsageError
from hyperinfer.api.cli.output import table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.table import Table

    from hyperinfer.api.cli.invocation import Invocation
    from hyperinfer.api.store.admin import Admin
    from hyperinfer.api.store.records import UsageRow


def usage(invocation: Invocation) -> int:
    """Sums by day, key, model or workspace."""
    from hyperinfer.api.administered import total_of

    given, by = invocation.arguments, invocation.arguments.by
    if given.csv and given.json:
        raise UsageError("--csv and --json exclude each other", see="hyperinfer usage")
    until = None if given.until is None else given.until + 1

    async def ask(admin: Admin) -> tuple[Sequence[UsageRow], Mapping[str, str]]:
        rows = await admin.usage(by, given.workspace, since=given.since, until=until)
        if by == "workspace":
            return rows, {each.id: each.name for each in await admin.workspaces()}
        if by == "key":
            return rows, {each.id: shown_key(each) for each in await admin.keys()}
        return rows, {}

    rows, labels = administer(invocation, ask)
    if given.csv:
        invocation.output.text(_csv(rows, by, labels))
        return DONE
    nothing = "no requests yet" if given.since is None and given.until is None else "no requests on these days"
    invocation.output.result(
        {"by": by, "data": [_object(row, by, labels) for row in rows], "total": _numbers(total_of(rows))},
        lambda console: console.print(_rows(rows, by, labels) if rows else nothing),
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


def _csv(rows: Sequence[UsageRow], by: str, labels: Mapping[str, str]) -> str:
    """A header and a line for each group; no total, which a reader of sums would count again."""
    import csv

    from hyperinfer.nodes.money import pico_to_usd_text

    text = StringIO()
    lines = csv.writer(text, lineterminator="\n")
    label = ("label",) if by in ("key", "workspace") else ()
    lines.writerow((by, *label, "requests", "tokens_prompt", "tokens_completion", "cost"))
    for row in rows:
        named = (row.group, labels.get(row.group, "")) if label else (row.group,)
        lines.writerow(
            (*map(_cell, named), row.requests, row.tokens_prompt, row.tokens_completion, pico_to_usd_text(row.cost))
        )
    return text.getvalue()


_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What a spreadsheet takes for the beginning of a formula (OWASP, CSV injection), also by its full-width form."""


def _cell(text: str) -> str:
    """Text that stays text when a spreadsheet opens it: somebody else may have chosen it."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def _rows(rows: Sequence[UsageRow], by: str, labels: Mapping[str, str]) -> Table:
    numbers = ("REQUESTS", "PROMPT TOKENS", "COMPLETION TOKENS", "COST (USD)")
    from hyperinfer.api.administered import total_of

    made = table(by.upper(), *numbers, right=numbers)
    total = total_of(rows)
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
