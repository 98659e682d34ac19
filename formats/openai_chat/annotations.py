"""Citations as Chat's `annotations`."""

from __future__ import annotations

from typing import Any

from hyperinfer.formats.codec import Loss
from hyperinfer.formats.events import Citation
from hyperinfer.formats.losses import lose_once
from hyperinfer.formats.wire import is_array, is_object

BESIDE = ("search_results", "citations")
"""Fields of a chunk or a response. The first says more."""
_BETWEEN = "\n\n"


def annotation_from_wire(raw: dict[str, Any], choice: int) -> Citation:
    """The event for one annotation. Its `index` in a stream only says which of the message's it is."""
    raw = {name: value for name, value in raw.items() if name != "index"}
    inner = raw.get("url_citation")
    source = inner if is_object(inner) else raw
    url, title, content = source.get("url"), source.get("title"), source.get("content")
    start, end = source.get("start_index"), source.get("end_index")
    return Citation(
        "openai_chat",
        raw,
        url=url if isinstance(url, str) else None,
        title=title if isinstance(title, str) else None,
        cited_text=content if isinstance(content, str) else None,
        start=start if isinstance(start, int) else None,
        end=end if isinstance(end, int) else None,
        choice=choice,
    )


def sources_beside(chunk: dict[str, Any]) -> dict[str, Citation]:
    """The sources that Perplexity and xAI list beside the choices, of the text of choice 0, by URL."""
    found: dict[str, Citation] = {}
    for name in BESIDE:
        listed = chunk.get(name)
        for each in listed if is_array(listed) else ():
            source = each if is_object(each) else {"url": each}
            url, title = source.get("url"), source.get("title")
            if isinstance(url, str) and url and url not in found:
                known = title if isinstance(title, str) else None
                found[url] = Citation("openai_chat", {name: [each]}, url=url, title=known)
    return found


class TextPlace:
    """Where the text of a message has come to. Chat has one `content` for all that a model says, and counts the places of
    citations from its beginning; other formats from that of the block; a provider, from that of the reply in its round."""

    __slots__ = ("_apart", "_block", "_last", "_length", "_round")

    def __init__(self) -> None:
        self._block = self._length = self._round = 0
        self._last = ""
        self._apart = False

    def block(self) -> None:
        """A block begins."""
        self._block = self._length

    def round(self) -> None:
        """The next reply begins: the gateway has run tools."""
        self._block = self._round = self._length
        self._apart = bool(self._last) and not self._last.isspace()

    def say(self, text: str) -> str:
        """A piece of text as it is written: what is said in two rounds is set apart."""
        if self._apart and text:
            self._apart = False
            self._length += len(_BETWEEN)
            self._block = self._round = self._length
            self._add(text)
            return _BETWEEN + text
        self._add(text)
        return text

    def say_all(self, texts: list[str]) -> list[str]:
        """Several pieces, none of them empty, as they are written."""
        if self._apart:
            return [self.say(texts[0]), *self.say_all(texts[1:])]
        self._length += sum(map(len, texts))
        self._last = texts[-1][-1:] if texts else self._last
        return texts

    def _add(self, text: str) -> None:
        self._length += len(text)
        self._last = text[-1:] or self._last

    def before(self, event: Citation) -> int:
        """Characters before what the places of `event` are counted from."""
        return self._round if event.dialect == "openai_chat" else self._block


def annotation_to_wire(event: Citation, losses: list[Loss], before: int) -> dict[str, Any] | None:
    """A Chat annotation as it came, or a `url_citation` for a source with a URL. Others are a Loss. `before`: characters of
    the message before the text that the citation's places are counted in."""
    if event.dialect == "openai_chat":
        if event.raw.keys() <= set(BESIDE):
            return None  # those go with the chunk
        return _moved(event.raw, before) if before else event.raw
    if not event.url:
        lose_once(losses, Loss(f"response.{event.raw.get('type', 'citation')}", "Chat cites URLs only"))
        return None
    citation: dict[str, Any] = {"url": event.url, "title": event.title or ""}
    citation["start_index"] = event.start + before if event.start is not None else 0
    citation["end_index"] = event.end + before if event.end is not None else citation["start_index"]
    if event.cited_text:
        citation["content"] = event.cited_text
    return {"type": "url_citation", "url_citation": citation}


def _moved(raw: dict[str, Any], by: int) -> dict[str, Any]:
    inner = raw.get("url_citation")
    if is_object(inner):
        return {**raw, "url_citation": _moved(inner, by)}
    places = {name: at + by for name in ("start_index", "end_index") if isinstance(at := raw.get(name), int)}
    return {**raw, **places}
