"""Python, cores, memory, and how many files this process may have open."""

from __future__ import annotations

import os
import platform
import resource
import sqlite3
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import trio

from hyperinfer.api.edge.settings import EdgeSettings
from hyperinfer.api.process_limits import OWN_DESCRIPTORS, connections_within
from hyperinfer.api.store.database import OLDEST_SQLITE

if TYPE_CHECKING:
    from hyperinfer.api.doctor.finding import Findings
    from hyperinfer.api.doctor.surroundings import Surroundings

NEWEST_PYTHON: Final = (3, 14)
"""The newest that the tests run with."""
FEW_CONNECTIONS: Final = 1000
WORKER_MB: Final = 120
"""What one worker takes, with some streams."""


async def look(surroundings: Surroundings, findings: Findings) -> None:
    """Nothing here waits for anybody."""
    await trio.lowlevel.checkpoint()
    _python(findings)
    _cores(surroundings.settings.workers, findings)
    _files(findings)
    _memory(surroundings.settings.workers, findings)


def _python(findings: Findings) -> None:
    version = platform.python_version()
    text = f"Python {version} on {platform.system()} {platform.machine()}, SQLite {sqlite3.sqlite_version}"
    facts = {"python": version, "system": platform.system(), "machine": platform.machine(), "sqlite": sqlite3.sqlite_version}
    if sys.version_info[:2] > NEWEST_PYTHON:
        newest = ".".join(map(str, NEWEST_PYTHON))
        findings.warning("python", text, f"it is not tested with this version; Python 3.11 to {newest} are", **facts)
    elif sqlite3.sqlite_version_info < OLDEST_SQLITE:
        needed = ".".join(map(str, OLDEST_SQLITE))
        findings.problem(
            "python", text, f"the embedded store needs SQLite {needed}: use another Python, or Postgres", **facts
        )
    else:
        findings.ok("python", text, **facts)


def _cores(workers: int, findings: Findings) -> None:
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    text = f"{usable} usable, for {workers} worker{'s' if workers > 1 else ''}"
    if workers > usable:
        findings.warning("cores", text, f"more workers than cores gain nothing: --workers {usable}", usable=usable)
    else:
        findings.ok("cores", text, usable=usable)


def _files(findings: Findings) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = EdgeSettings().max_connections
    limit = None if hard == resource.RLIM_INFINITY else hard
    connections = connections_within(limit, most)
    text = f"{'no limit' if limit is None else f'{limit:,}'}: room for {connections:,} connections a worker"
    if connections < FEW_CONNECTIONS:
        wanted = 2 * FEW_CONNECTIONS + OWN_DESCRIPTORS
        where = "`ulimit -Hn`; systemd: LimitNOFILE=; Docker: --ulimit nofile="
        fix = f"raise the hard limit of open files to {wanted} or more ({where})"
        findings.warning("open files", text, fix, limit=limit, connections=connections)
    else:
        findings.ok("open files", text, limit=limit, connections=connections)


def _memory(workers: int, findings: Findings) -> None:
    free = _free_mb()
    if free is None:
        return
    text = f"{free:,} MB free"
    if free < workers * WORKER_MB:
        fix = f"a worker takes about {WORKER_MB} MB: give this machine more, or start fewer workers"
        findings.warning("memory", text, fix, free_mb=free)
    else:
        findings.ok("memory", text, free_mb=free)


def _free_mb() -> int | None:
    """Of this machine, or of the container that we are in, whichever has less. None where it does not say."""
    found = [each for each in (_of_machine(), _of_container()) if each is not None]
    return min(found, default=None)


def _of_machine() -> int | None:
    try:
        lines = Path("/proc/meminfo").read_text("ascii").splitlines()
        return next(int(line.split()[1]) // 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, ValueError, StopIteration):
        return None


def _of_container() -> int | None:
    folder = Path("/sys/fs/cgroup")
    try:
        most, used = (int((folder / name).read_text("ascii")) for name in ("memory.max", "memory.current"))
        return max(0, most - used) // (1 << 20)
    except (OSError, ValueError):  # `max`: no limit
        return None
