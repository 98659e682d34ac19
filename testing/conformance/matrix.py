"""A report as a person reads it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from hyperinfer.testing.conformance.results import Cell
from hyperinfer.testing.conformance.said import FORMATS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hyperinfer.testing.conformance.results import Finding, Report, Verdict
    from hyperinfer.testing.conformance.said import Format

MARKS: Final[Mapping[Verdict, str]] = {"pass": "+", "fail": "X", "unsupported": "-", "unknown": "?"}
"""A letter each."""

LEGEND: Final = "+ passes, X fails, - unsupported, ? unknown, . not asked; the first mark is of the stream, the second whole"


def matrix(report: Report) -> list[str]:
    """A line a check; a column for each pair of formats, of two marks: streamed, whole."""
    upstreams: list[Format] = [each for each in FORMATS if any(result.cell.upstream == each for result in report.results)]
    found = {(result.check, result.cell): result.finding for result in report.results}
    width = max([len("from upstream"), *(len(check.id) for check in report.checks)])
    column = max(len(each) for each in FORMATS)
    block = (column + 1) * len(upstreams)
    lines = [
        "  ".join(["client".ljust(width), *(client.ljust(block) for client in FORMATS)]),
        "  ".join(["from upstream".ljust(width), *("".join(u.ljust(column + 1) for u in upstreams) for _ in FORMATS)]),
    ]
    for check in report.checks:
        blocks: list[str] = [
            "".join(_marks(found, check.id, client, upstream).ljust(column + 1) for upstream in upstreams)
            for client in FORMATS
        ]
        lines.append("  ".join([check.id.ljust(width), *blocks]))
    return [line.rstrip() for line in lines]


def _marks(found: Mapping[tuple[str, Cell], Finding], check: str, client: Format, upstream: Format) -> str:
    both = [found.get((check, Cell(client, upstream, streamed))) for streamed in (True, False)]
    return "".join("." if each is None else MARKS[each.verdict] for each in both)


def findings(report: Report) -> list[str]:
    """What did not pass: cells in which all is the same, then what is left by check, the same things together."""
    wants = {check.id: check for check in report.checks}
    together: dict[tuple[str, Finding], list[Cell]] = {}
    same = _throughout(report)
    for result in report.results:
        if result.finding.verdict != "pass" and not any(result.cell in cells for cells in same.values()):
            together.setdefault((result.check, result.finding), []).append(result.cell)
    lines: list[str] = []
    for (verdict, seen), cells in same.items():
        lines += ["", f"{_cells(cells)}: {verdict} throughout", _line("seen:   ", seen)]
    last = ""
    for check in report.checks:
        for (name, finding), cells in together.items():
            if name != check.id:
                continue
            if name != last:
                lines += ["", f"{name}: {wants[name].wants} ({wants[name].source})"]
                last = name
            lines.append(f"  {finding.verdict}: {_cells(cells)}")
            if finding.expected:
                lines.append(_line("wanted: ", finding.expected))
            lines.append(_line("seen:   ", finding.seen or "nothing"))
    return lines


def _line(name: str, text: str) -> str:
    return f"    {name}{text}".replace("\n", "\\n")


def _throughout(report: Report) -> dict[tuple[Verdict, str], list[Cell]]:
    """Cells of several checks in which every finding says the same, by what it says."""
    by_cell: dict[Cell, list[tuple[Verdict, str]]] = {}
    for result in report.results:
        seen = re.sub(r"^([a-z_]+: )?(the turn before: )?", "", result.finding.seen)
        by_cell.setdefault(result.cell, []).append((result.finding.verdict, seen))
    found: dict[tuple[Verdict, str], list[Cell]] = {}
    for cell, told in by_cell.items():
        if len(told) > 1 and len(set(told)) == 1 and told[0][0] != "pass":
            found.setdefault(told[0], []).append(cell)
    return found


def _cells(cells: Sequence[Cell]) -> str:
    """`chat from messages`; with `(streamed)` or `(whole)` where it is but one of the two."""
    modes: dict[tuple[Format, Format], list[bool]] = {}
    for cell in cells:
        modes.setdefault((cell.client, cell.upstream), []).append(cell.streamed)
    words = {True: " (streamed)", False: " (whole)"}
    return ", ".join(
        f"{client} from {upstream}{words[each[0]] if len(each) == 1 else ''}" for (client, upstream), each in modes.items()
    )


def summary(report: Report) -> str:
    """One line."""
    counts = report.counts
    told = ", ".join(f"{count} {word}" for word, count in counts.items() if count or word == "pass")
    return f"{sum(counts.values())} findings: {told}"
