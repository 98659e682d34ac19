"""The tool `pdf`, and the text of PDFs that a conversation holds."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from hyperinfer.formats.server_tools import ToolName, ToolOutcome
from hyperinfer.nodes.tools.documents.pages import (
    PDF_SIZE,
    PDF_TYPES,
    UNSAID,
    asked_url,
    failed,
    is_pdf,
    not_fetched,
    source,
)
from hyperinfer.nodes.tools.documents.reader import DocumentReader, Extracted, Job
from hyperinfer.nodes.tools.port import Declaration
from hyperinfer.providers.egress import Egress, EgressError

READ_AT_ONCE: Final = 45_000
"""Characters that one call of the tool gives, within what the loop lets a result have. The model asks for the pages behind
them."""
READ_OF_FILES: Final = 400_000
"""Characters of a PDF in a conversation, of which nobody can ask for more."""
_RANGE: Final = re.compile(r"([0-9]{1,6})(?:\s*[-–:]\s*([0-9]{1,6})?)?\Z")
_MOST_RANGES: Final = 50
_LAST: Final = 999_999

Ranges = tuple[tuple[int, int], ...]


class PdfTool:
    """`pdf(url, [pages])`: reads a PDF by its URL. Takes no options."""

    name: ToolName = "pdf"
    seconds: float = 60.0

    def __init__(self, egress: Egress, reader: DocumentReader, *, price: int = 0) -> None:
        self.price = price
        self._egress = egress
        self._reader = reader

    def declaration(self, options: Mapping[str, Any]) -> Declaration:
        """The same for all requests."""
        return Declaration(
            description="Reads the text of a PDF file on the web, with a mark such as [page 3 of 12] before each page.",
            parameters={
                "type": "object",
                "properties": {
                    "url": {"type": "string", "description": "The complete address of the PDF, with http:// or https://."},
                    "pages": {
                        "type": "string",
                        "description": "Which pages, such as 5 or 1-3,10-12 or 40- for those from 40. From the first when "
                        "left out, as many as can be given at once.",
                    },
                },
                "required": ["url"],
                "additionalProperties": False,
            },
        )

    async def run(self, arguments: Mapping[str, Any], options: Mapping[str, Any]) -> ToolOutcome:
        """The text of the pages."""
        url = asked_url(arguments)
        if isinstance(url, ToolOutcome):
            return url
        if isinstance(ranges := page_ranges(arguments.get("pages")), str):
            return failed("bad_arguments", ranges)
        return await _pdf_at(self._egress, self._reader, url, ranges, most=READ_AT_ONCE)


async def attached_pdf(egress: Egress, reader: DocumentReader, source: bytes | str) -> ToolOutcome:
    """The text of a PDF that a conversation holds, or names by its URL: see `pdf_text`."""
    if isinstance(source, bytes):
        return await pdf_text(reader, source)
    return await _pdf_at(egress, reader, source, None, most=READ_OF_FILES)


async def _pdf_at(egress: Egress, reader: DocumentReader, url: str, pages: Ranges | None, *, most: int) -> ToolOutcome:
    try:
        fetched = await egress.fetch(url, room=_room, accept="application/pdf")
    except EgressError as error:
        return not_fetched(error)
    if not is_pdf(fetched.body):
        return failed("unsupported", "This is not a PDF.")
    return await read_pdf(reader, fetched.body, pages, url=fetched.url, most=most)


async def pdf_text(reader: DocumentReader, data: bytes, pages: str | None = None) -> ToolOutcome:
    """The text of a PDF that is there as bytes (a file in a conversation, for a model that takes none), page marks before
    each page. `pages` as the tool's argument; None for all, as far as 400,000 characters. What cannot be read is an outcome
    with `error`, whose text can take the file's place."""
    if isinstance(ranges := page_ranges(pages), str):
        return failed("bad_arguments", ranges)
    if len(data) > PDF_SIZE:
        return failed("too_large", f"The PDF is larger than {PDF_SIZE >> 20} MiB, which is the most that is read.")
    if not is_pdf(data):
        return failed("unsupported", "The file is not a PDF.")
    return await read_pdf(reader, data, ranges, most=READ_OF_FILES)


