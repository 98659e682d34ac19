"""A check against the kept summary: our rates divided by the floor's of the same run must not have fallen.

    python -m benchmarks.gateway.check [--rounds 3] [--least 0.8]

`make bench-check`. Absolute times say nothing between machines; the ratios of a run to its own floor do, roughly. Ends
with 1 where a ratio is below `--least` times the kept one, in this run and in one more of the same.
"""

from __future__ import annotations

import argparse
import json
import sys

from benchmarks.gateway.__main__ import RESULTS, measured

SECTIONS = ["whole", "streamed"]


def fallen(kept: dict[tuple[str, str], float], rounds: int, least: float) -> dict[tuple[str, str], float]:
    """The ratios of a run that are too low, by group and name."""
    rows = measured(rounds, SECTIONS, peers=False)["rows"]
    now = {(row["group"], row["name"]): float(row["ratio"]) for row in rows if "ratio" in row}
    return {place: now[place] for place, before in kept.items() if place in now and now[place] < least * before}


def main() -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(description="A check against the kept summary.")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--least", type=float, default=0.8)
    arguments = parser.parse_args()
    rows = json.loads((RESULTS / "summary.json").read_text("utf-8"))["rows"]
    kept = {
        (row["group"], row["name"]): float(row["ratio"])
        for row in rows
        if row["group"] in SECTIONS and "ratio" in row and not row.get("forwards") and not row.get("foreign")
    }
    low = fallen(kept, arguments.rounds, arguments.least)
    if low:
        again = fallen(kept, arguments.rounds, arguments.least)
        low = {place: max(ratio, again[place]) for place, ratio in low.items() if place in again}
    for (group, name), ratio in low.items():
        print(f"{group}, {name}: {ratio:.3f} of the floor, was {kept[group, name]:.3f}")
    print(f"{len(kept) - len(low)} of {len(kept)} ratios hold")
    return 1 if low else 0


if __name__ == "__main__":
    sys.exit(main())
