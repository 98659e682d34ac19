"""The manual as a site: every page is there, every link of it leads somewhere, and nothing comes from elsewhere."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from tests.project import site
from tests.project.tree import ROOT


class Page(HTMLParser):
    """What a page links to and what it may be linked by."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.names: set[str] = set()
        self.tags: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            if name == "id" and value:
                self.names.add(value)
            elif value and (name == "src" or (tag == "link" and name == "href")):
                self.loaded.append(value)
            elif value and name == "href":
                self.links.append(value)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[Path, Page]:
    folder = tmp_path_factory.mktemp("site")
    return {folder / each: Page((folder / each).read_text("utf-8")) for each in site.build(folder)}


def test_every_page_of_the_manual_is_there(built: dict[Path, Page]) -> None:
    manual = [page.relative_to(ROOT) for page in (ROOT / "docs").rglob("*.md")]
    assert len(manual) > 20
    ends = [str(file) for file in built]
    assert not [page for page in manual if not any(end.endswith(f"/{site.address(page)}") for end in ends)]


def test_links_lead_somewhere(built: dict[Path, Page]) -> None:
    for file, page in built.items():
        for link in (*page.links, *page.loaded):
            parts = urlsplit(link)
            if parts.scheme:
                continue
            there = (file.parent / unquote(parts.path)).resolve() if parts.path else file
            assert there.is_file(), (file, link)
            if parts.fragment and there in built:
                assert unquote(parts.fragment) in built[there].names, (file, link)


def test_nothing_is_loaded_from_elsewhere_and_nothing_runs(built: dict[Path, Page]) -> None:
    for file, page in built.items():
        assert not [link for link in page.loaded if urlsplit(link).scheme], file
        assert not page.tags & {"script", "iframe", "object"}, file
        assert {"nav", "main", "title"} <= page.tags, file


def test_charts_are_pictures(built: dict[Path, Page]) -> None:
    for file, page in built.items():
        assert "flowchart" not in file.read_text("utf-8"), file
        if file.name == "graphs.html":
            assert "svg" in page.tags
