"""PDFs as text: real files through the real reading process, and by URL through the guarded way out."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import pytest

from hyperinfer.formats.tool_data import RESULT_CHARACTERS
from hyperinfer.nodes.tools.documents.reader import DocumentReader
from hyperinfer.nodes.tools.pdf import PdfTool, page_ranges, pdf_text
from hyperinfer.providers.egress import Egress
from tests.providers.egress.world import PUBLIC, redirect, reply
from tests.support.pdfs import encrypted, pdf_of, pdf_with
from tests.support.rawserver import Reply, Request, Script, raw_server

if TYPE_CHECKING:
    from hyperinfer.formats.server_tools import ToolOutcome
    from hyperinfer.nodes.tools.port import ServerTool

THREE = pdf_of(["First (page)\nof it", "Zweite Seite: äöü", "Last"], title="A paper")


async def read(data: bytes, pages: str | None = None) -> ToolOutcome:
    return await pdf_text(DocumentReader(), data, pages)


async def test_each_page_has_its_mark() -> None:
    outcome = await read(THREE)
    assert outcome.text == (
        "Title: A paper\n\n[page 1 of 3]\nFirst (page)\nof it\n\n[page 2 of 3]\nZweite Seite: äöü\n\n[page 3 of 3]\nLast"
    )
    assert (outcome.error, outcome.summary, outcome.calls) == (None, "Read 3 pages of A paper", 1)
    assert outcome.sources == (), "a file of the conversation is no page of the web"


async def test_some_pages() -> None:
    outcome = await read(THREE, "3, 1")
    assert outcome.text == "Title: A paper\n\n[page 3 of 3]\nLast\n\n[page 1 of 3]\nFirst (page)\nof it"
    assert outcome.summary == "Read 2 of 3 pages of A paper"
    assert "[page 2 of 3]" in (await read(THREE, "2-")).text
    beyond = await read(THREE, "4-9")
    assert (beyond.error, beyond.text) == (
        "bad_arguments",
        "The PDF has 3 pages: none of those that were asked for.",
    )


@pytest.mark.parametrize("algorithm", ["RC4-128", "AES-256"])
async def test_a_password(algorithm: str) -> None:
    closed = await read(encrypted(THREE, "secret", algorithm))
    assert (closed.error, closed.calls) == ("unsupported", 0)
    assert "password" in closed.text
    # Printing may be forbidden; reading is not.
    assert "[page 3 of 3]\nLast" in (await read(encrypted(THREE, "", algorithm))).text


async def test_scanned_pages() -> None:
    scanned = await read(pdf_of([None, None]))
    assert (scanned.error, scanned.text) == (
        "unsupported",
        "The PDF has 2 pages, and those have no text: they are probably scanned images.",
    )
    mixed = await read(pdf_of(["Cover", None]))
    assert mixed.text == "[page 1 of 2]\nCover\n\n[page 2 of 2 has no text]"


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", "unsupported"),
        (b"<html>no PDF</html>", "unsupported"),
        (b"%PDF-1.7\n", "unsupported"),
        (b"%PDF-1.7\n" + bytes(range(256)) * 40, "unsupported"),
        (THREE[: len(THREE) // 2], "unsupported"),
        (THREE.replace(b"/Kids [10 0 R 12 0 R 14 0 R]", b"/Kids [2 0 R 2 0 R 2 0 R]   "), "unsupported"),
        (b"%PDF-" + bytes(33 * 1024 * 1024), "too_large"),
    ],
    ids=["empty", "HTML", "a head", "noise", "half", "pages that are their own parent", "33 MiB"],
)
async def test_what_is_no_readable_pdf(data: bytes, error: str) -> None:
    outcome = await read(data)
    assert (outcome.error, outcome.calls, outcome.sources) == (error, 0, ())
    assert "Error" not in outcome.text, "no name of an exception"


async def test_a_broken_page_does_not_take_the_others_with_it() -> None:
    broken = THREE.replace(b"/Contents 13 0 R", b"/Contents 3.5 -  ")
    text = (await read(broken)).text
    assert "[page 1 of 3]\nFirst" in text
    assert "[page 3 of 3]\nLast" in text


async def test_a_cross_reference_table_that_lies_is_made_anew() -> None:
    assert "[page 3 of 3]\nLast" in (await read(b"%PDF-1.4\n% moved\n" + THREE.partition(b"\n")[2])).text


async def test_a_page_that_unpacks_to_much() -> None:
    """130 kB that are 128 MiB when unpacked: what comes of it is an outcome, in time, and within the memory."""
    packer = zlib.compressobj(1)
    piece = b" " * (1 << 20)
    data = b"".join(packer.compress(piece) for _ in range(128)) + packer.flush()
    bomb = pdf_with([b"?"]).replace(
        b"/Length 1 >>\nstream\n?", b"/Length %d /Filter /FlateDecode >>\nstream\n%b" % (len(data), data)
    )
    outcome = await pdf_text(DocumentReader(seconds=10), bomb)
    assert outcome.error in ("unsupported", "too_large", "timeout")


async def test_many_pages_are_cut_off_where_there_is_enough() -> None:
    data = pdf_of(["word " * 400] * 60, packed=True)
    async with raw_server([Request(), Reply(reply(data, kind="application/pdf"))]) as server:
        outcome = await _tool().run({"url": f"http://127.0.0.1:{server.port}/x.pdf"}, {})
    assert 40_000 < len(outcome.text) < RESULT_CHARACTERS
    assert outcome.text.endswith("of 60; what follows has to be asked for by its pages]")
    assert "of 60 pages" in outcome.summary


async def test_by_url() -> None:
    script: Script = [Request(), Reply(reply(THREE, kind="application/octet-stream"))]
    async with raw_server([Request(), Reply(redirect("/paper.pdf"))], script) as server:
        outcome = await _tool().run({"url": f"http://127.0.0.1:{server.port}/x", "pages": 3}, {})
        url = f"http://127.0.0.1:{server.port}/paper.pdf"
        assert outcome.text == f"Title: A paper\nURL: {url}\n\n[page 3 of 3]\nLast"
        (found,) = outcome.sources
        assert (found.url, found.title, found.text) == (url, "A paper", "[page 3 of 3] Last")


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({}, "bad_arguments"),
        ({"url": 5}, "bad_arguments"),
        ({"url": "x.pdf"}, "bad_arguments"),
        ({"url": "http://127.0.0.1/x.pdf"}, "refused"),
        ({"url": "file:///x.pdf"}, "refused"),
        ({"url": "http://example.com/x.pdf", "pages": "first"}, "bad_arguments"),
    ],
)
async def test_arguments_that_lead_nowhere(arguments: dict[str, object], error: str) -> None:
    outcome = await PdfTool(Egress(), DocumentReader()).run(arguments, {})
    assert (outcome.error, outcome.calls) == (error, 0)


async def test_a_page_is_no_pdf() -> None:
    for kind in ("text/html", "application/pdf"):
        async with raw_server([Request(), Reply(reply(b"<html>", kind=kind))]) as server:
            assert (await _tool().run({"url": server.url}, {})).error == "unsupported"


@pytest.mark.parametrize(
    ("pages", "ranges"),
    [
        (None, None),
        ("", None),
        ("all", None),
        (3, ((3, 3),)),
        ("3", ((3, 3),)),
        ("1-3, 10 - 12", ((1, 3), (10, 12))),
        ("40-", ((40, 999_999),)),
        ([1, "2-4"], ((1, 1), (2, 4))),
    ],
)
def test_pages_as_they_are_written(pages: object, ranges: object) -> None:
    assert page_ranges(pages) == ranges


@pytest.mark.parametrize(
    "pages", ["first", "0", "3-1", "-3", "1,,2", 1.5, True, {"a": 1}, "1" * 9, ",".join(["1"] * 51), [[1]]]
)
def test_pages_that_are_none(pages: object) -> None:
    assert isinstance(page_ranges(pages), str)


def _tool() -> ServerTool:
    return PdfTool(Egress(allow=PUBLIC), DocumentReader(), price=5)
