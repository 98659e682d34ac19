"""The source tree as data: its folders, its files and what each of them imports."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LAYERS = ("api", "engine", "formats", "nodes", "providers", "testing")


@dataclass(frozen=True)
class Import:
    """One imported module (dotted, absolute) and the line that imports it."""

    module: str
    line: int


def python_files(*folders: str) -> list[Path]:
    """Every Python file below these folders of the repository, sorted."""
    return sorted(file for folder in folders for file in (ROOT / folder).rglob("*.py") if "__pycache__" not in file.parts)


def source_files() -> list[Path]:
    """Every Python file that is installed, each under its real path and once."""
    return sorted([*(ROOT / "hyperinfer").glob("*.py"), *python_files(*LAYERS)])


def module_name(file: Path) -> str:
    """The name that a source file is imported by: `engine/run.py` is `hyperinfer.engine.run`."""
    parts = list(file.relative_to(ROOT).with_suffix("").parts)
    if parts[0] != "hyperinfer":
        parts.insert(0, "hyperinfer")
    if parts[-1] == "__init__":
        parts.pop()
    return ".".join(parts)


def imports(source: str, package: str) -> list[Import]:
    """All that a module in `package` imports: at the top, in functions, under TYPE_CHECKING, by a literal name."""
    return imports_among(ast.walk(ast.parse(source)), package)


def imports_among(nodes: Iterable[ast.AST], package: str) -> list[Import]:
    """The same, of a module's syntax."""
    found: list[Import] = []
    for node in nodes:
        match node:
            case ast.Import(names=names):
                found += [Import(alias.name, node.lineno) for alias in names]
            case ast.ImportFrom(module=module, names=names, level=level):
                base = _absolute(module, level, package)
                # `from package import module` imports either a name or a module: both readings count.
                found += [Import(f"{base}.{alias.name}", node.lineno) for alias in names]
            case ast.Call(
                func=ast.Name(id="import_module" | "__import__") | ast.Attribute(attr="import_module"),
                args=[ast.Constant(value=str(name)), *_],
            ):
                found.append(Import(name, node.lineno))
            case _:
                pass
    return found


def imports_of(file: Path) -> list[Import]:
    name = module_name(file)
    package = name if file.name == "__init__.py" else name.rpartition(".")[0]
    return imports(file.read_text(encoding="utf-8"), package)


def _absolute(module: str | None, level: int, package: str) -> str:
    if level == 0:
        return module or ""
    base = package.split(".")
    base = base[: len(base) - (level - 1)]
    return ".".join([*base, module] if module else base)
