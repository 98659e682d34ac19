"""The layers inside `formats/`: dialects stand on the core and do not know each other; only the registry knows them all."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.project.tree import ROOT, Import, imports, imports_of, python_files

DIALECTS = frozenset({"anthropic_messages", "openai_chat", "openai_responses"})
REGISTRY = ROOT / "formats" / "registry.py"
FILES = [file for file in python_files("formats") if file not in (REGISTRY, ROOT / "formats" / "__init__.py")]


def dialect_of(module: str) -> str | None:
    """The dialect that a module belongs to; None for the core and for what is not ours."""
    found = [name for name in module.split(".") if name in DIALECTS]
    return found[0] if module.startswith("hyperinfer.formats.") and found else None


def sideways(file: Path, found: list[Import]) -> list[Import]:
    """The imports of a dialect by a file that does not belong to it. The registry's names are those of dialects, too."""
    own = next((part for part in file.relative_to(ROOT / "formats").parts if part in DIALECTS), None)
    registry = {f"hyperinfer.formats.{name}" for name in (*map(str.upper, DIALECTS), "FORMATS", "COUNTING", "registry")}
    return [
        each
        for each in found
        if dialect_of(each.module) not in (None, own)
        or each.module in registry
        or each.module.startswith("hyperinfer.formats.registry.")
    ]


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_the_core_knows_no_dialect_and_no_dialect_another(file: Path) -> None:
    assert not sideways(file, imports_of(file)), "shared knowledge of a wire belongs into the core"


def test_the_registry_knows_every_dialect() -> None:
    folders = {file.parent.name for file in FILES if file.name == "format.py" or (file.parent / "wire.py").exists()}
    assert folders - {"formats"} == DIALECTS
    assert {dialect_of(each.module) for each in imports_of(REGISTRY)} >= DIALECTS


@pytest.mark.parametrize("file", ["formats/late_tools.py", "formats/openai_chat/tools.py"])
@pytest.mark.parametrize(
    "source",
    [
        "from hyperinfer.formats.openai_responses.tools import decode_tools",
        "from hyperinfer.formats.openai_responses import tools",
        "from hyperinfer.formats import openai_responses",
        "import hyperinfer.formats.anthropic_messages.media",
        "def later():\n    from hyperinfer.formats.anthropic_messages import media",
        "from hyperinfer.formats import ANTHROPIC_MESSAGES",
        "from hyperinfer.formats import FORMATS",
    ],
)
def test_a_sideways_import_is_seen(file: str, source: str) -> None:
    assert sideways(ROOT / file, imports(source, package="hyperinfer.formats"))


@pytest.mark.parametrize(
    "source", ["from hyperinfer.formats import wire", "from hyperinfer.formats.openai_chat import wire"]
)
def test_the_core_and_the_own_dialect_are_fine(source: str) -> None:
    assert not sideways(ROOT / "formats/openai_chat/tools.py", imports(source, package="hyperinfer.formats.openai_chat"))
