"""The fenced code blocks of the pages. Each is read by a test that holds what it says, or says why nothing runs it.

A block's kind is what stands before it, `<!-- KIND: NAME -->`, or else what stands behind its opening fence: `sh`,
`sh server`. `LANGUAGE not-run: WHY` is held by nothing. A test takes its blocks by `blocks(PAGE, KIND, …)`, and
`test_blocks.py` finds these calls: a block that no test takes fails there, as does a call that takes none.

`sh run` is run on any page, and `text output` behind it compared (`tests/system/test_commands.py`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from tests.project.tree import ROOT

ANY: Final = "*"
"""In the place of a page: a kind that means the same on all of them."""
NOT_RUN: Final = "not-run:"
_FENCE = re.compile(r"( *)(`{3,}|~{3,})(.*)")
_MARKER = re.compile(r"<!-- ([\w-]+): (\S+) -->")


@dataclass(frozen=True)
class Block:
    """One block. `line`: of its fence, from 1. `language`: the first word behind the fence; `name`: of its marker."""

    page: str
    line: int
    language: str
    kind: str
    name: str
    text: str

    @property
    def place(self) -> str:
        return f"{self.page}:{self.line}"


def pages() -> list[str]:
    """Every page for readers whose blocks are looked at, from the root of the repository."""
    found = [ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
    for folder in ("docs", "deploy"):
        found += sorted((ROOT / folder).rglob("*.md"))
    return [str(file.relative_to(ROOT)) for file in found]


@cache
def blocks_of(page: str) -> tuple[Block, ...]:
    """All blocks of a page, in order."""
    return parsed(page, (ROOT / page).read_text("utf-8"))


def parsed(page: str, text: str) -> tuple[Block, ...]:
    """The blocks of a text."""
    found: list[Block] = []
    lines = text.splitlines()
    place = 0
    while place < len(lines):
        opening = _FENCE.fullmatch(lines[place])
        if opening is None:
            place += 1
            continue
        indent, fence, info = opening.groups()
        end = next((at for at in range(place + 1, len(lines)) if lines[at].strip() == fence), None)
        assert end is not None, f"{page}:{place + 1}: a block without an end"
        inside = "".join(line.removeprefix(indent) + "\n" for line in lines[place + 1 : end])
        marker = _MARKER.fullmatch(lines[place - 1].strip()) if place else None
        kind, name = marker.groups() if marker else (info.strip(), "")
        found.append(Block(page, place + 1, (info.split() or [""])[0], kind, name, inside))
        place = end + 1
    return tuple(found)


def blocks(page: str, *kinds: str) -> list[Block]:
    """The blocks of these kinds, on one page or on `ANY`, in order."""
    return [block for each in (pages() if page == ANY else [page]) for block in blocks_of(each) if block.kind in kinds]


def named(page: str, kind: str) -> dict[str, str]:
    """What stands in the blocks of a kind that have names."""
    return {block.name: block.text for block in blocks_of(page) if block.kind == kind}


def folder_of(page: str) -> Path:
    return (ROOT / page).parent
