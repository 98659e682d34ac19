"""Where the time of a request goes: a row a stage, from an edge with nothing behind it and from `stages.py`."""

from __future__ import annotations

import json
from collections.abc import Iterator

from benchmarks.gateway.measure import Run, Target, load
from benchmarks.gateway.processes import cores, program, tree
from benchmarks.gateway.serving import edges
from benchmarks.gateway.suite import WHOLE, Bench, Row

SUM = (
    "key",
    "decode request",
    "route, encode request",
    "rate, hold",
    "upstream exchange",
    "decode response",
    "meter, price",
    "encode response",
    "settle, record",
    "run of eight nodes",
    "a cancel scope",
    "log line",
)
"""What a request goes through, each once."""
ALL = "all of it behind the edge"


def budget(bench: Bench) -> Iterator[Row]:
    """µs of CPU a small request with a whole answer."""
    ours, _ = cores()
    for edge in edges():
        with program("edge_alone", edge, core=ours) as alone:
            target = Target(name=edge, port=int(alone.line()), pids=tree(alone.process.pid))
            ask = target.ask("openai_chat", "openai_chat", WHOLE, streamed=False)
            run = load(bench.tool, target, ask, Run())
            yield _row(f"HTTP with the client, --edge {edge}", run["cpu"] / max(1, run["completed"]) * 1e6)
    found: dict[str, float] = {}
    with program("stages", str(bench.direct.port), core=ours) as stages:
        while ALL not in found:
            line = json.loads(stages.line())
            found[line["stage"]] = line["us"]
    for name, us in found.items():
        yield _row(name, us)
    yield _row("… of it between the stages", found[ALL] - sum(found[name] for name in SUM))


def _row(name: str, us: float) -> Row:
    return {"group": "budget", "name": name, "us": round(us, 1)}
