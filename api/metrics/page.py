"""The tables of docs/metrics.md, printed by
`.venv/bin/python -c "from hyperinfer.api.metrics.page import tables as t; print(t(), end='')"`."""

from __future__ import annotations

from typing import Final

from hyperinfer.api.metrics.families import SECTIONS, WORKER, Family

_BEGIN: Final = "<!-- These tables are made by hyperinfer.api.metrics.page. -->"
_END: Final = "<!-- end of tables -->"


def tables() -> str:
    """One for each section."""
    pages = [
        f"### {name}\n\n| metric | kind | labels | |\n|---|---|---|---|\n" + "".join(_row(family) for family in families)
        for name, families in SECTIONS.items()
    ]
    return "\n".join([_BEGIN + "\n", *pages, _END + "\n"])


def _row(family: Family) -> str:
    labels = family.labels if family.machine else (WORKER, *family.labels)
    names = ", ".join(f"`{label}`" for label in labels)
    return f"| `{family.name}` | {family.kind} | {names} | {family.help} |\n"
