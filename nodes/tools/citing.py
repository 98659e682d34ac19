"""Sources that the model names in its answer, as citations: a link to a page that a server tool has found."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hyperinfer.formats import events as ev

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hyperinfer.formats.events import Event
    from hyperinfer.formats.server_tools import ToolSource

_LINK = re.compile(
    r"\[([^\[\]\n]{0,500})\]\((https?://[^\s()<>]+(?:\([^\s()<>]*\)[^\s()<>]*)*)\)|https?://[^\s<>()\[\]\"'`]+"
)
_TRAILING = ".,;:!?*_"


class Citing:
    """A step over the events of a reply. Until a source is known it looks at nothing."""

    def __init__(self) -> None:
        self._sources: dict[str, ToolSource] = {}
        self._text: list[str] | None = None

    def know(self, sources: Iterable[ToolSource]) -> None:
        """Pages that a tool has found; the first mention of each wins."""
        for source in sources:
            self._sources.setdefault(_same(source.url), source)

    def push(self, event: Event) -> tuple[Event, ...]:
        """The events that take the place of `event`: citations stand before the end of their text."""
        if not self._sources:
            return (event,)
        match event:
            case ev.TextStart():
                self._text = []
            case ev.TextDelta() if self._text is not None:
                self._text.append(event.text)
            case ev.TextEnd() if self._text is not None:
                text, self._text = "".join(self._text), None
                return (*self._cited(text), event)
            case _:
                pass
        return (event,)

    def _cited(self, text: str) -> list[ev.Citation]:
        found: list[ev.Citation] = []
        for link in _LINK.finditer(text):
            url = link[2] or link[0].rstrip(_TRAILING)
            source = self._sources.get(_same(url))
            if source is not None:
                end = link.end() if link[2] else link.start() + len(url)
                found.append(_citation(source, url, link.start(), end))
        return found


def _same(url: str) -> str:
    """Models drop a last slash, or add one."""
    return url.rstrip("/")


def _citation(source: ToolSource, url: str, start: int, end: int) -> ev.Citation:
    """In the form of Responses, which the other formats read (`annotations`: `url_citation`)."""
    title = source.title or url
    raw = {"type": "url_citation", "url": url, "title": title, "start_index": start, "end_index": end}
    return ev.Citation("openai_responses", raw, url=url, title=title, start=start, end=end)
