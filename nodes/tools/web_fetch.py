"""The tool `web_fetch`: a page of the web as readable text."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from hyperinfer.formats.server_tools import ToolName, ToolOutcome
from hyperinfer.nodes.tools.documents.pages import (
    Page,
    asked_url,
    failed,
    is_pdf,
    not_fetched,
    read_text,
    room_for_pages,
    source,
)
from hyperinfer.nodes.tools.pdf import extract_pdf
from hyperinfer.nodes.tools.port import Declaration
from hyperinfer.nodes.tools.search.domains import MOST_DOMAINS, Domain, belongs, domain
from hyperinfer.providers.egress import Egress, EgressError

if TYPE_CHECKING:
    from hyperinfer.nodes.tools.documents.reader import DocumentReader

MOST_AT_ONCE: Final = 40_000
"""Characters of a page that one call gives, unless the option `max_characters` says otherwise."""
_BOUNDS: Final = (500, 45_000)
"""Of that option: what the loop lets a result have, with a title and an address before it."""
_ACCEPT: Final = "text/html, application/xhtml+xml, text/markdown, text/plain, application/json, application/pdf, */*;q=0.1"


class WebFetchTool:
    """`web_fetch(url, [start])`: web pages as Markdown, text, JSON and XML as they are, PDFs with page marks.

    Options: `max_characters` that one call gives; `allowed_domains` and `blocked_domains`, each with what is below it, which
    hold for where redirects lead as well.
    """

    name: ToolName = "web_fetch"
    seconds: float = 60.0

    def __init__(self, egress: Egress, reader: DocumentReader, *, price: int = 0) -> None:
        self.price = price
        self._egress = egress
        self._reader = reader

    def declaration(self, options: Mapping[str, Any]) -> Declaration:
        """Raises `ValueError` for options that make no sense."""
        at_once = _at_once(options)
        _permits(options)
        allowed = _domains(options, "allowed_domains")
        limited = (
            f" Only these domains may be read: {', '.join(each.host + each.path for each in allowed)}." if allowed else ""
        )
        return Declaration(
            description="Reads a page of the web (HTML, plain text, JSON, XML or PDF) and gives its text." + limited,
            parameters={
                "type": "object",
                "properties": {
                    "url": {"type": "string", "description": "The complete address, with http:// or https://."},
                    "start": {
                        "type": "integer",
                        "description": f"From which character on, for the rest of a page longer than {at_once} characters. "
                        "0 when left out.",
                    },
                },
                "required": ["url"],
                "additionalProperties": False,
            },
        )

    async def run(self, arguments: Mapping[str, Any], options: Mapping[str, Any]) -> ToolOutcome:
        """The page's text, or the part from `start`."""
        url, start = asked_url(arguments), _start(arguments.get("start"))
        if isinstance(url, ToolOutcome):
            return url
        if start is None:
            return failed("bad_arguments", "start has to be a number of characters, 0 or more.")
        try:
            fetched = await self._egress.fetch(url, room=room_for_pages, accept=_ACCEPT, permits=_permits(options))
        except EgressError as error:
            return not_fetched(error)
        most = _at_once(options)
        if is_pdf(fetched.body):
            # One character beyond what is shown tells whether there is more.
            found = await extract_pdf(self._reader, fetched.body, None, most=start + most + 1)
            page = found if isinstance(found, ToolOutcome) else Page(found.title, found.text, "pdf", found.more)
        else:
            page = await read_text(fetched, self._reader)
        return page if isinstance(page, ToolOutcome) else _told(page, fetched.url, start, most)


def _told(page: Page, url: str, start: int, most: int) -> ToolOutcome:
    if not page.text.strip():
        return failed("unsupported", "The page has no text that can be read; it may be drawn by scripts in a browser.")
    size = len(page.text)
    if start >= size:
        return failed("bad_arguments", f"The page has {size} characters: nothing is behind character {start}.")
    end = min(size, start + most)
    lines = [f"Title: {page.title}"] if page.title else []
    lines.append(f"URL: {url}")
    if end < size:
        whole = "more" if page.more else size
        lines.append(f"Characters {start} to {end} of {whole}; with start={end} it goes on.")
    elif start or page.more:
        lines.append(f"Characters {start} to {end}, {'what follows cannot be read' if page.more else 'the end'}.")
    text = "\n".join(lines) + "\n\n" + page.text[start:end]
    named = page.title or url
    return ToolOutcome(
        text=text, summary=f"Read {named} ({end - start} characters)", sources=(source(url, page.title, page.text),)
    )


def _start(value: object) -> int | None:
    """The argument as a number, or None for what is none. Models write 40000, 40000.0 and "40000"."""
    if value is None:
        return 0
    if isinstance(value, str) and value.strip().isdigit() and len(value) < 12:
        return int(value)
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e9 and value == int(value):
        return int(value)
    return None


def _at_once(options: Mapping[str, Any]) -> int:
    value = options.get("max_characters")
    if value is None:
        return MOST_AT_ONCE
    if isinstance(value, bool) or not isinstance(value, int) or not _BOUNDS[0] <= value <= _BOUNDS[1]:
        raise ValueError(f"max_characters: expected a whole number from {_BOUNDS[0]} to {_BOUNDS[1]}")
    return value


def _permits(options: Mapping[str, Any]) -> Callable[[str], bool]:
    allowed, blocked = _domains(options, "allowed_domains"), _domains(options, "blocked_domains")
    return lambda url: belongs(url, allowed, blocked)


def _domains(options: Mapping[str, Any], name: str) -> tuple[Domain, ...]:
    value: object = options.get(name)
    if value is None:
        return ()
    wrong = ValueError(f"{name}: expected a list of at most {MOST_DOMAINS} domains such as example.com")
    if not isinstance(value, list) or len(value) > MOST_DOMAINS:  # pyright: ignore[reportUnknownArgumentType]
        raise wrong
    items: list[object] = value  # pyright: ignore[reportUnknownVariableType]
    domains = [domain(item) if isinstance(item, str) else None for item in items]
    if None in domains:
        raise wrong
    return tuple(each for each in domains if each is not None)
