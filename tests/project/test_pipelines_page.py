"""docs/pipelines.md: its package, loaded by the real program, is told as the page says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from hyperinfer.api.custom_nodes.places import PLACES
from tests.project.tree import ROOT
from tests.support.plugin_package import FILES, OUTPUTS, PAGE, install


@pytest.fixture(scope="module")
def environ(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Where the package is installed."""
    folder = tmp_path_factory.mktemp("site")
    install(folder)
    return {"PYTHONPATH": f"{ROOT}:{folder}"}


def said(folder: Path, environ: dict[str, str], *words: str) -> tuple[int, str]:
    command = [sys.executable, "-m", "hyperinfer", *words]
    done = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=False, timeout=60)
    assert done.stderr == ""
    return done.returncode, done.stdout


def test_check_prints_what_the_page_says(tmp_path: Path, environ: dict[str, str]) -> None:
    (tmp_path / "providers.yaml").write_text(FILES["providers.yaml"])
    code, printed = said(tmp_path, environ, "check")
    assert code == 0
    assert printed.endswith("\n\n" + OUTPUTS["check"])
    wrong = FILES["providers.yaml"].replace("patterns:", "patern:").replace("before: encode", "before: call")
    (tmp_path / "providers.yaml").write_text(wrong)
    assert said(tmp_path, environ, "check") == (1, OUTPUTS["problems"])


def test_the_drawing_has_them(tmp_path: Path, environ: dict[str, str]) -> None:
    (tmp_path / "providers.yaml").write_text(FILES["providers.yaml"])
    code, printed = said(tmp_path, environ, "diagram", "pipeline", "--config", "providers.yaml")
    assert code == 0
    whole = printed.split("%% ")[2]
    assert re.findall(r'n\d+[(\[]+"(\w+)"', whole) == [
        "decode", "redact", "route", "admit", "tool_loop", "translate", "meter", "guard", "encode", "settle",
    ]  # fmt: skip


def test_the_places_are_all_there() -> None:
    rows = re.findall(r"^\| `before: (\w+)`, `after: (\w+)` \| (\w+) and (\w+) \| `(\w+)` \|", PAGE, re.MULTILINE)
    assert rows == [
        (before, place.after, place.after, before, place.called)
        for place in PLACES
        for before in ["call" if place.before == "tool_loop" else place.before]
    ]


def test_the_readme_leads_here() -> None:
    assert "](docs/pipelines.md)" in (ROOT / "README.md").read_text("utf-8")
