"""The package of docs/pipelines.md, and what the page says of it."""

from __future__ import annotations

import re
from pathlib import Path

from tests.project.blocks import named
from tests.project.tree import ROOT

PAGE = (ROOT / "docs" / "pipelines.md").read_text("utf-8")
FILES = named("docs/pipelines.md", "file")
OUTPUTS = named("docs/pipelines.md", "output")


def write_package(folder: Path) -> None:
    """Its files, as a developer has them."""
    for name in ("pyproject.toml", "acme_nodes.py"):
        (folder / name).write_text(FILES[name])


def install(folder: Path) -> None:
    """What an installer makes of it in a folder of the import path, as far as the import system looks."""
    (folder / "acme_nodes.py").write_text(FILES["acme_nodes.py"])
    entries = re.findall(r"^(\w+) = \"(acme_nodes:\w+)\"$", FILES["pyproject.toml"], re.MULTILINE)
    installed(folder, "acme-nodes", "1.0", dict(entries))


def installed(folder: Path, name: str, version: str, entries: dict[str, str]) -> None:
    """The metadata of an installed package with nodes."""
    info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    lines = [f"{short} = {reference}" for short, reference in entries.items()]
    (info / "entry_points.txt").write_text("\n".join(["[hyperinfer.nodes]", *lines]) + "\n")
