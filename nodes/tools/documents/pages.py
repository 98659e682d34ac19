"""Answers of the web as text: of which kinds, how large, and how each is read."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Any, Final

import msgspec

from hyperinfer.formats.server_tools import ToolOutcome, ToolSource
from hyperinfer.nodes.tools.documents.charsets import decoded, is_binary
from hyperinfer.nodes.tools.documents.reader import MOST_CHARACTERS, DocumentReader, Job

if TYPE_CHECKING:
    from hyperinfer.providers.egress import EgressError, Fetched

log = logging.getLogger("hyperinfer.tools")

TEXT_SIZE: Final = 5 * 1024 * 1024
PDF_SIZE: Final = 32 * 1024 * 1024
PDF_TYPES: Final = frozenset({"application/pdf", "application/x-pdf", "application/acrobat"})
UNSAID: Final = frozenset({"", "application/octet-stream", "binary/octet-stream", "application/force-download"})
"""What servers say of files that they do not know: their first bytes tell."""
_HTML: Final = frozenset({"text/html", "application/xhtml+xml"})
_TEXT: Final = re.compile(
    r"text/.+|application/(?:.+\+)?(?:xml|json|yaml|x-yaml|toml|x-ndjson|jsonl?|javascript|x-javascript|ecmascript|sql|graphql)\Z"
)
_LOOKS_LIKE_HTML: Final = re.compile(
    rb"\s*(?:<!--.{0,500}?-->\s*)?<(?:!doctype html|html|head|body)\b", re.IGNORECASE | re.DOTALL
)
_EXCERPT: Final = 300


class Page(msgspec.Struct, frozen=True):
    """A page as text. `kind`: what it was. `more`: it goes on behind what was read."""

    title: str
    text: str
    kind: str
    more: bool = False


def room_for_pages(media_type: str) -> int:
    """Bytes that a fetch of a page may have, by its media type; 0 for what is no text."""
    if media_type in PDF_TYPES or media_type in UNSAID:
        return PDF_SIZE
    return TEXT_SIZE if media_type in _HTML or _TEXT.match(media_type) else 0


def is_pdf(data: bytes) -> bool:
    """By its mark, which readers look for within the first KiB."""
    return b"%PDF-" in data[:1024]


async def read_text(fetched: Fetched, reader: DocumentReader) -> Page | ToolOutcome:
    """What is no PDF, by what it is and not only by what the server calls it: an outcome where it cannot be read."""
    data = fetched.body
    if len(data) > TEXT_SIZE:
        return failed("too_large", f"The page is larger than {TEXT_SIZE >> 20} MiB, which is the most that is read.")
    if is_binary(data):
        return failed("unsupported", "This is no text: only web pages, plain text, JSON, XML and PDFs are read.")
    text = decoded(data, fetched.charset)
    if fetched.media_type not in _HTML and not (fetched.media_type in UNSAID and _LOOKS_LIKE_HTML.match(data)):
        return Page("", text[:MOST_CHARACTERS], fetched.media_type or "text", len(text) > MOST_CHARACTERS)
    if not text.strip():
        return Page("", "", "page")
    page = text.encode("utf-8", "replace")
    found = await reader.read(Job(kind="html", url=fetched.url), page)
    if found.error == "timeout":  # telling an article of a MB from what is around it takes that long
        found = await reader.read(Job(kind="html", url=fetched.url, plain=True), page)
    match found.error:
        case None:
            return Page(found.title, found.text, "page", found.more)
        case "timeout":
            return failed("timeout", "The page is too intricate to be read in time.")
        case "too_large":
            return failed("too_large", "The page takes too much memory to be read.")
        case _:
            return failed("unsupported", "The page cannot be read: its HTML is too broken.")


def failed(error: str, text: str) -> ToolOutcome:
    """An outcome that costs nothing and says why."""
    return ToolOutcome(text=text, summary=text, error=error, calls=0)


def not_fetched(error: EgressError) -> ToolOutcome:
    """The outcome of a fetch that came to nothing. What only the operator may know goes to the log."""
    if error.detail != error.message:
        log.info("nothing was fetched: %s: %s", error.message, error.detail)
    code = "bad_arguments" if error.code == "bad_url" else error.code
    return failed(code, f"Could not be fetched: {error.message}.")


def source(url: str, title: str, text: str) -> ToolSource:
    """A page that was read, as the loop shows it and cites it."""
    return ToolSource(url=url, title=title, text=" ".join(text[: 2 * _EXCERPT].split())[:_EXCERPT])


def asked_url(arguments: Any) -> str | ToolOutcome:
    """The `url` that a model wrote, or what it should have written."""
    url = arguments.get("url")
    if isinstance(url, str) and url.strip():
        return url.strip()
    return failed("bad_arguments", "url has to be the complete address of a page, beginning with http:// or https://.")
