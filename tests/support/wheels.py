"""Wheels of this tree, and fresh environments with one in them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.project.tree import LAYERS, ROOT

NOT_SOURCE = shutil.ignore_patterns("__pycache__")
# What a build needs: the folders that are installed, and the files at the top.
BUILT_FROM = (*LAYERS, "hyperinfer")


def run(command: Sequence[str | Path], cwd: Path, **environment: str) -> str:
    """Runs a command to its end, and shows what it said when it fails."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(
        command,
        cwd=cwd,
        env=inherited | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def build(tree: Path, kind: str, into: Path) -> Path:
    """Builds the `wheel` or `sdist` of a tree with the backend that its pyproject.toml names, and returns the file."""
    program = (
        "import importlib, pathlib, sys, tomllib\n"
        "project = tomllib.loads(pathlib.Path('pyproject.toml').read_text())\n"
        "backend = importlib.import_module(project['build-system']['build-backend'])\n"
        f"print(backend.build_{kind}(sys.argv[1]), file=sys.stderr)\n"
    )
    into.mkdir(parents=True, exist_ok=True)
    run([sys.executable, "-c", program, into], cwd=tree)
    (built,) = into.iterdir()
    return built


@dataclass(frozen=True)
class Built:
    tree: Path
    wheel: Path
    sdist: Path


def copied(tree: Path) -> Path:
    """What a build needs, in a new folder."""
    tree.mkdir()
    for part in BUILT_FROM:
        shutil.copytree(ROOT / part, tree / part, symlinks=True, ignore=NOT_SOURCE)
    for file in ROOT.iterdir():
        if file.is_file():
            shutil.copy(file, tree)
    return tree


def built_in(folder: Path) -> Built:
    """The wheel and the sdist of a copy of this tree, made below `folder`."""
    tree = copied(folder / "tree")
    # Must stay out although they are there.
    shutil.copytree(ROOT / "tests" / "project", tree / "tests" / "project", ignore=NOT_SOURCE)
    (tree / "benchmarks").mkdir()
    (tree / "benchmarks" / "__init__.py").touch()
    return Built(tree, build(tree, "wheel", folder / "wheel"), build(tree, "sdist", folder / "sdist"))


def environment(wheel: Path, folder: Path) -> Path:
    """The interpreter of a fresh virtual environment at `folder`, with the wheel alone in it."""
    run([sys.executable, "-m", "venv", "--without-pip", folder], cwd=folder.parent)
    python = folder / "bin" / "python"
    run(
        [
            sys.executable,
            "-m",
            "pip",
            "--python",
            python,
            "--disable-pip-version-check",
            "install",
            "--no-deps",
            "--no-index",
            wheel,
        ],
        cwd=folder.parent,
    )
    return python


DEPENDENCIES = sysconfig.get_path("purelib")
"""The dependencies come from the environment that runs the tests, as a plain folder: its .pth files, and with them the
editable checkout, are not seen."""
