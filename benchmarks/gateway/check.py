"""A check against the kept summary: our rates divided by the floor's of the same run must not have fallen.

    python -m benchmarks.gateway.check [--rounds 3] [--least 0.8]

`make bench-check`. Absolute times say nothing between machines; the ratios of a run to its own floor do, roughly. Ends
with 1 where a ratio is below `--least` times the kept one, in this run and in one more of the same.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from benchmarks.gateway.__main__ import RESULTS, measured

SECTIONS = ["whole", "streamed"]


Ratios: TypeAlias = dict[tuple[str, str], float]
"""A rate divided by the floor's of the same run, by group and name."""


def ours(rows: Sequence[Mapping[str, Any]]) -> Ratios:
    """Those of our own gateways."""
    return {
        (row["group"], row["name"]): float(row["ratio"])
        for row in rows
        if row["group"] in SECTIONS and "ratio" in row and not row.get("forwards") and not row.get("foreign")
    }


def fallen(kept: Ratios, now: Ratios, least: float) -> Ratios:
    """Those of a run that are below so much of what they were. What was not measured has not fallen."""
    return {place: now[place] for place, before in kept.items() if place in now and now[place] < least * before}


def verdict(kept: Ratios, first: Ratios, second: Ratios, least: float) -> tuple[int, list[str]]:
    """The exit code, and the lines that say why. `second`: of one more run, which is asked only of what has fallen."""
    low = {place: max(ratio, second[place]) for place, ratio in fallen(kept, first, least).items() if place in second}
    low = fallen(kept, low, least)
    missing = [place for place in kept if place not in first]
    lines = [
        f"{group}, {name}: {ratio:.3f} of the floor, was {kept[group, name]:.3f}" for (group, name), ratio in low.items()
    ]
    lines += [f"{group}, {name}: not measured" for group, name in missing]
    measured_now = len(kept) - len(missing)
    lines.append(f"{measured_now - len(low)} of {measured_now} ratios hold")
    return 1 if low or not measured_now else 0, lines


def main() -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(description="A check against the kept summary.")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--least", type=float, default=0.8)
    arguments = parser.parse_args()
    kept = ours(json.loads((RESULTS / "summary.json").read_text("utf-8"))["rows"])
    first = ours(measured(arguments.rounds, SECTIONS, peers=False)["rows"])
    second = first
    if fallen(kept, first, arguments.least):
        second = ours(measured(arguments.rounds, SECTIONS, peers=False)["rows"])
    code, lines = verdict(kept, first, second, arguments.least)
    print("\n".join(lines))
    return code


if __name__ == "__main__":
    sys.exit(main())
