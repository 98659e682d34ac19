"""`pytest tests/faults --fault-table` (`make faults`): what became of each row, as a table after the tests."""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

_LIST = Path(__file__).parents[2].parent / "shared" / "faults.tsv"
_TEST = re.compile(r"test_(\w+)\.py::test_(F\d{3})_\w+(?:\[(right|wrong)-)?")
_SEEN: dict[tuple[str, str], dict[str, set[str]]] = defaultdict(lambda: {"right": set(), "wrong": set()})
_WORDS = {"passed": "yes", "failed": "NO", "xfailed": "not yet", "skipped": "skipped"}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--fault-table", action="store_true", help="print id, area and results of every fault")


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    found = _TEST.search(report.nodeid)
    if found is None or (report.when != "call" and report.outcome == "passed"):
        return
    file, id, side = found.groups()
    outcome = "xfailed" if hasattr(report, "wasxfail") and report.skipped else report.outcome
    for one in (side,) if side else ("right", "wrong"):
        _SEEN[id, Path(file).name].get(one, set()).add(outcome)


def _areas() -> dict[str, str]:
    """Area by id, as the list has it; not everybody has the list."""
    if not _LIST.exists():
        return {}
    with _LIST.open(encoding="utf-8", newline="") as file:
        return {row["id"]: row["area"] for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)}


def _word(outcomes: set[str]) -> str:
    return next((_WORDS[one] for one in ("failed", "xfailed", "skipped", "passed") if one in outcomes), "not run")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if not config.getoption("--fault-table", default=False):
        return
    terminalreporter.section("faults")
    line = "{:6} {:<12} {:<20} {}"
    terminalreporter.write_line(line.format("id", "area", "right output passes", "wrong output is caught"))
    areas = _areas()
    for (id, file), sides in sorted(_SEEN.items()):
        words = [_word(sides[side]) for side in ("right", "wrong")]
        terminalreporter.write_line(line.format(id, areas.get(id) or file.partition("_")[0], *words))
    whole = [sides for sides in _SEEN.values() if all(_word(one) == "yes" for one in sides.values())]
    terminalreporter.write_line(f"{len(whole)} of {len(_SEEN)} rows: right output passes and wrong output is caught")
