"""`hyperinfer.engine` is the only name of that module; importing does no work and loads no more than it needs."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.project.tree import LAYERS, ROOT, imports, module_name, python_files, source_files

FILES = sorted({*source_files(), *python_files("tests", "benchmarks")})


def modules_after(statement: str) -> set[str]:
    """What a fresh interpreter, started in the repository, has loaded after this statement."""
    program = f"{statement}\nimport json, sys\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    printed: list[str] = json.loads(done.stdout)
    return set(printed)


def import_all(files: list[Path]) -> str:
    return "\n".join(f"import {module_name(file)}" for file in files if file.name != "__main__.py")


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_nothing_imports_a_bare_name(file: Path) -> None:
    found = imports(file.read_text(encoding="utf-8"), package="")
    assert not [each for each in found if each.module.split(".")[0] in LAYERS]


def test_importing_everything_loads_each_module_once() -> None:
    loaded = modules_after(import_all(source_files()))
    assert {f"hyperinfer.{layer}" for layer in LAYERS} <= loaded
    assert not {name for name in loaded if name.split(".")[0] in LAYERS}


def test_formats_load_no_runtime() -> None:
    loaded = modules_after(import_all(python_files("formats")))
    assert not loaded & {"trio", "anyio", "asyncio", "httpx2", "hypercorn"}


def test_importing_the_package_loads_no_server() -> None:
    loaded = modules_after("import hyperinfer")
    assert not loaded & {"quart", "hypercorn", "asyncpg", "redis", "rich"}


def test_the_command_line_starts_light() -> None:
    loaded = modules_after("import hyperinfer.api.cli")
    assert not loaded & {"quart", "asyncpg", "redis"}


@pytest.mark.parametrize("file", source_files(), ids=lambda file: str(file.relative_to(ROOT)))
def test_importing_starts_nothing(file: Path) -> None:
    """No statement at the top of a module waits, opens, listens or starts something."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    calls = [
        ast.unparse(node.value.func) for node in tree.body if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
    ]
    assert file.name == "__main__.py" or not calls
