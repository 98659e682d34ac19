"""The worked examples as a user runs them: each a program of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.examples.kit import FOLDER
from tests.examples.printed import CHECKS, INPUTS, TESTS

ENVIRON = {name: value for name, value in os.environ.items() if not name.endswith("_API_KEY")}


def run(*command: str, given: str = "", folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env=ENVIRON,
        input=given,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    return done.stdout


@pytest.mark.parametrize("name", CHECKS)
def test_it_prints_what_it_should(name: str, tmp_path: Path) -> None:
    CHECKS[name](run(str(FOLDER / f"{name}.py"), given=INPUTS.get(name, ""), folder=tmp_path))


@pytest.mark.parametrize("name", TESTS)
def test_its_tests_pass(name: str, tmp_path: Path) -> None:
    said = run(
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--rootdir",
        str(tmp_path),
        str(FOLDER / f"{name}.py"),
        folder=tmp_path,
    )
    assert re.search(r"\b2 passed", said)
