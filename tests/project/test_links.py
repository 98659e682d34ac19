"""The links of the Markdown pages lead somewhere, to the very heading, and every page is reached from the index."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.project.markdown import heading_name, is_elsewhere, without_code
from tests.project.tree import ROOT

INDEX = ROOT / "docs" / "README.md"
FOLDERS = ("docs", "diagrams", "benchmarks", "deploy", "tests")
"""Where pages lie, beside those at the top."""
LINK = re.compile(r"!?\[(?:[^\[\]]|\[[^\[\]]*\])*\]\(<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\)")
HTML = re.compile(r"(?:href|src|srcset)=\"([^\"]+)\"")


def pages() -> list[Path]:
    return [*sorted(ROOT.glob("*.md")), *(file for folder in FOLDERS for file in sorted((ROOT / folder).rglob("*.md")))]


@cache
def prose(file: Path) -> str:
    """A page without its code."""
    text = without_code(file.read_text("utf-8"))
    return re.sub(r"(`+)(?!`).+?(?<!`)\1(?!`)", "`code`", text)


def targets(file: Path) -> Iterator[str]:
    """All that a page links to."""
    text = prose(file)
    yield from (*LINK.findall(text), *HTML.findall(text))


@cache
def anchors(file: Path) -> frozenset[str]:
    """The names of a page's headings, as code hosts make them."""
    text = without_code(file.read_text("utf-8"))
    found = set[str](re.findall(r"<a (?:id|name)=\"([^\"]+)\"", text))
    seen: dict[str, int] = {}
    for heading in re.findall(r"^#{1,6} +(.+?) *#*$", text, re.MULTILINE):
        shown = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        name = heading_name(shown)
        found.add(f"{name}-{seen[name]}" if name in seen else name)
        seen[name] = seen.get(name, 0) + 1
    return frozenset(found)


@pytest.mark.parametrize("file", pages(), ids=lambda file: str(file.relative_to(ROOT)))
def test_links_lead_somewhere(file: Path) -> None:
    for target in targets(file):
        if is_elsewhere(target):
            assert re.match(r"(https?://\S+\.\S|mailto:)", target), target
            continue
        path, _, anchor = target.partition("#")
        there = (file.parent / path).resolve() if path else file
        assert there.exists(), f"{target}: no such file"
        assert there.is_relative_to(ROOT), f"{target}: outside of the repository"
        if anchor and there.suffix == ".md":
            assert anchor in anchors(there), f"{target}: no such heading"


def test_every_page_is_reached_from_the_index() -> None:
    reached, new = set[Path](), {INDEX}
    while new:
        reached |= new
        linked = {(page.parent / target.partition("#")[0]).resolve() for page in new for target in targets(page)}
        new = {page for page in linked if page.suffix == ".md" and page.exists()} - reached
    missing = [str(page.relative_to(ROOT)) for page in pages() if page not in reached]
    assert not missing


def test_the_front_page_leads_to_the_index() -> None:
    assert "docs/README.md" in targets(ROOT / "README.md")


def test_headings_have_the_names_that_code_hosts_give_them(tmp_path: Path) -> None:
    page = tmp_path / "p.md"
    page.write_text("# What `a_b` is, and not\n\n## Twice\n\n## Twice\n\n```sh\n# no heading\n```\n")
    assert anchors(page) == {"what-a_b-is-and-not", "twice", "twice-1"}
