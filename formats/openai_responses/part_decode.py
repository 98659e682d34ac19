"""A content part of a message of a reply to events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hyperinfer.formats import events as ev
from hyperinfer.formats.openai_responses.item_decode import (
    Wire,
    event_extra,
    missing,
    objects,
    packed,
    string,
    without,
)
from hyperinfer.formats.openai_responses.lanes import Lane
from hyperinfer.formats.wire import is_array, is_object

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hyperinfer.formats.events import Event, Extra
    from hyperinfer.formats.openai_responses.message_decode import MessageItem

TEXT_FIELDS = frozenset(("type", "text", "annotations", "logprobs"))
REFUSAL_FIELDS = frozenset(("type", "refusal"))


class Part(Lane):
    """One content part: text or refusal. It closes when the next part opens or the item ends, to know all of itself."""

    __slots__ = (
        "_contradicted",
        "_end",
        "_late_logprobs",
        "_logprobs",
        "_owner",
        "_said",
        "_started",
        "added_extra",
        "citations",
        "ended",
        "kind",
        "settled",
    )

    def __init__(self, owner: MessageItem, index: int, kind: str) -> None:
        super().__init__(index)
        self._owner = owner
        self.kind = kind
        self.added_extra: Extra = None
        self.ended = False
        self.settled: set[str] = set()  # of what a last state came
        self._started = False
        self._said: list[str] = []
        self._logprobs: list[Any] = []
        self._late_logprobs: list[Any] | None = None  # of a last state, where the deltas had none
        self.citations: list[Wire] = []
        self._end: dict[str, Extra] = {}
        self._contradicted: set[str] = set()

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

    def more(self, texts: list[str]) -> Iterable[Event]:
        """The events of more pieces of the text."""
        self._said.extend(texts)
        return [ev.TextDelta(text) for text in texts]

    @property
    def text(self) -> str:
        """What was said."""
        return "".join(self._said)

    def whole(self, text: str, logprobs: Any = None) -> None:
        """All of the text."""
        self.start()
        rest = missing(self._said, text)
        if rest is None or (rest and self._owner.said_elsewhere(self, rest)):
            self.contradicts(f"output[].content[].{'refusal' if self.kind == 'refusal' else 'text'}")
        elif rest:
            self.delta(rest, logprobs if is_array(logprobs) and not self._said else None, None)

    def contradicts(self, path: str) -> None:
        """A last state says something otherwise than the deltas, which stand."""
        self._contradicted.add(path)

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
        self.settled.add("text")
        text = event.get("refusal" if self.kind == "refusal" else "text")
        self.whole(string(text), event.get("logprobs"))
        logprobs = event.get("logprobs")
        more = event_extra(event) or {}
        if is_array(logprobs) and logprobs != self._logprobs:
            more["logprobs"] = logprobs
            self._learn(logprobs)
        self._end["text_event"] = more or None

    def settle(self, part: Wire) -> None:
        """The part's last state. One of another kind than its deltas had is told as it is, its text is not said again."""
        self.settled.add("part")
        if "type" in (self._end.get("part") or ()):
            self.contradicts("output[].content[]")
        if kind_of(part) != self.kind:
            self.start()
            self._end["part"] = part
            return
        self.whole(string(part.get("refusal" if self.kind == "refusal" else "text")), part.get("logprobs"))
        fields = without(part, REFUSAL_FIELDS if self.kind == "refusal" else TEXT_FIELDS) or {}
        final = objects(part.get("annotations"))
        if final[: len(self.citations)] == self.citations:
            for raw in self.unsaid(part):
                self.citation(raw)
        elif final:
            fields["annotations"] = final
        logprobs = part.get("logprobs")
        if is_array(logprobs) and logprobs != self._logprobs:
            fields["logprobs"] = logprobs
            self._learn(logprobs)
        self._end["part"] = fields or None

    def _learn(self, logprobs: list[Any]) -> None:
        if logprobs and not self._logprobs:
            self._late_logprobs = logprobs

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
        if self._contradicted:
            extra["contradicted"] = dict.fromkeys(sorted(self._contradicted), True)
        if self.kind == "refusal":
            self.out.append(ev.RefusalEnd(extra or None))
        else:
            self.out.append(ev.TextEnd(extra or None, logprobs=self._late_logprobs))


def kind_of(part: Wire) -> str | None:
    """What block a content part is; None for one of a kind that this version does not know. One that names none is text."""
    named = part.get("type")
    if named in ("refusal", "output_text"):
        return str(named)
    return "output_text" if named in (None, "text") else None


def text_of(part: Wire) -> str:
    """What a part says in words."""
    kind = kind_of(part)
    return string(part.get("refusal" if kind == "refusal" else "text")) if kind is not None else ""


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
