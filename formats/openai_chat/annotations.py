"""Citations as Chat's `annotations`."""

from __future__ import annotations

from typing import Any

from hyperinfer.formats.codec import Loss
from hyperinfer.formats.events import Citation
from hyperinfer.formats.losses import lose_once
from hyperinfer.formats.wire import is_array, is_object

BESIDE = ("search_results", "citations")
"""Fields of a chunk or a response. The first says more."""


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


def annotation_to_wire(event: Citation, losses: list[Loss]) -> dict[str, Any] | None:
    """A Chat annotation as it came, or a `url_citation` for a source with a URL. Others are a Loss."""
    if event.dialect == "openai_chat":
        return None if event.raw.keys() <= set(BESIDE) else event.raw  # those go with the chunk
    if not event.url:
        lose_once(losses, Loss(f"response.{event.raw.get('type', 'citation')}", "Chat cites URLs only"))
        return None
    citation: dict[str, Any] = {"url": event.url, "title": event.title or ""}
    citation["start_index"] = event.start if event.start is not None else 0
    citation["end_index"] = event.end if event.end is not None else citation["start_index"]
    if event.cited_text:
        citation["content"] = event.cited_text
    return {"type": "url_citation", "url_citation": citation}
