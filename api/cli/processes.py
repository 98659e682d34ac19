"""The processes of a running gateway and what they speak with, as they are drawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Process:
    """One of them, or what is outside. `where`: the modules that it may run, from the root of the repository; `speaks`: with
    whom, from it to them."""

    what: str
    where: tuple[str, ...] = ()
    speaks: tuple[str, ...] = ()


PROCESSES: Final[Mapping[str, Process]] = {
    "supervisor": Process("opens the sockets, keeps workers alive", ("api/supervisor.py",), ("worker", "check of nodes")),
    "clients": Process("SDKs, agents, browsers", speaks=("worker",)),
    "probe": Process("a container's question whether all is well", ("api/probe.py",), ("worker",)),
    "worker": Process(
        "edge, pipelines, settlement: one loop",
        ("api/worker.py",),
        ("writer", "reports", "scribe", "syncer", "providers", "Postgres, Redis"),
    ),
    "check of nodes": Process("loads nodes of your own, at a reload", ("api/custom_nodes/process.py",)),
    "writer": Process("commits in groups", ("api/store/writer.py",), ("SQLite",)),
    "reports": Process(
        "scans and sums, for a question",
        ("api/store/reports.py", "api/store/remote/reports.py"),
        ("SQLite", "Postgres, Redis"),
    ),
    "scribe": Process("writes recordings", ("api/recording/scribe.py",), ("data folder",)),
    "syncer": Process("brings journals to the disk", ("api/store/syncer.py",), ("data folder",)),
    "providers": Process("models, of any of the three formats"),
    "SQLite": Process("the embedded store"),
    "Postgres, Redis": Process("the shared store"),
    "data folder": Process("recordings, journals"),
}
"""Those that run, by name. tests/project/test_diagrams.py holds that they are all that the gateway starts."""
