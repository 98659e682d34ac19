"""A server does not start with nodes that it could not use."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.api.custom_nodes.section import item
from tests.project.tree import ROOT


def test_all_that_is_wrong_is_told_before_anything_is_served(tmp_path: Path) -> None:
    config = tmp_path / "providers.yaml"
    config.write_text(f"pipeline:\n- {item('nowhere', 'before: call')}\n- {{node: no_entry_point, after: decode}}\n")
    command = [
        sys.executable,
        "-m",
        "hyperinfer",
        "serve",
        "--port",
        "0",
        "--config",
        str(config),
        "--data",
        str(tmp_path / "d"),
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"{config}:2: " in done.stderr
    assert "nowhere" in done.stderr
    assert f"{config}:3: " in done.stderr
    assert "no_entry_point" in done.stderr
    assert not (tmp_path / "d" / "hyperinfer.db").exists()
