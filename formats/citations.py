"""The citations of a text that may be cut: none reaches beyond the text that was given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from hyperinfer.formats.wire import is_object

if TYPE_CHECKING:
    from hyperinfer.formats.events import Citation


class Citations:
    """Of one text block after the other. Positions are in characters of the block's text.

    A citation that reaches beyond the text so far waits for it. One without a place is of the whole block.
    """

    __slots__ = ("_length", "waiting")

    def __init__(self) -> None:
        self.waiting: list[Citation] = []
        self._length = 0

    def add(self, citation: Citation, length: int) -> tuple[Citation, ...]:
        """A citation that comes when `length` characters of text were given."""
        if citation.end is None or citation.end <= length:
            return (citation,)
        self.waiting.append(citation)
        return ()

    def due(self, length: int) -> list[Citation]:
        """Those whose text was given by now."""
        if not self.waiting:
            return []
        found = [citation for citation in self.waiting if _end(citation) <= length]
        self.waiting = [citation for citation in self.waiting if _end(citation) > length]
        return found

    def rest(self) -> list[Citation]:
        """The block is over: those that reach beyond it are given as the upstream made them."""
        found, self.waiting = self.waiting, []
        return found

    def clipped(self, length: int) -> list[Citation]:
        """The block ends at `length`: what waits of it, cut to that. `clip` does the same with what comes later."""
        self._length = length
        return [kept for citation in self.rest() for kept in self.clip(citation)]

    def clip(self, citation: Citation) -> tuple[Citation, ...]:
        """The citation as far as the block reaches; nothing where it is of text that was not given."""
        length = self._length
        if not length or (citation.start is not None and citation.start >= length):
            return ()
        if citation.end is None or citation.end <= length:
            return (citation,)
        return (msgspec.structs.replace(citation, end=length, raw=_clipped(citation.raw, length)),)


def _end(citation: Citation) -> int:
    return citation.end or 0


def _clipped(raw: dict[str, Any], length: int) -> dict[str, Any]:
    """The wire form: Responses has `end_index` itself, Chat within `url_citation`."""
    inner = raw.get("url_citation")
    if is_object(inner):
        return {**raw, "url_citation": _clipped(inner, length)}
    end = raw.get("end_index")
    return {**raw, "end_index": length} if isinstance(end, int) and end > length else raw
