"""`make audit`: whether a locked package has a known hole, or was withdrawn by who made it.

`pip-audit` asks the advisory service of PyPI about each package by its name and version, from an environment of its own
whose packages are locked too. Where it cannot be reached that is said, and nothing fails: no change waits for it. What
was withdrawn ("yanked") the index itself says, which has to be there for anything to be installed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
TOOL = "requirements-audit.lock"
LOCKS = ("requirements.lock", "requirements-build.lock", "requirements-test.lock", "tests/system/schemathesis.txt", TOOL)
SECONDS = 240


@dataclass(frozen=True)
class Verdict:
    """Of one lock. `holes`: a line for each advisory. `asked`: of how many packages the service said anything."""

    holes: tuple[str, ...]
    asked: int
    packages: int


def verdict_of(report: dict[str, Any]) -> Verdict:
    """Of what `pip-audit --format json` says."""
    packages: list[dict[str, Any]] = report["dependencies"]
    known = [each for each in packages if "skip_reason" not in each]
    holes = tuple(
        f"{each['name']} {each['version']}: {hole['id']}, fixed in {', '.join(hole['fix_versions']) or 'nothing yet'}"
        for each in known
        for hole in each["vulns"]
    )
    return Verdict(holes, len(known), len(packages))


def yanked_in(said: str) -> tuple[str, ...]:
    """What pip says of packages that were withdrawn."""
    return tuple(line.strip() for line in said.splitlines() if "is a yanked version" in line)


def _pip(python: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(python), "-m", "pip", "--disable-pip-version-check", "--no-input", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=SECONDS, check=False)


def _tool() -> Path:
    """The Python of its environment, which is made anew when the lock has changed."""
    cache = os.environ.get("HYPERINFER_SYSTEM_DIR") or Path.home() / ".cache" / "hyperinfer-system"
    folder, lock = Path(cache) / "audit", (ROOT / TOOL).read_text()
    python, stamp = folder / "bin" / "python", folder / "installed.txt"
    if not stamp.exists() or stamp.read_text() != lock:
        venv.create(folder, clear=True, with_pip=True)
        made = _pip(python, "install", "-q", "--require-hashes", "-r", TOOL)
        if made.returncode != 0:
            raise SystemExit(f"audit: cannot install pip-audit:\n{made.stderr}")
        stamp.write_text(lock)
    return python


def _verdict(python: Path, lock: str) -> Verdict:
    options = ["--disable-pip", "--require-hashes", "--no-deps", "--format", "json", "--progress-spinner", "off"]
    command = [str(python), "-m", "pip_audit", *options, "-r", lock]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=SECONDS, check=False)
        return verdict_of(json.loads(done.stdout))
    except (subprocess.TimeoutExpired, json.JSONDecodeError):  # it could not connect, or was not answered
        return Verdict((), 0, 0)


def main(locks: Sequence[str] = LOCKS) -> int:
    """Says what was found; 1 when that is anything."""
    python, bad = _tool(), False
    for lock in locks:
        verdict = _verdict(python, lock)
        looked = _pip(
            python, "install", "-q", "--dry-run", "--ignore-installed", "--no-deps", "--require-hashes", "-r", lock
        )
        yanked = yanked_in(looked.stderr)
        for line in (*verdict.holes, *yanked):
            print(f"audit: {lock}: {line}")
        bad = bad or bool(verdict.holes or yanked)
        if verdict.asked == 0:
            print(f"audit: {lock}: NOT looked up: the advisory service cannot be reached from here")
        else:
            print(f"audit: {lock}: {verdict.asked} of {verdict.packages} packages looked up")
        if looked.returncode != 0:
            print(f"audit: {lock}: what was withdrawn is NOT known: {looked.stderr.strip().splitlines()[-1:]}")
    return int(bad)


if __name__ == "__main__":
    sys.exit(main())
