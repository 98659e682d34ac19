"""Clients that leave, clients that read slowly, more requests than can be answered, the largest bodies at once: one table.

    python -m benchmarks.gateway.resilience [--sections leaving,slow,overload,bodies] [--edge NAME] [--json FILE]

`make bench-resilience`. How to read it stands in benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias

from benchmarks.gateway.bodies import bodies
from benchmarks.gateway.leaving import leaving
from benchmarks.gateway.machine import machine
from benchmarks.gateway.overload import overload
from benchmarks.gateway.processes import cores, end_when_told
from benchmarks.gateway.report import table
from benchmarks.gateway.serving import edges
from benchmarks.gateway.slow_readers import slow_readers

Section: TypeAlias = Callable[[str, int, int], Iterator[dict[str, Any]]]
"""Of the edge's name, the gateway's core and that of everything else."""

SECTIONS: Mapping[str, Section] = {
    "leaving": lambda edge, core, _: leaving(edge, core),
    "slow": lambda edge, core, _: slow_readers(edge, core),
    "overload": overload,
    "bodies": bodies,
}
"""By name, in the order of the table."""


def main() -> None:
    """Measure, print, write down."""
    parser = argparse.ArgumentParser(description="What becomes of the gateway when clients and load are at their worst.")
    parser.add_argument("--sections", default=",".join(SECTIONS), help=f"of {', '.join(SECTIONS)}")
    parser.add_argument("--edge", default=edges()[0])
    parser.add_argument("--json", type=Path, help="where the results go as well")
    arguments = parser.parse_args()
    end_when_told()
    began, before, rows = time.monotonic(), machine(), list[dict[str, Any]]()
    ours, other = cores()
    os.sched_setaffinity(0, {other})
    for name in arguments.sections.split(","):
        rows += SECTIONS[name](arguments.edge, ours, other)
    results = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {**before, "load_after": [round(each, 1) for each in os.getloadavg()]},
        "seconds": round(time.monotonic() - began),
        "rounds": 1,
        "notes": [],
        "rows": rows,
    }
    print(table(results))
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
