"""Public names: said in each package's `__init__`, nowhere else, each real and each explained."""

from __future__ import annotations

import ast
import importlib
import inspect
from pathlib import Path

import pytest

from tests.project.tree import LAYERS, ROOT, module_name, source_files

PACKAGES = ["hyperinfer", *(f"hyperinfer.{layer}" for layer in LAYERS)]


def declared(file: Path) -> list[str] | None:
    """The literal `__all__` of a file."""
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        match node:
            case ast.Assign(targets=[ast.Name(id="__all__")], value=value):
                return list(ast.literal_eval(value))
            case ast.AnnAssign(target=ast.Name(id="__all__"), value=ast.expr() as value):
                return list(ast.literal_eval(value))
            case _:
                pass
    return None


def own_docstring(thing: object) -> str:
    """The docstring that somebody wrote; a dataclass without one is given its signature, which explains nothing."""
    text = vars(thing).get("__doc__") if isinstance(thing, type) else inspect.getdoc(thing)
    if not isinstance(text, str) or (isinstance(thing, type) and text.startswith(f"{thing.__name__}(")):
        return ""
    return text.strip()


@pytest.mark.parametrize("file", source_files(), ids=lambda file: str(file.relative_to(ROOT)))
def test_only_packages_declare_public_names(file: Path) -> None:
    if file.name != "__init__.py":
        assert declared(file) is None, f"__all__ belongs in the __init__.py of {file.parent.name}/"


@pytest.mark.parametrize(
    "file",
    [file for file in source_files() if file.name == "__init__.py"],
    ids=lambda file: str(file.relative_to(ROOT)),
)
def test_public_names_exist_and_are_explained(file: Path) -> None:
    names = declared(file) or []
    module = importlib.import_module(module_name(file))
    assert module.__doc__, "a package says what it holds"
    assert len(names) == len(set(names))
    missing = [name for name in names if not hasattr(module, name)]
    assert not missing
    things = {name: getattr(module, name) for name in names}
    unexplained = [
        name
        for name, thing in things.items()
        if (inspect.isclass(thing) or inspect.isroutine(thing)) and not own_docstring(thing)
    ]
    assert not unexplained, "every public class and function has a docstring"


@pytest.mark.parametrize("package", PACKAGES)
def test_a_star_import_brings_what_is_declared(package: str) -> None:
    scope: dict[str, object] = {}
    exec(f"from {package} import *", scope)
    module = importlib.import_module(package)
    assert set(getattr(module, "__all__", [])) <= set(scope)


@pytest.mark.parametrize("file", source_files(), ids=lambda file: str(file.relative_to(ROOT)))
def test_every_module_says_what_it_is(file: Path) -> None:
    assert ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))), (
        "the first line of a module says what it holds"
    )
