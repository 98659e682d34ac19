"""The worked examples are short, explained, and need nothing of ours that is not public."""

from __future__ import annotations

import ast
import importlib
import re

import pytest

from tests.examples.kit import FOLDER, NAMES
from tests.project.tree import ROOT

MAX_LINES = 60
README = (FOLDER / "README.md").read_text("utf-8")
KITS = {"hyperinfer.engine.testing"}
"""Modules that are public beside the packages; the names in them are those that they import as themselves."""


def source(name: str) -> str:
    return (FOLDER / f"{name}.py").read_text("utf-8")


def public(module: str) -> set[str]:
    found = importlib.import_module(module)
    return set(vars(found)) if module in KITS else set(getattr(found, "__all__", ()))


def test_there_are_eight() -> None:
    assert len(NAMES) >= 8
    assert {"redact", "cache"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_it_is_short(name: str) -> None:
    assert len(source(name).splitlines()) < MAX_LINES


@pytest.mark.parametrize("name", NAMES)
def test_it_says_what_it_does_and_how_it_is_run(name: str) -> None:
    said = ast.get_docstring(ast.parse(source(name)))
    assert said
    assert f"docs/examples/{name}.py" in said


@pytest.mark.parametrize("name", NAMES)
def test_it_imports_public_names_alone(name: str) -> None:
    for node in ast.walk(ast.parse(source(name))):
        if isinstance(node, ast.Import):
            assert not [each.name for each in node.names if each.name.startswith("hyperinfer")]
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("hyperinfer"):
            assert not {each.name for each in node.names} - public(node.module or ""), f"not public in {node.module}"


@pytest.mark.parametrize("name", NAMES)
def test_it_reaches_for_nothing_private(name: str) -> None:
    for node in ast.walk(ast.parse(source(name))):
        if isinstance(node, ast.Attribute) and re.match(r"_[^_]", node.attr):
            assert isinstance(node.value, ast.Name)
            assert node.value.id == "self"


@pytest.mark.parametrize("name", NAMES)
def test_the_page_explains_it(name: str) -> None:
    assert f"]({name}.py)" in README


@pytest.mark.parametrize("page", ["README.md", "docs/library.md"])
def test_the_other_pages_lead_here(page: str) -> None:
    assert "examples/README.md)" in (ROOT / page).read_text("utf-8")
