"""The examples of the pages: each stands in a Markdown file behind `<!-- example: NAME -->`, and what it prints behind
`<!-- output: NAME -->`."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass

from tests.project.blocks import blocks_of
from tests.project.tree import ROOT


@dataclass(frozen=True)
class Example:
    """One example as it stands in a page. `output`: what the page says that it prints, if it does."""

    page: str
    name: str
    code: str
    output: str | None

    def run(self) -> bytes:
        """What it prints, run in a process of its own; it must say nothing on standard error."""
        done = subprocess.run([sys.executable, "-c", self.code], cwd=ROOT, capture_output=True, check=False, timeout=60)
        assert done.returncode == 0, done.stderr.decode()
        assert done.stderr == b""
        return done.stdout


def examples(page: str) -> dict[str, Example]:
    """The examples of a page by name."""
    found = {kind: {each.name: each.text for each in blocks_of(page) if each.kind == kind} for kind in ("example", "output")}
    return {name: Example(page, name, code, found["output"].get(name)) for name, code in found["example"].items()}
