"""Requests, events and latencies of the whole gateway, on one core: one table.

    python -m benchmarks.gateway [--rounds 3] [--sections whole,streamed] [--peers] [--json FILE] [--keep]

`make bench` and `make bench-peers`. How to read it stands in benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import time
from collections.abc import Generator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.gateway.budget import budget
from benchmarks.gateway.chart import keep
from benchmarks.gateway.goals import beside_embedded, beside_others, by_size, with_ratios
from benchmarks.gateway.machine import machine
from benchmarks.gateway.measure import Target
from benchmarks.gateway.peers import open_peers
from benchmarks.gateway.processes import ROOT, cores, end_when_told, program, tree
from benchmarks.gateway.report import table
from benchmarks.gateway.serving import edges, gateway, shared_servers
from benchmarks.gateway.suite import SECTIONS, Bench

RESULTS = ROOT / "benchmarks" / "results"
NAMES = {"floor": "floor", "forwarder": "hypercorn + httpx2, forwarding only"}
"""Of what forwards and does nothing else."""


@contextlib.contextmanager
def bench(rounds: int, notes: list[str], *, peers: bool) -> Generator[Bench]:
    """Everything that is measured, running. `notes`: takes what is left out, and why."""
    ours, other = cores()
    with contextlib.ExitStack() as stack:
        upstream = stack.enter_context(program("upstream", core=other))
        port = int(upstream.line())
        tool = stack.enter_context(program("load", core=other))
        floor = _forwards(stack, "floor", port, ours)
        stock = _forwards(stack, "forwarder", port, ours)
        gateways = [stack.enter_context(gateway(f"--edge {edge}", edge, port, ours)) for edge in edges()]
        shared = stack.enter_context(shared_servers(ours))
        if shared is None:
            notes.append("without Postgres and Redis: the test requirements are not installed (make venv-test)")
        else:
            environ, pids = shared
            best = edges()[0]
            gateways.append(stack.enter_context(gateway("Postgres + Redis", best, port, ours, environ, beside=pids)))
        yield Bench(
            tool=tool,
            direct=Target(name="direct", port=port),
            floor=floor,
            stock=stock,
            best=gateways[0],
            gateways=gateways,
            others=stack.enter_context(open_peers(port, ours, notes)) if peers else {},
            rounds=rounds,
        )


def _forwards(stack: contextlib.ExitStack, module: str, upstream: int, core: int) -> Target:
    tool = stack.enter_context(program(module, str(upstream), core=core))
    return Target(name=NAMES[module], port=int(tool.line()), pids=tree(tool.process.pid), forwards=True)


def measured(rounds: int, sections: list[str], *, peers: bool) -> dict[str, Any]:
    """One run of it all: `machine`, `notes`, `rows`."""
    began, notes, rows = time.monotonic(), list[str](), list[dict[str, Any]]()
    before = machine()
    with bench(rounds, notes, peers=peers) as running:
        for name in sections:
            if name in SECTIONS:
                rows += SECTIONS[name](running)
        if "budget" in sections:
            rows += budget(running)
        best = running.best.name
    with_ratios(rows)
    rows += [*beside_others(rows, best), *beside_embedded(rows, best), *by_size(rows)]
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {**before, "load_after": [round(each, 1) for each in os.getloadavg()]},
        "seconds": round(time.monotonic() - began),
        "rounds": rounds,
        "notes": notes,
        "rows": rows,
    }


EVERY = (*SECTIONS, "budget")


def sections(text: str) -> list[str]:
    """Names with commas between them. Raises argparse.ArgumentTypeError."""
    names = [name.strip() for name in text.split(",")]
    if unknown := [name for name in names if name not in EVERY]:
        raise argparse.ArgumentTypeError(f"there is no section {unknown[0]!r}: of {', '.join(EVERY)}")
    return names


def positive(text: str) -> int:
    """A number of rounds. Raises ValueError."""
    if (number := int(text)) < 1:
        raise ValueError
    return number


def main() -> None:
    """Measure, print, write down."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.gateway",
        description="Requests, events and latencies of the whole gateway, on one core.",
    )
    parser.add_argument("--rounds", type=positive, default=3, help="a row is the median of so many (default: 3)")
    parser.add_argument("--sections", type=sections, default=list(EVERY), help=f"of {', '.join(EVERY)} (default: all)")
    parser.add_argument("--peers", action="store_true", help="also LiteLLM and Portkey, installed for it")
    parser.add_argument("--json", type=Path, help="where the results go (default: benchmarks/results/DATE.json)")
    parser.add_argument("--keep", action="store_true", help="the summary and the chart of the README, anew")
    arguments = parser.parse_args()
    end_when_told()
    results = measured(arguments.rounds, arguments.sections, peers=arguments.peers)
    print(table(results))
    RESULTS.mkdir(exist_ok=True)
    file: Path = arguments.json or RESULTS / f"{results['date'].replace(':', '')}.json"
    file.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"\n{file}")
    if arguments.keep:
        keep(results, RESULTS)


if __name__ == "__main__":
    main()
