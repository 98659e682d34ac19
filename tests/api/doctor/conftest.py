"""The program, run in this process with an environment and a folder of its own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from hyperinfer.api.cli import main
from tests.api.cli.kit import Cli, Ran


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    """Runs it in an empty folder with an empty environment."""
    monkeypatch.chdir(tmp_path)

    def run(*words: str, environ: Mapping[str, str] | None = None) -> Ran:
        split = words[0].split() if len(words) == 1 else list(words)
        capsys.readouterr()
        code = main(split, environ=environ or {})
        captured = capsys.readouterr()
        return Ran(code, captured.out, captured.err)

    return run
