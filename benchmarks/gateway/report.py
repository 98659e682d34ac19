"""The table of a run, and the goals beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from benchmarks.gateway.goals import goal_of

Row = Mapping[str, Any]

_RATES: dict[str, str] = {
    "rate": "a second",
    "core_rate": "a CPU second",
    "us": "µs CPU",
    "share": "core",
    "ratio": "÷ floor",
}
COLUMNS: dict[str, tuple[str, dict[str, str]]] = {
    "start": ("Start", {"ready_s": "ready s", "worker_mb": "worker MB", "tree_mb": "tree MB", "tree_own_mb": "unshared MB"}),
    "whole": ("Whole answers, 16 connections", {**_RATES, "p50_ms": "p50 ms", "p99_ms": "p99 ms"}),
    "streamed": ("Streams of 100 deltas written at once, 16 connections: upstream events", {**_RATES, "p99_ms": "p99 ms"}),
    "others": ("Our rate as a multiple of others'", {"times": "times"}),
    "shared": ("Postgres + Redis, as a part of the embedded store's rate", {"times": "times"}),
    "paced": (
        "320 streams with 50 events a second, one a write",
        {**_RATES, "each_read": "a read", "delay_p50_ms": "late p50 ms", "delay_p99_ms": "p99 ms"},
    ),
    "concurrent": (
        "Streams at once, 50 events a second each",
        {
            "rate": "events/s",
            "us": "µs CPU",
            "share": "core",
            "delay_p99_ms": "late p99 ms",
            "gap_p99_ms": "gap p99 ms",
            "gap_max_ms": "max ms",
        },
    ),
    "latency": (
        "Added latency, one request at a time, µs above the same without the gateway",
        {
            "latency_p50_us": "whole p50",
            "latency_p99_us": "p99",
            "first_p50_us": "first p50",
            "first_p99_us": "p99",
            "delay_p50_us": "event p50",
            "delay_p99_us": "p99",
            "steps": "40 ms steps",
        },
    ),
    "sizes": ("Large requests, long streams", {"rate": "a second", "core_rate": "a CPU second", "us": "µs CPU each"}),
    "linear": ("CPU time of a kB, and of an event, as a multiple of that at a smaller size", {"times": "times"}),
    "idle": (
        "Silent open streams",
        {"streams": "streams", "tree_mb": "tree MB", "each_kb": "kB each", "seconds": "s to open"},
    ),
    "leaving": (
        "Clients that leave: until the upstream's socket is closed",
        {"samples": "samples", "p50_ms": "p50 ms", "p99_ms": "p99 ms", "max_ms": "max ms"},
    ),
    "slow": (
        "Clients that read 4 kB a second: kB for each",
        {
            "own_kb": "ours",
            "sending_kb": "in its socket p50",
            "sending_max_kb": "max",
            "send_limit_kb": "limit",
            "held_kb": "ours + limit",
            "receiving_max_kb": "upstream's max",
            "closed": "windows closed",
            "silent": "starved",
            "opened_s": "s to open",
        },
    ),
    "overload": (
        "More requests than can be answered, over 1,000 connections; 64 are let in at once",
        {
            "offered": "come a second",
            "answered": "answered",
            "share": "core",
            "of_peak": "of peak, CPU",
            "refused": "told 529",
            "unsent": "not sent",
            "good_p50_ms": "answered p50 ms",
            "good_p99_ms": "p99",
            "told_p50_ms": "told p50 ms",
            "told_p99_ms": "p99",
            "worker_mb": "worker MB",
        },
    ),
    "bodies": (
        "The largest bodies at once",
        {
            "answered": "answered",
            "refused": "told 529",
            "seconds": "s in all",
            "before_mb": "worker MB before",
            "most_mb": "at most",
            "after_mb": "after",
            "small_p50_ms": "small ones p50 ms",
            "small_p99_ms": "p99",
        },
    ),
    "budget": ("Where a small request's time goes", {"us": "µs CPU"}),
}


def table(results: Mapping[str, Any]) -> str:
    """The whole run as text."""
    machine = results["machine"]
    lines = [
        f"{results['date']}  {machine['cores']} cores, {machine['processor']}, Linux {machine['kernel']}",
        f"Python {machine['python']}, " + ", ".join(f"{name} {version}" for name, version in machine["packages"].items()),
        f"commit {machine['commit']}; load average {machine['load_before'][0]} before, {machine['load_after'][0]} after;"
        f" {results['rounds']} rounds, {results['seconds']} s",
    ]
    if max(machine["load_before"][0], 0) > 1:
        lines.append("Others use this machine: go by the columns of CPU time, and by ratios.")
    lines += results["notes"]
    rows: Sequence[Row] = results["rows"]
    for group, (title, columns) in COLUMNS.items():
        if chosen := [row for row in rows if row["group"] == group]:
            lines += ["", title, *_grid(chosen, columns)]
    return "\n".join(lines)


def _grid(rows: Sequence[Row], columns: Mapping[str, str]) -> list[str]:
    goals = [goal_of(row) for row in rows]
    shown = {key: title for key, title in columns.items() if any(key in row for row in rows)}
    cells = [["", *shown.values(), "goal"]]
    for row, goal in zip(rows, goals, strict=True):
        cells.append([row["name"], *(_number(row.get(key)) for key in shown), goal])
        if row.get("errors"):
            cells[-1][-1] += f"  {row['errors']} errors: {row.get('error', '')[:60]}"
    width = [max(len(line[place]) for line in cells) for place in range(len(cells[0]))]
    pad: Callable[[str, int], str] = str.rjust
    return [
        "  ".join(
            [line[0].ljust(width[0]), *(pad(cell, width[place]) for place, cell in enumerate(line[1:-1], 1)), line[-1]]
        )
        for line in cells
    ]


def _number(value: object) -> str:
    return "" if value is None else f"{value:,}" if isinstance(value, int | float) else str(value)
