"""What systemd's own tools say of the unit."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.deploy.test_systemd import UNIT

MOST_EXPOSED = 15
"""Tenths: 0 is a service that may do nothing, 100 one that may do all."""


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """With a program that is there."""
    file = tmp_path / UNIT.name
    file.write_text(UNIT.read_text().replace("/opt/hyperinfer/bin/hyperinfer", "/bin/true"))
    return file


def analyze(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["systemd-analyze", *words], check=False, capture_output=True, text=True, timeout=60)


def test_it_is_a_unit(unit: Path) -> None:
    done = analyze("verify", "--man=no", unit)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_mistake_in_it_would_be_told(unit: Path) -> None:
    unit.write_text(unit.read_text().replace("KillMode=mixed", "KillMood=mixed"))
    assert "KillMood" in analyze("verify", "--man=no", unit).stderr


def test_it_is_hardened(unit: Path) -> None:
    done = analyze("security", "--offline=true", f"--threshold={MOST_EXPOSED}", "--no-pager", unit)
    assert done.returncode == 0, done.stdout
