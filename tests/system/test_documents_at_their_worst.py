"""Documents that take all that they can get: of time, of memory, of patience with HTML."""

from __future__ import annotations

import pytest
import trio

from hyperinfer.nodes.tools.documents.reader import DocumentReader, Job
from tests.support.pdfs import pdf_of, pdf_with
from tests.support.reading_processes import reading

PDF = Job(kind="pdf")
HTML = Job(kind="html", url="https://example.com/")


async def test_too_much_memory() -> None:
    """A page of 70 MB, which the library takes for possible, in a process that may have little more than it begins with."""
    found = await DocumentReader(memory=140 * 1024 * 1024).read(PDF, pdf_with([b" " * 70_000_000], packed=True))
    assert found.error == "too_large"
    assert (await DocumentReader().read(PDF, pdf_of(["after it"]))).text.endswith("after it")


async def test_too_slow() -> None:
    content = b"BT /F1 12 Tf " + b"(word word word) Tj 0 -14 Td " * 200_000 + b"ET"
    began = trio.current_time()
    found = await DocumentReader(seconds=1).read(PDF, pdf_with([content] * 40, packed=True))
    assert found.error == "timeout"
    assert trio.current_time() - began < 3
    assert not reading()


async def test_a_few_at_once() -> None:
    reader = DocumentReader(processes=2)
    most = 0

    async def watch() -> None:
        nonlocal most
        while True:
            most = max(most, len(reading()))
            await trio.sleep(0.02)

    async with trio.open_nursery() as outer:
        outer.start_soon(watch)
        async with trio.open_nursery() as nursery:
            for _ in range(5):
                nursery.start_soon(reader.read, PDF, pdf_of(["x"]))
        outer.cancel_scope.cancel()
    assert most == 2


@pytest.mark.parametrize(
    "html",
    [
        "<div>" * 50_000 + "deep" + "</div>" * 50_000,
        "<table><tr><td colspan=9007199254740991 rowspan=9007199254740991>wide</td></tr></table>",
        "<p>" + "<b>" * 3000 + "bold",
        "<!DOCTYPE html [<!ENTITY a SYSTEM 'file:///etc/passwd'><!ENTITY b '&a;&a;'>]><p>&a;&b; word</p>",
        "<?xml version='1.0' encoding='utf-16'?><html><body><p>word</p></body></html>",
        "<a href='" + "x" * 200_000 + "'>link</a>",
        "<p>a\x00b\x01c</p>",
        "<" * 100_000,
        "<!--" * 50_000,
        "<svg><script>x</script></svg><p>word",
    ],
    ids=["deep", "wide", "bold", "entities", "declaration", "long link", "controls", "brackets", "comments", "svg"],
)
async def test_html_of_the_worst_kind(html: str) -> None:
    found = await DocumentReader(seconds=8).read(HTML, html.encode())
    assert "root:" not in found.text
    assert found.error in (None, "broken", "too_large"), found


async def test_large_html_is_read_plainly() -> None:
    """What would take the reader of articles half a minute takes a second or two."""
    page = "<html><head><title>Long</title></head><body><script>no</script>" + "<p>word <a href='/x'>link</a></p>" * 120_000
    found = await DocumentReader().read(HTML, page.encode())
    assert (found.error, found.title, found.text[:20], found.more) == (None, "Long", "word link\nword link\n", True)
