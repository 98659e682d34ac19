"""The package as a whole."""

from __future__ import annotations

import subprocess
import sys


def test_whoever_runs_graphs_does_not_pay_for_the_test_kit() -> None:
    code = "import hyperinfer.engine, sys; print([name for name in sys.modules if name.startswith('trio.testing')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