async def read_pdf(
    reader: DocumentReader, data: bytes, pages: Ranges | None, *, url: str = "", most: int = READ_AT_ONCE
) -> ToolOutcome:
    """A PDF's text as an outcome. `url`: where it came from, which makes it a source."""
    found = await extract_pdf(reader, data, pages, most=most)
    if isinstance(found, ToolOutcome):
        return found
    count = f"{len(found.read)} of {found.pages} pages" if len(found.read) < found.pages else _count(found.pages)
    return ToolOutcome(
        text=f"{_head(found, url)}{found.text}{_rest(found)}",
        summary=f"Read {count}{f' of {found.title}' if found.title else ''}",
        sources=(source(url, found.title, found.text),) if url else (),
    )


async def extract_pdf(reader: DocumentReader, data: bytes, pages: Ranges | None, *, most: int) -> Extracted | ToolOutcome:
    """What a PDF says, or the outcome that says why it cannot be read."""
    found = await reader.read(Job(kind="pdf", pages=pages, most=most), data)
    return _problem(found) or found


def page_ranges(pages: object) -> Ranges | str | None:
    """Pages as models and people write them: `3`, `"1-5, 8"`, `"40-"`, `[1, 2]`. None for all; a sentence for nonsense."""
    wrong = "pages has to name pages by their numbers from 1, such as 5 or 1-3,10-12."
    if isinstance(pages, list | tuple):
        items: list[object] = list(pages)  # pyright: ignore[reportUnknownArgumentType]
        pages = ",".join(str(item) for item in items)
    if pages is None or (isinstance(pages, str) and pages.strip().lower() in ("", "all")):
        return None
    if isinstance(pages, bool) or not isinstance(pages, str | int):
        return wrong
    ranges: list[tuple[int, int]] = []
    for part in str(pages).strip(" ,").split(","):
        found = _RANGE.match(part.strip())
        if found is None:
            return wrong
        first = int(found[1])
        last = int(found[2]) if found[2] else first if found[0].isdigit() else _LAST
        if not 1 <= first <= last or len(ranges) == _MOST_RANGES:
            return wrong
        ranges.append((first, last))
    return tuple(ranges)


def _problem(found: Extracted) -> ToolOutcome | None:
    match found.error:
        case "encrypted":
            return failed("unsupported", "The PDF is protected with a password and cannot be read without it.")
        case "broken":
            return failed("unsupported", "The PDF is damaged and cannot be read.")
        case "too_large":
            return failed("too_large", "The PDF takes too much memory to be read.")
        case "timeout":
            return failed("timeout", "The PDF is too large or too intricate to be read in time. Fewer pages may work.")
        case None:
            pass
    if not found.read:
        return failed("bad_arguments", f"The PDF has {_count(found.pages)}: none of those that were asked for.")
    if found.empty + found.broken == len(found.read):
        if found.broken:
            return failed("unsupported", "The pages of the PDF are damaged and cannot be read.")
        which = "" if len(found.read) == found.pages else " that were read"
        text = f"The PDF has {_count(found.pages)}, and those{which} have no text: they are probably scanned images."
        return msgspec.structs.replace(failed("unsupported", text), summary="No text: probably scanned")
    return None


def _head(found: Extracted, url: str) -> str:
    lines = [f"Title: {found.title}"] if found.title else []
    if url:
        lines.append(f"URL: {url}")
    return "\n".join(lines) + "\n\n" if lines else ""


def _rest(found: Extracted) -> str:
    if not found.more:
        return ""
    last = found.read[-1]
    return f"\n\n[cut off here, on page {last} of {found.pages}; what follows has to be asked for by its pages]"


def _count(pages: int) -> str:
    return "1 page" if pages == 1 else f"{pages} pages"


def _room(media_type: str) -> int:
    return PDF_SIZE if media_type in PDF_TYPES or media_type in UNSAID else 0
