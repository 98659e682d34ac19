"""What the figures were measured on."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.gateway.processes import ROOT

PACKAGES = ("trio", "hypercorn", "httptools", "httpx2", "msgspec")


def machine() -> dict[str, Any]:
    """Processor, kernel, versions, the commit, and how busy others keep it."""
    revision = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return {
        "cores": len(os.sched_getaffinity(0)),
        "processor": _processor(),
        "kernel": platform.release(),
        "python": sys.version.split()[0],
        "packages": {name: version(name) for name in PACKAGES},
        "commit": revision.stdout.strip(),
        "load_before": [round(each, 1) for each in os.getloadavg()],
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
