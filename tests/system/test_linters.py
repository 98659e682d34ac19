"""The linters see every layer through its link, each module once, and the tests too."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.project.tree import LAYERS, ROOT

BIN = Path(sys.executable).parent

# The second line is wrong to a type checker; the third is wrong to ruff.
WRONG = '''"""Wrong on purpose."""
number: int = "text"
from {bare} import *
'''


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the checkout with one wrong file in each folder."""
    tree = tmp_path_factory.mktemp("linters") / "tree"
    ignored = shutil.ignore_patterns(".git", ".venv", ".*_cache", "__pycache__", ".hypothesis", "fixtures", "data")
    shutil.copytree(ROOT, tree, symlinks=True, ignore=ignored)
    (tree / ".venv").symlink_to(BIN.parent)
    for folder in (*LAYERS, "tests", "docs/examples"):
        (tree / folder / "wrong_on_purpose.py").write_text(WRONG.format(bare="engine"))
    return tree


def complaints(tree: Path, command: Sequence[str]) -> list[str]:
    """The wrong files that a linter names for the wrong line, once for each time it does."""
    environment = {"PATH": f"{BIN}:/usr/bin:/bin", "HOME": str(Path.home())}
    done = subprocess.run(
        [BIN / command[0], *command[1:]], cwd=tree, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode != 0, done.stdout + done.stderr
    return re.findall(r"([\w/]+)/wrong_on_purpose.py:2:.*(?:assign|Assign)", done.stdout.replace(f"{tree}/", ""))


@pytest.mark.parametrize("command", [["mypy", "--no-incremental"], ["pyright"]], ids=["mypy", "pyright"])
def test_a_type_checker_sees_each_module_once_by_its_import_name(tree: Path, command: Sequence[str]) -> None:
    assert sorted(complaints(tree, command)) == sorted(
        [*(f"hyperinfer/{layer}" for layer in LAYERS), "tests", "docs/examples"]
    )


def test_ruff_sees_each_file_once_and_bans_bare_names(tree: Path) -> None:
    done = subprocess.run(
        [BIN / "ruff", "check", "--no-cache", "--output-format=concise", "."],
        cwd=tree,
        capture_output=True,
        text=True,
        check=False,
    )
    banned = re.findall(r"^([\w/]+)/wrong_on_purpose.py:3:.*TID251", done.stdout, flags=re.MULTILINE)
    assert sorted(banned) == sorted([*LAYERS, "tests", "docs/examples"])
