"""The kept summary of a run, and its chart for the README: bars of requests and of events a CPU second."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

Row = Mapping[str, Any]

WIDTH, LABEL, BAR, STEP = 720, 250, 16, 26
OURS, OTHERS = "#0a7d5a", "#9aa4ae"
GROUPS = (
    ("whole", "whole answers: requests for a second of one core"),
    ("streamed", "streams written at once: events for a second of one core"),
)


def keep(results: Mapping[str, Any], folder: Path) -> None:
    """Writes `summary.json` and `summary.svg`."""
    (folder / "summary.json").write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    (folder / "summary.svg").write_text(chart(results), encoding="utf-8")


def chart(results: Mapping[str, Any]) -> str:
    """An SVG that is read on light and on dark pages."""
    body: list[str] = []
    top = 10
    for group, title in GROUPS:
        # Beside the floor, which does nothing, everything else would be a stub.
        rows = [row for row in results["rows"] if row["group"] == group and row["core_rate"] and row["name"] != "floor"]
        if rows:
            body += _bars(rows, title, top)
            top += 30 + STEP * len(rows) + 14
    machine = results["machine"]
    words = f"{results['date'][:10]}, {machine['processor']}, Python {machine['python']}, load {machine['load_before'][0]}"
    body.append(_text(10, top + 4, words, 11))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{top + 18}" viewBox="0 0 {WIDTH} {top + 18}" '
        'font-family="system-ui, sans-serif" role="img">\n'
        "<style>text { fill: #24292f } @media (prefers-color-scheme: dark) { text { fill: #e6edf3 } }</style>\n"
        + "\n".join(body)
        + "\n</svg>\n"
    )


def _bars(rows: Sequence[Row], title: str, top: int) -> list[str]:
    most = max(row["core_rate"] for row in rows) or 1
    lines = [_text(10, top + 14, title, 14, bold=True)]
    for number, row in enumerate(rows):
        y = top + 30 + STEP * number
        width = max(2, round((WIDTH - LABEL - 90) * row["core_rate"] / most))
        colour = OTHERS if row.get("foreign") or row.get("forwards") else OURS
        lines.append(_text(10, y + 13, str(row["name"]), 13))
        lines.append(f'<rect x="{LABEL}" y="{y}" width="{width}" height="{BAR}" rx="2" fill="{colour}"/>')
        lines.append(_text(LABEL + width + 8, y + 13, f"{row['core_rate']:,}", 13))
    return lines


def _text(x: int, y: int, words: str, size: int, *, bold: bool = False) -> str:
    weight = ' font-weight="600"' if bold else ""
    return f'<text x="{x}" y="{y}" font-size="{size}"{weight}>{escape(words)}</text>'
