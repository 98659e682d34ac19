"""Which layer may import which, and that `formats/` stays free of input, output, clocks and chance."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.project.tree import LAYERS, ROOT, Import, imports, imports_of, python_files

MAY_IMPORT: dict[str, frozenset[str]] = {
    "formats": frozenset(),
    "engine": frozenset(),
    "providers": frozenset({"formats"}),
    "nodes": frozenset({"formats", "providers", "engine"}),
    "testing": frozenset({"formats", "providers", "engine", "nodes"}),
    "api": frozenset(LAYERS),
}

# All that a sans-IO codec needs. A module belongs here when it neither waits, nor asks the world, nor guesses.
# `importlib` loads modules of its own.
# fmt: off
PURE = frozenset({
    "__future__", "abc", "base64", "binascii", "bisect", "codecs", "collections", "copy", "dataclasses", "decimal",
    "enum", "functools", "hashlib", "heapq", "html", "importlib", "itertools", "json", "math", "msgspec", "operator", "re",
    "string", "struct", "textwrap", "types", "typing", "unicodedata", "urllib.parse", "zlib",
})
# fmt: on


def layer_of(module: str) -> str | None:
    """The layer that a module of ours belongs to; `hyperinfer` itself counts as `hyperinfer`."""
    first, *rest = module.split(".")
    if first != "hyperinfer":
        return None
    return rest[0] if rest and rest[0] in LAYERS else "hyperinfer"


def upward(layer: str, found: list[Import]) -> list[Import]:
    allowed: set[str | None] = {None, layer, *MAY_IMPORT[layer]}
    if layer == "api":
        # The version and the public names stand at the top, which only the place that wires everything may know.
        allowed.add("hyperinfer")
    return [each for each in found if layer_of(each.module) not in allowed]


def impure(found: list[Import]) -> list[Import]:
    return [each for each in found if layer_of(each.module) is None and not _is_pure(each.module)]


def _is_pure(module: str) -> bool:
    parts = module.split(".")
    return any(".".join(parts[:length]) in PURE for length in range(1, len(parts) + 1))


@pytest.mark.parametrize("file", python_files(*LAYERS), ids=lambda file: str(file.relative_to(ROOT)))
def test_imports_go_downward(file: Path) -> None:
    layer = file.relative_to(ROOT).parts[0]
    wrong = upward(layer, imports_of(file))
    assert not wrong, f"{layer}/ may import only {sorted(MAY_IMPORT[layer])} of ours"


@pytest.mark.parametrize("file", python_files("formats"), ids=lambda file: str(file.relative_to(ROOT)))
def test_formats_is_pure(file: Path) -> None:
    wrong = impure(imports_of(file))
    assert not wrong, "formats/ waits for nothing and asks nothing of the world"


def test_layers_are_all_known() -> None:
    linked = {entry.name for entry in (ROOT / "hyperinfer").iterdir() if entry.is_symlink()}
    assert linked == set(LAYERS) == set(MAY_IMPORT)
    assert all((ROOT / "hyperinfer" / layer).resolve() == ROOT / layer for layer in LAYERS)


@pytest.mark.parametrize(
    "source",
    [
        "import hyperinfer.engine.run",
        "from hyperinfer.engine import run",
        "from hyperinfer import engine",
        "from .. import engine",
        "from ..engine.run import run",
        "def later():\n    import hyperinfer.api",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from hyperinfer.nodes import ports",
        "import importlib\nimportlib.import_module('hyperinfer.api')",
        "from hyperinfer import __version__",
    ],
)
def test_an_upward_import_is_seen(source: str) -> None:
    assert upward("formats", imports(source, package="hyperinfer.formats"))


@pytest.mark.parametrize("source", ["from . import sse", "from .sse import Frame", "from hyperinfer.formats import sse"])
def test_an_import_of_the_same_layer_is_fine(source: str) -> None:
    assert not upward("formats", imports(source, package="hyperinfer.formats"))


@pytest.mark.parametrize("module", ["trio", "socket", "time", "random", "uuid", "os.path", "urllib.request", "datetime"])
def test_an_impure_import_is_seen(module: str) -> None:
    assert impure(imports(f"import {module}", package="hyperinfer.formats"))
    assert impure(imports(f"from {module} import anything", package="hyperinfer.formats"))


def test_pure_modules_exist() -> None:
    assert {name.split(".")[0] for name in PURE} - set(sys.stdlib_module_names) == {"msgspec"}
