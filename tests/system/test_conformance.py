"""This gateway passes its own conformance kit, run as a user runs it: two commands."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from hyperinfer.testing.conformance import CHECKS
from tests.support.served import KEY, ROOT, gateway
from tests.system.foreign import free_port


def _program(*words: str) -> list[str]:
    return [sys.executable, "-m", "hyperinfer", *words]


def test_this_gateway_passes_all(tmp_path: Path) -> None:
    listen = f"127.0.0.1:{free_port()}"
    written = tmp_path / "conformance.yaml"
    command = _program("conformance", "--write-config", str(written), "--listen", listen)
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    with gateway(tmp_path, written.read_text("utf-8")) as served:
        command = _program("conformance", f"{served.url}/api/v1", "--key", KEY, "--listen", listen, "--json")
        done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    report = json.loads(done.stdout)
    assert [result for result in report["results"] if result["verdict"] != "pass"] == []
    assert done.returncode == 0, done.stderr
    assert {result["check"] for result in report["results"]} == {check.id for check in CHECKS}
    cells = {(result["client"], result["upstream"], result["streamed"]) for result in report["results"]}
    assert len(cells) == 18
