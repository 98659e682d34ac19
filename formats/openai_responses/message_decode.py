"""A message item of a reply to events: its content parts, one after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hyperinfer.formats import events as ev
from hyperinfer.formats.openai_responses.item_decode import (
    Item,
    Wire,
    event_extra,
    numbered,
    objects,
    packed,
    string,
    without,
)
from hyperinfer.formats.openai_responses.lanes import Stage
from hyperinfer.formats.openai_responses.part_decode import (
    REFUSAL_FIELDS,
    TEXT_FIELDS,
    Part,
    kind_of,
    text_of,
)
from hyperinfer.formats.wire import is_object

if TYPE_CHECKING:
    from hyperinfer.formats.backlog import Backlog
    from hyperinfer.formats.events import Extra

ITEM_FIELDS = frozenset(("type", "id", "role", "content", "phase"))
"""The fields of a message item that the events model."""


class MessageItem(Item):
    """`message`: content parts, of which one is open at a time."""

    rank = 1
    kind = "message"

    __slots__ = ("_backlog", "_parts", "_stage", "live")

    def __init__(self, order: int, wire_id: str | None, index: int | None, backlog: Backlog) -> None:
        super().__init__(order, wire_id, index)
        self._backlog = backlog
        self._stage = Stage(self.out, backlog)
        self._parts: dict[int, Part] = {}
        self.live: Part | None = None

    @property
    def phase(self) -> str | None:
        """`commentary` or `final_answer`, where the model says it."""
        return string(self.added_fields.get("phase")) or None

    def item_extra(self) -> Extra:
        """Private fields of the item as it was opened."""
        extra: Wire = {"item": without(self.added_fields, ITEM_FIELDS) or {}} if self.added_fields else {}
        if self.added_event:
            extra["item_event"] = self.added_event
        return extra or None

    def attach(self, out: Any) -> None:
        super().attach(out)
        self._stage.redirect(out)

    def wait(self, out: Any) -> None:
        super().wait(out)
        self._stage.redirect(out)

    def detach(self) -> None:
        super().detach()
        self._stage = Stage(self.out, self._backlog)
        self.live = None

    def part(self, index: int | None, kind: str) -> Part:
        """The part at a content index; the last one where the upstream gives no index."""
        if index is None:
            last = self._parts[max(self._parts)] if self._parts else None
            if last is not None and last.kind == kind and not last.left:
                return last
            index = max(self._parts) + 1 if self._parts else 0
        found = self._parts.get(index)
        if found is not None and not found.left:
            return found
        if found is not None or self.closed_early:
            index = max(self._parts, default=-1) + 1
        part = Part(self, index, kind)
        self._parts[index] = part
        self.started = True
        self._stage.enter(part)
        if self.live is None:
            self.live = part
        else:
            self._close_ended()
        return part

    def ending(self, index: int | None, kind: str, text: str, state: str) -> Part:
        """The part that a last state with this text is of: the one at its index, or one that has said just that, whatever
        its index, and had no such last state (`state`: of its text or of the part) yet."""
        known = self._parts.get(index) if index is not None else None
        if text and (known is None or not known.text):
            for part in self._parts.values():
                if part.kind == kind and not part.left and state not in part.settled and part.text == text:
                    return part
        return self.part(index, kind)

    def said_elsewhere(self, part: Part, text: str) -> bool:
        """Whether what a last state adds to a part is what another part has said, that had no last state."""
        others = (other for other in self._parts.values() if other is not part and other.kind == part.kind)
        return any(not other.settled and other.text == text for other in others)

    def part_added(self, event: Wire, index: int | None) -> None:
        """`content_part.added`."""
        raw = event.get("part")
        part = raw if is_object(raw) else {}
        kind = kind_of(part)
        if kind is None:
            return  # the item's last state brings it
        known = REFUSAL_FIELDS if kind == "refusal" else TEXT_FIELDS
        opened = self.part(index, kind)
        opened.added_extra = packed(part=without(part, known), part_event=event_extra(event))
        opened.start()
        text = string(part.get("refusal" if kind == "refusal" else "text"))
        opened.whole(text)  # some servers open the part with text in it

    def part_done(self, event: Wire, index: int | None) -> None:
        """`content_part.done`: the part gets no more text. It is closed once another one waits, or the item ends."""
        raw = event.get("part")
        kind = kind_of(raw if is_object(raw) else {})
        if kind is None and (index not in self._parts or self._parts[index].left):
            return  # the item's last state brings it
        part = self.ending(index, kind or "output_text", text_of(raw) if is_object(raw) else "", "part")
        part.part_done(event)
        part.ended = True
        self._close_ended()

    def _close_ended(self) -> None:
        while (live := self.live) is not None and live.ended and self._stage.has_waiting:
            self._close(live, {})

    def _close(self, part: Part, item_end: dict[str, Extra]) -> None:
        part.close(item_end)
        self._stage.leave(part)
        current = self._stage.current
        self.live = current if isinstance(current, Part) else None

    def can_close_early(self) -> bool:
        return self.live is not None

    def close_early(self) -> None:
        """Closes what is open; later text makes a block of its own."""
        self.closed_early = True
        self._close_all({})

    def _close_all(self, item_end: dict[str, Extra]) -> None:
        still_open = [part for _, part in sorted(self._parts.items()) if not part.left]
        for part in still_open:
            self._close(part, item_end if part is still_open[-1] else {})

    def has_news(self, item: Wire | None) -> bool:
        """Whether the end of an item that was closed early brings something."""
        content = self._numbered(item or {})
        if len(content) > sum(1 for part in self._parts.values() if part.left):
            return True
        return any(self._untold(index, raw) for index, raw in content)

    def _untold(self, index: int, raw: Wire) -> list[Wire]:
        """The annotations in the last state of a part that neither it nor a block behind it had."""
        part = self._parts.get(index)
        told = [source for other in self._parts.values() for source in other.citations]
        return [source for source in part.unsaid(raw) if source not in told] if part is not None else []

    def finish(self, item: Wire | None, event: Extra) -> None:
        self.done_seen = True
        item_end: dict[str, Extra] = {}
        if item is not None:
            fields = without(item, ITEM_FIELDS) or {}
            if item.get("phase") != self.added_fields.get("phase"):
                fields["phase"] = item.get("phase")
            item_end["item"] = fields
            if not self.added_fields and not self.started:
                self.added_fields = {"phase": item["phase"]} if "phase" in item else {}
            self._settle_all(item)
        if event:
            item_end["item_event"] = event
        if not self._parts and not self.closed_early:
            self.out.append(ev.TextStart(self.wire_id, self.phase, self.item_extra(), {"no_part": {}}))
            self.out.append(ev.TextEnd({"no_part": {}, **item_end}))
            return
        self._close_all(item_end)

    def _numbered(self, item: Wire) -> list[tuple[int, Wire]]:
        return numbered(item.get("content"), sorted(self._parts))

    def said_all(self, item: Wire) -> bool:
        told = "".join(text_of(raw) for raw in objects(item.get("content")))
        return told == "".join(part.text for _, part in sorted(self._parts.items()))

    def _settle_all(self, item: Wire) -> None:
        """The last states of the parts. Where all of their text was said, but in other parts, it is not said again."""
        told = self.said_all(item)
        for index, raw in self._numbered(item):
            known = self._parts.get(index)
            if told and text_of(raw) and (known is None or known.text != text_of(raw)):
                self._parts[max(self._parts)].contradicts("output[].content[]")
            else:
                self._settle(index, raw)

    def _settle(self, index: int, raw: Wire) -> None:
        known = self._parts.get(index)
        if known is not None and known.left:
            for late in self._untold(index, raw):  # sources of a text that was closed early, in a block of their own
                self.part(None, "output_text").citation(late)
            return
        kind = kind_of(raw)
        if kind is None and known is None:
            self.out.append(ev.Unknown("openai_responses", "response.content_part", {"item_id": self.wire_id, "part": raw}))
            return
        self.part(index, kind or "output_text").settle(raw)
