"""What is aimed at, and whether a row reaches it; ratios to the floor of the same run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]

AT_LEAST: Mapping[str, Mapping[str, float]] = {
    "whole": {"core_rate": 4000},
    "streamed": {"core_rate": 80_000},
    "paced": {"core_rate": 15_000},
    "overload": {"of_peak": 0.85},
}
"""On a core of its own: a CPU second is what such a core has in a second."""
AT_MOST: Mapping[str, Mapping[str, float]] = {
    "start": {"ready_s": 1.0, "worker_mb": 110, "tree_mb": 170},
    "latency": {
        "latency_p50_us": 400,
        "latency_p99_us": 1000,
        "first_p99_us": 600,
        "delay_p50_us": 60,
        "delay_p99_us": 250,
        "steps": 0,
    },
    "idle": {"tree_mb": 600},
    "leaving": {"p99_ms": 50},
    "slow": {"held_kb": 256, "silent": 0},
    "bodies": {"most_mb": 1300},
}
STREAMS: Mapping[str, Mapping[str, float]] = {
    "256 streams": {"share": 0.75},
    "384 streams": {"gap_max_ms": 100},
    "512 streams": {"gap_max_ms": 200},
}
SHARED: Mapping[str, float] = {"core_rate": 2000}
"""Whole answers with Postgres and Redis."""
SHARED_LEAST = 0.5
"""Of the embedded store's rate, in the same run."""
LARGE: Mapping[str, float] = {"core_rate": 150}
"""Requests of 400 kB."""
LINEAR = 1.5
"""How often the CPU time of a kB, or of an event, may be that of a quarter of the size at most: more is no noise."""


def goals_of(row: Row) -> tuple[Mapping[str, float], Mapping[str, float]]:
    """The least and the most that its columns should be."""
    group, name = row["group"], row["name"]
    if group == "overload" and (not name.startswith(("2", "4")) or "nothing" in name):
        return {}, {}
    if row.get("forwards") or row.get("foreign") or name.startswith("--edge stock"):
        return {}, {}
    if group == "shared":
        return {"times": SHARED_LEAST}, {}
    if group == "others":
        least = next((times for other, times in TIMES.items() if other in name), 0)
        return {"times": least}, {}
    if group == "whole" and name.startswith("Postgres"):
        return SHARED, {}
    if group == "streamed" and name.startswith("Postgres"):
        return {}, {}
    if group == "start" and name.startswith("Postgres"):
        return {}, {}
    if group == "linear":
        return {}, {"times": LINEAR}
    if group == "concurrent":
        return {}, STREAMS.get(name, {})
    if group == "sizes":
        return (LARGE if name.startswith(("40", "39", "41")) else {}), {}
    return AT_LEAST.get(group, {}), AT_MOST.get(group, {})


def goal_of(row: Row) -> str:
    """In words, empty without any."""
    least, most = goals_of(row)
    words: list[str] = []
    missed = False
    for key, value in least.items():
        if key in row:
            words.append(f"≥ {value:,g}")
            missed |= row[key] < value
    for key, value in most.items():
        if key in row:
            words.append(f"≤ {value:g}")
            missed |= row[key] > value
    return (("missed: " if missed else "ok: ") + ", ".join(words)) if words else ""


def with_ratios(rows: Sequence[dict[str, Any]]) -> None:
    """Adds `ratio` to the rows of a group that has a floor: our rate of a CPU second, divided by the floor's."""
    for group in {row["group"] for row in rows}:
        floor = next((row for row in rows if row["group"] == group and row["name"] == "floor"), None)
        if floor is None or not floor.get("core_rate"):
            continue
        for row in rows:
            if row["group"] == group and "core_rate" in row:
                row["ratio"] = round(row["core_rate"] / floor["core_rate"], 3)


TIMES: Mapping[str, float] = {"LiteLLM": 25, "Portkey": 3}
"""How often the rate of others, in the same run."""


def beside_embedded(rows: Sequence[Row], best: str) -> list[dict[str, Any]]:
    """Rows of the group `shared`: the rate with Postgres and Redis as a part of that of `best` for the same pair."""
    rates = {(row["group"], row["name"]): row["core_rate"] for row in rows if row.get("core_rate")}
    found: list[dict[str, Any]] = []
    for (group, name), rate in rates.items():
        store, _, pair = name.partition(" chat ")
        if group == "whole" and store.startswith("Postgres") and (embedded := rates.get((group, f"{best} chat {pair}"))):
            found.append({"group": "shared", "name": f"whole chat {pair}", "times": round(rate / embedded, 2)})
    return found


def beside_others(rows: Sequence[Row], best: str) -> list[dict[str, Any]]:
    """Rows of the group `others`: the rate of `best` as a multiple of what others have for the same pair."""
    found: list[dict[str, Any]] = []
    for theirs in rows:
        if not theirs.get("foreign") or not theirs["core_rate"]:
            continue
        name, _, pair = theirs["name"].partition(" chat ")
        ours = next((row for row in rows if row["group"] == theirs["group"] and row["name"] == f"{best} chat {pair}"), None)
        if ours is not None:
            times = round(ours["core_rate"] / theirs["core_rate"], 1)
            found.append({"group": "others", "name": f"{theirs['group']} chat {pair}, of {name}", "times": times})
    return found


def by_size(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Rows of the group `linear`: what a kB of the largest requests, and an event of the longest streams, costs as a
    multiple of what it costs of the largest ones that are at most a quarter of that. Near 1 or below where the cost is
    linear, at least 4 where it is quadratic."""
    found: list[dict[str, Any]] = []
    for unit, each in (("kB", 0), ("deltas", 1)):
        costs: list[tuple[int, float]] = []
        for row in rows:
            size, _, named = row["name"].partition(" ")
            if row["group"] == "sizes" and named == unit and row.get("us"):
                # Of a request `us` is that of all of it, of a stream that of an event.
                costs.append((int(size), row["us"] if each else row["us"] / int(size)))
        costs.sort()
        if costs and (smaller := [cost for cost in costs if cost[0] * 4 <= costs[-1][0]]):
            (size, cost), (less, before) = costs[-1], smaller[-1]
            found.append({"group": "linear", "name": f"{size} {unit}, of {less}", "times": round(cost / before, 2)})
    return found
