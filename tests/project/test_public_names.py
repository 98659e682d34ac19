"""Public names: said in each package's `__init__`, nowhere else, each real and each explained."""

from __future__ import annotations

import ast
import importlib
import inspect
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest

from tests.project.tree import LAYERS, ROOT, module_name, source_files

PACKAGES = ["hyperinfer", *(f"hyperinfer.{layer}" for layer in LAYERS)]


LIBRARY = [
    "hyperinfer.engine", "hyperinfer.formats", "hyperinfer.nodes", "hyperinfer.providers", "hyperinfer.testing",
    "hyperinfer.testing.conformance", "hyperinfer.api.replay",
]  # fmt: skip
"""What people build on."""


def names_of(package: str) -> list[str]:
    return list(importlib.import_module(package).__all__)


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


@cache
def statements(module: str) -> list[ast.stmt]:
    file = importlib.import_module(module).__file__
    assert file is not None
    return ast.parse(Path(file).read_text("utf-8")).body


def definition(module: str, name: str) -> tuple[ast.stmt, ast.stmt | None]:
    """The statement that makes a public name, wherever that is, and what stands behind it."""
    body = statements(module)
    for statement, behind in pairwise([*body, None]):
        match statement:
            case ast.ClassDef(name=found) | ast.FunctionDef(name=found) | ast.AsyncFunctionDef(name=found):
                made = {found}
            case ast.Assign(targets=targets):
                made = {target.id for target in targets if isinstance(target, ast.Name)}
            case ast.AnnAssign(target=ast.Name(id=found)):
                made = {found}
            case _:
                continue
        if name in made:
            return statement, behind
    for node in ast.walk(ast.Module(body, [])):
        if isinstance(node, ast.ImportFrom) and node.module:
            for each in node.names:
                if (each.asname or each.name) == name:
                    return definition(node.module, each.name)
    raise AssertionError(f"{module} has no {name}")


@pytest.mark.parametrize(("package", "name"), [(package, name) for package in LIBRARY for name in names_of(package)])
def test_a_name_of_the_library_is_explained_where_it_is_made(package: str, name: str) -> None:
    """Constants and aliases by the string behind them, methods and properties as well as their class."""
    statement, behind = definition(package, name)
    if isinstance(statement, ast.Assign | ast.AnnAssign):
        match behind:
            case ast.Expr(value=ast.Constant(value=str(said))):
                assert said.strip()
            case _:
                pytest.fail(f"a string behind {name} says what it is")
    for method in statement.body if isinstance(statement, ast.ClassDef) else ():
        if isinstance(method, ast.FunctionDef | ast.AsyncFunctionDef) and not method.name.startswith("_"):
            overloaded = any(ast.unparse(each) == "overload" for each in method.decorator_list)
            assert overloaded or ast.get_docstring(method), f"{name}.{method.name}"


@pytest.mark.parametrize("package", PACKAGES)
def test_a_star_import_brings_what_is_declared(package: str) -> None:
    scope: dict[str, object] = {}
    exec(f"from {package} import *", scope)
    module = importlib.import_module(package)
    assert set(getattr(module, "__all__", [])) <= set(scope)


@pytest.mark.parametrize("file", source_files(), ids=lambda file: str(file.relative_to(ROOT)))
def test_every_module_says_what_it_is(file: Path) -> None:
    assert ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))), "the first line of a module says what it holds"
