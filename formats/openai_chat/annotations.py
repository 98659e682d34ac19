"""Citations as Chat's `annotations`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hyperinfer.formats.codec import Loss

if TYPE_CHECKING:
    from hyperinfer.formats import events as ev


def annotation_to_wire(event: ev.Citation, losses: list[Loss]) -> dict[str, Any] | None:
    """A Chat annotation as it came, or a `url_citation` for a source with a URL. Others are a Loss."""
    if event.dialect == "openai_chat":
        return event.raw
    if not event.url:
        losses.append(Loss(f"response.{event.raw.get('type', 'citation')}", "Chat cites URLs only"))
        return None
    citation: dict[str, Any] = {"url": event.url, "title": event.title or ""}
    citation["start_index"] = event.start if event.start is not None else 0
    citation["end_index"] = event.end if event.end is not None else citation["start_index"]
    if event.cited_text:
        citation["content"] = event.cited_text
    return {"type": "url_citation", "url_citation": citation}
