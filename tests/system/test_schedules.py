"""Twenty thousand fault schedules in one process (`tests/schedules`)."""

from __future__ import annotations

import subprocess
import sys

from tests.schedules.endings import KINDS
from tests.support.served import ROOT

COUNT = 20_000
SEEN = 5
"""How often each kind of ending is seen at least."""


def test_twenty_thousand_schedules_run_clean() -> None:
    command = [sys.executable, "-m", "tests.schedules", "--count", str(COUNT)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert lines[-1].startswith(f"{COUNT} schedules in "), lines[-1]
    counts = {kind: int(count) for count, kind in (line.strip().split("  ", 1) for line in lines[:-1])}
    assert set(counts) == set(KINDS)
    rare = {kind: count for kind, count in counts.items() if count < SEEN}
    assert not rare, "the schedules have gone blind to these"
