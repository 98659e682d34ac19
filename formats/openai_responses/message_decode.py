"""A message item of a reply to events: its content parts, one after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hyperinfer.formats import events as ev
from hyperinfer.formats.openai_responses.item_decode import (
    Item,
    Wire,
    event_extra,
    missing,
    objects,
    packed,
    string,
    without,
)
from hyperinfer.formats.openai_responses.lanes import Lane, Stage
from hyperinfer.formats.wire import is_array, is_object

if TYPE_CHECKING:
    from hyperinfer.formats.backlog import Backlog
    from hyperinfer.formats.events import Extra

_TEXT = frozenset(("type", "text", "annotations", "logprobs"))
_REFUSAL = frozenset(("type", "refusal"))
_KINDS = ("output_text", "text", "refusal")
_ITEM = frozenset(("type", "id", "role", "content", "phase"))


class Part(Lane):
    """One content part: text or refusal. It closes when the next part opens or the item ends, to know all of itself."""

    __slots__ = ("_end", "_logprobs", "_owner", "_said", "_started", "added_extra", "citations", "ended", "kind")

    def __init__(self, owner: MessageItem, index: int, kind: str) -> None:
        super().__init__(index)
        self._owner = owner
        self.kind = kind
        self.added_extra: Extra = None
        self.ended = False
        self._started = False
        self._said: list[str] = []
        self._logprobs: list[Any] = []
        self.citations: list[Wire] = []
        self._end: dict[str, Extra] = {}

    def start(self) -> None:
        """Opens the block."""
        if self._started:
            return
        self._started = True
        owner = self._owner
        if self.kind == "refusal":
            self.out.append(ev.RefusalStart(owner.wire_id, owner.item_extra(), self.added_extra))
        else:
            self.out.append(ev.TextStart(owner.wire_id, owner.phase, owner.item_extra(), self.added_extra))

    def delta(self, text: str, logprobs: list[Any] | None = None, extra: Extra = None) -> None:
        """A piece of text."""
        if not self._started:
            self.start()
        self._said.append(text)
        if self.kind == "refusal":
            self.out.append(ev.RefusalDelta(text, extra))
        elif logprobs:
            self._logprobs.extend(logprobs)
            self.out.append(ev.TextDelta(text, logprobs, extra))
        else:
            self.out.append(ev.TextDelta(text, None, extra))

    def whole(self, text: str, logprobs: Any = None) -> None:
        """All of the text."""
        self.start()
        rest = missing(self._said, text)
        if rest:
            self.delta(rest, logprobs if is_array(logprobs) and not self._said else None, None)

    def citation(self, raw: Wire) -> None:
        """An annotation."""
        self.start()
        if self.kind != "refusal":
            self.citations.append(raw)
            self.out.append(citation(raw))

    def unsaid(self, part: Wire) -> list[Wire]:
        """The annotations of the part's last state that go on from those that came."""
        final, count = objects(part.get("annotations")), len(self.citations)
        return final[count:] if final[:count] == self.citations else []

    def text_done(self, event: Wire) -> None:
        """`output_text.done` or `refusal.done`."""
        text = event.get("refusal" if self.kind == "refusal" else "text")
        self.whole(string(text), event.get("logprobs"))
        logprobs = event.get("logprobs")
        more = event_extra(event) or {}
        if is_array(logprobs) and logprobs != self._logprobs:
            more["logprobs"] = logprobs
        self._end["text_event"] = more or None

    def settle(self, part: Wire) -> None:
        """The part's last state."""
        self.whole(string(part.get("refusal" if self.kind == "refusal" else "text")), part.get("logprobs"))
        fields = without(part, _REFUSAL if self.kind == "refusal" else _TEXT) or {}
        final = objects(part.get("annotations"))
        if final[: len(self.citations)] == self.citations:
            for raw in self.unsaid(part):
                self.citation(raw)
        elif final:
            fields["annotations"] = final
        logprobs = part.get("logprobs")
        if is_array(logprobs) and logprobs != self._logprobs:
            fields["logprobs"] = logprobs
        self._end["part"] = fields or None

    def part_done(self, event: Wire) -> None:
        """`content_part.done`."""
        part = event.get("part")
        if is_object(part):
            self.settle(part)
            logprobs = part.get("logprobs")
            if is_array(logprobs) and logprobs != self._logprobs:  # the item may say it better
                self._end["done_part"] = {"logprobs": logprobs}
        self._end["part_event"] = event_extra(event)

    def close(self, item_end: dict[str, Extra]) -> None:
        """Closes the block."""
        self.start()
        extra = packed(**self._end) or {}
        extra.update(item_end)
        end = ev.RefusalEnd if self.kind == "refusal" else ev.TextEnd
        self.out.append(end(extra or None))


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
        extra: Wire = {"item": without(self.added_fields, _ITEM) or {}} if self.added_fields else {}
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

    def part_added(self, event: Wire, index: int | None) -> None:
        """`content_part.added`."""
        raw = event.get("part")
        part = raw if is_object(raw) else {}
        if part.get("type", "output_text") not in _KINDS:
            return  # the item's last state brings it
        kind = "refusal" if part.get("type") == "refusal" else "output_text"
        known = _REFUSAL if kind == "refusal" else _TEXT
        opened = self.part(index, kind)
        opened.added_extra = packed(part=without(part, known), part_event=event_extra(event))
        opened.start()
        text = string(part.get("refusal" if kind == "refusal" else "text"))
        if text:  # some servers open the part with text in it
            opened.delta(text, None, None)

    def part_ended(self, part: Part) -> None:
        """The part gets no more text. It is closed once another one waits, or the item ends."""
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
        content = objects((item or {}).get("content"))
        if len(content) > sum(1 for part in self._parts.values() if part.left):
            return True
        return any(self._untold(index, raw) for index, raw in enumerate(content))

    def _untold(self, index: int, raw: Wire) -> list[Wire]:
        """The annotations in the last state of a part that neither it nor a block behind it had."""
        part = self._parts.get(index)
        told = [source for other in self._parts.values() for source in other.citations]
        return [source for source in part.unsaid(raw) if source not in told] if part is not None else []

    def finish(self, item: Wire | None, event: Extra) -> None:
        self.done_seen = True
        item_end: dict[str, Extra] = {}
        if item is not None:
            fields = without(item, _ITEM) or {}
            if item.get("phase") != self.added_fields.get("phase"):
                fields["phase"] = item.get("phase")
            item_end["item"] = fields
            if not self.added_fields and not self.started:
                self.added_fields = {"phase": item["phase"]} if "phase" in item else {}
            for index, raw in enumerate(objects(item.get("content"))):
                self._settle(index, raw)
        if event:
            item_end["item_event"] = event
        if not self._parts and not self.closed_early:
            self.out.append(ev.TextStart(self.wire_id, self.phase, self.item_extra(), {"no_part": {}}))
            self.out.append(ev.TextEnd({"no_part": {}, **item_end}))
            return
        self._close_all(item_end)

    def _settle(self, index: int, raw: Wire) -> None:
        kind = raw.get("type")
        known = self._parts.get(index)
        if known is not None and known.left:
            for late in self._untold(index, raw):  # sources of a text that was closed early, in a block of their own
                self.part(None, "output_text").citation(late)
            return
        if not isinstance(kind, str):
            return
        if kind not in _KINDS:
            self.out.append(ev.Unknown("openai_responses", "response.content_part", {"item_id": self.wire_id, "part": raw}))
            return
        self.part(index, "refusal" if kind == "refusal" else "output_text").settle(raw)


def citation(raw: Wire) -> ev.Citation:
    """An annotation as a canonical source."""
    start, end = raw.get("start_index"), raw.get("end_index")
    return ev.Citation(
        "openai_responses",
        raw,
        url=string(raw.get("url")) or None,
        title=string(raw.get("title") or raw.get("filename")) or None,
        start=start if isinstance(start, int) else None,
        end=end if isinstance(end, int) else None,
    )
