"""One measurement: a target is asked for a while, and what came of it is one row of the table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from benchmarks.gateway.processes import tree
from benchmarks.gateway.spreads import median
from benchmarks.gateway.wire import PATHS, question

if TYPE_CHECKING:
    from benchmarks.gateway.processes import Tool
    from hyperinfer.formats import Dialect


@dataclass(frozen=True)
class Ask:
    """A request to a target."""

    path: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=lambda: dict[str, str]())


@dataclass(frozen=True, kw_only=True)
class Target:
    """What is asked. `pids`: processes that work for it, with all below them. `foreign`: it is another's gateway.
    `forwards`: it is none, and does nothing else. This one is the mock upstream itself, or forwards to it."""

    name: str
    port: int
    pids: Sequence[int] = ()
    foreign: bool = False
    forwards: bool = False

    def ask(self, client: Dialect, upstream: Dialect, mode: str, *, streamed: bool) -> Ask:
        """The request of a client of one format, answered from an upstream of another in one of its modes. What only
        forwards takes the client's format for both."""
        return Ask(f"/{mode}/v1{PATHS[client]}", question(client, "upstream", streamed=streamed))


@dataclass(frozen=True, kw_only=True)
class Run:
    """How long, and how much at once. See `load.Job`."""

    connections: int = 16
    seconds: float = 1.0
    warm: float = 0.3
    once: bool = False
    stamped: bool = False


def load(tool: Tool, target: Target, ask: Ask, run: Run) -> dict[str, Any]:
    """What the load generator says of it."""
    return tool.ask(
        {
            "port": target.port,
            "path": ask.path,
            "headers": dict(ask.headers),
            "body": ask.body.decode(),
            "pids": tree(*target.pids),
            "connections": run.connections,
            "seconds": run.seconds,
            "warm": run.warm,
            "once": run.once,
            "stamped": run.stamped,
        }
    )


def rates(group: str, name: str, rounds: Sequence[dict[str, Any]], *, each: int = 1) -> dict[str, Any]:
    """A row: the medians of some rounds. `each`: what one answer counts for, such as events of a stream.

    `rate`: a second of the clock. `core_rate`: a second of CPU time of the target's processes, which is the rate that
    it has on a core that it need not share. `us`: CPU time of one. `share`: of its core.
    """
    done = [each * run["completed"] for run in rounds]
    cpu = [run["cpu"] for run in rounds]
    return {
        "group": group,
        "name": name,
        "rate": round(median([count / run["seconds"] for count, run in zip(done, rounds, strict=True)])),
        "core_rate": round(median([count / used for count, used in zip(done, cpu, strict=True) if used])),
        "us": round(median([used / count * 1e6 for count, used in zip(done, cpu, strict=True) if count]), 2),
        "share": round(median([used / run["seconds"] for used, run in zip(cpu, rounds, strict=True)]), 2),
        "p50_ms": round(median([run["latency"].get("p50", 0) for run in rounds]) / 1000, 2),
        "p99_ms": round(median([run["latency"].get("p99", 0) for run in rounds]) / 1000, 2),
        "errors": sum(run["errors"] for run in rounds),
        "error": next((run["error"] for run in rounds if run["error"]), ""),
    }


def streams(group: str, name: str, run: dict[str, Any]) -> dict[str, Any]:
    """A row of a run of many paced streams: events a second, how late they are, and silences between them."""
    events, seconds = run["delay"].get("count", 0), run["seconds"]
    return {
        "group": group,
        "name": name,
        "rate": round(events / seconds),
        "core_rate": round(events / run["cpu"]) if run["cpu"] else 0,
        "us": round(run["cpu"] / events * 1e6, 2) if events else 0.0,
        "share": round(run["cpu"] / seconds, 2),
        "delay_p50_ms": round(run["delay"].get("p50", 0) / 1000, 2),
        "delay_p99_ms": round(run["delay"].get("p99", 0) / 1000, 2),
        "each_read": round(events / run["gap"]["count"], 1) if run["gap"] else 0.0,
        "gap_p99_ms": round(run["gap"].get("p99", 0) / 1000, 1),
        "gap_max_ms": round(run["gap"].get("max", 0) / 1000, 1),
        "errors": run["errors"],
        "error": run["error"],
    }
