"""`make` on a bare machine: it works with what is there, or says in one line what to install."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.project.blocks import ANY, blocks
from tests.project.tree import ROOT

# All that the Makefile may count on: a POSIX shell with its usual commands, and make.
BARE = ["sh", "make", "cat", "cksum", "cmp", "cp", "dirname", "echo", "ls", "mkdir", "rm"]

OLD = """#!/bin/sh
case "$2" in *sys.exit*) exit 1 ;; *import*print*) echo 3.9.18 ;; *) exit 1 ;; esac
"""
BROKEN_SHIM = """#!/bin/sh
echo 'shim: no version chosen' >&2; exit 127
"""
WITHOUT_VENV = f"""#!/bin/sh
exec {sys.executable} -c "import sys; sys.modules['ensurepip'] = None; exec(sys.argv[1])" "$2"
"""
GOOD = f"""#!/bin/sh
exec {sys.executable} "$@"
"""
OFFLINE = f"""#!/bin/sh
case "$*" in
*"-m pip "*) echo 'no index' >&2; exit 1 ;;
"-m venv "*) mkdir -p "$3/bin"; cp "$0" "$3/bin/python" ;;
*) exec {sys.executable} "$@" ;;
esac
"""


class Machine:
    """A checkout on a machine whose PATH holds the bare commands and these interpreters."""

    def __init__(self, folder: Path, interpreters: Mapping[str, str]) -> None:
        self.bin = folder / "bin"
        self.checkout = folder / "checkout"
        self.bin.mkdir()
        for name in BARE:
            found = shutil.which(name)
            assert found
            (self.bin / name).symlink_to(found)
        for name, script in interpreters.items():
            (self.bin / name).write_text(script)
            (self.bin / name).chmod(0o755)
        shutil.copytree(ROOT / ".ci", self.checkout / ".ci")
        for file in (
            "Makefile",
            "pyproject.toml",
            "requirements.lock",
            "requirements-build.lock",
            "requirements-test.lock",
        ):
            shutil.copy(ROOT / file, self.checkout)

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=self.checkout,
            env={"PATH": str(self.bin)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=60,
        )


@pytest.mark.parametrize("target", ["serve", "test", "venv", "lint", "test-system", "faults", "fields", "lock"])
@pytest.mark.parametrize(
    ("interpreters", "says"),
    [
        ({}, "python3 was not found: install Python 3.11 or newer"),
        ({"python3": OLD}, "python3 is Python 3.9.18, HyperInfer needs 3.11 or newer"),
        ({"python3": WITHOUT_VENV}, "python3 has no venv module: install it"),
        ({"python3.13": BROKEN_SHIM, "python3": BROKEN_SHIM}, "python3 was not found"),
    ],
    ids=["no python3", "too old", "no venv", "broken shims"],
)
def test_one_line_says_what_to_install(tmp_path: Path, target: str, interpreters: Mapping[str, str], says: str) -> None:
    done = Machine(tmp_path, interpreters).run("make", target)
    assert done.returncode != 0
    (line,) = done.stdout.splitlines()
    assert says in line
    assert "install" in line


@pytest.mark.parametrize(
    ("interpreters", "chosen"),
    [
        ({"python3": GOOD}, "python3"),
        ({"python3": OLD, "python3.12": GOOD}, "python3.12"),
        ({"python3": GOOD, "python3.14": BROKEN_SHIM, "python3.13": GOOD}, "python3.13"),
        ({"python3": GOOD, "python3.13": WITHOUT_VENV}, "python3"),
    ],
    ids=["the default", "the default is old", "a shim without a version", "the newest lacks venv"],
)
def test_a_fit_interpreter_is_found(tmp_path: Path, interpreters: Mapping[str, str], chosen: str) -> None:
    machine = Machine(tmp_path, interpreters)
    assert machine.run(".ci/venv", "problem", "run").stdout == ""
    assert machine.run(".ci/venv", "python").stdout.strip() == chosen


def test_the_interpreter_can_be_named(tmp_path: Path) -> None:
    machine = Machine(tmp_path, {"python3": OLD, "python3.13": GOOD, "mine": GOOD})
    assert machine.run("sh", "-c", "PYTHON=mine .ci/venv python").stdout.strip() == "mine"
    done = machine.run("make", "venv", "PYTHON=python3")
    assert done.returncode != 0
    assert "python3 is Python 3.9.18" in done.stdout
    done = machine.run("make", "venv", "PYTHON=nowhere")
    assert done.returncode != 0
    assert "nowhere was not found" in done.stdout


def test_packages_that_cannot_be_fetched(tmp_path: Path) -> None:
    machine = Machine(tmp_path, {"python3": OFFLINE})
    done = machine.run("make", "venv")
    assert done.returncode == 2
    first, second, third, *_ = done.stdout.splitlines()
    assert first.startswith("making .venv with Python 3.")
    assert "fetching packages" in first
    assert second == "no index"
    assert third.startswith("packages could not be installed: pip says why above.")
    assert "HTTPS_PROXY" in third


def test_a_target_that_is_none(tmp_path: Path) -> None:
    done = Machine(tmp_path, {}).run("make", "servee")
    assert done.returncode == 2
    assert done.stdout.startswith("there is no target 'servee': make help lists them\n")


def test_plain_make_says_what_there_is(tmp_path: Path) -> None:
    done = Machine(tmp_path, {}).run("make")
    assert done.returncode == 0
    assert {"make serve", "make test", "make test-system", "make lint", "make venv"} <= {
        line.partition("  ")[0] for line in done.stdout.splitlines()
    }


def test_what_pages_have_made_can_be_made() -> None:
    """Whether it then does what they say is for those to find who run it: `.ci/run` does, and `test_clean_clone.py`."""
    goals = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    lines = [line.partition("#")[0] for block in blocks(ANY, "sh make") for line in block.text.splitlines()]
    assert len(lines) > 5
    for line in lines:
        if goal := re.match(r"make ([\w-]+)", line):
            assert goal[1] in goals
        else:
            assert (ROOT / line.strip()).exists(), line
