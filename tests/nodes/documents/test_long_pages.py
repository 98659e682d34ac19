"""Pages of which the article cannot be told from the rest in time: all their text, then."""

from __future__ import annotations

from hyperinfer.formats.server_tools import ToolOutcome
from hyperinfer.nodes.tools.documents.pages import Page, read_text
from hyperinfer.nodes.tools.documents.reader import DocumentReader, Extracted, Job
from hyperinfer.providers.egress import Fetched

PAGE = b"<html><head><title>Long</title></head><body><nav>Menu</nav><article><p>Words.</p></article></body></html>"
FETCHED = Fetched("https://a.example/", "text/html", "utf-8", PAGE)


class Slow(DocumentReader):
    """Cannot tell the article in time. `reads_plainly`: but all the text."""

    def __init__(self, *, reads_plainly: bool) -> None:
        super().__init__()
        self._reads_plainly = reads_plainly

    async def read(self, job: Job, data: bytes) -> Extracted:
        if job.plain and self._reads_plainly:
            return await super().read(job, data)
        return Extracted(error="timeout")


async def test_all_the_text_of_a_page_whose_article_takes_too_long() -> None:
    assert await read_text(FETCHED, Slow(reads_plainly=True)) == Page("Long", "Menu\nWords.", "page")


async def test_a_page_that_takes_too_long_either_way() -> None:
    found = await read_text(FETCHED, Slow(reads_plainly=False))
    assert isinstance(found, ToolOutcome)
    assert found.error == "timeout"
