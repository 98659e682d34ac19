"""One output item of a reply, from whatever of it the upstream sends, to events.

A stream may leave out any event of an item: deltas without the `added` before them, a `done` without deltas, texts only in
the item's last state. Each class here takes what comes, and when the item is done adds what was missing. A whole reply is
items that are done at once.

Private `extra` of the events (read by `item_encode`): `item`, `part` are the fields of the object that are not modelled;
`<name>_event` those of the event that brought it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from hyperinfer.formats import events as ev
from hyperinfer.formats.opaque import Opaque
from hyperinfer.formats.openai_responses.lanes import Lane
from hyperinfer.formats.wire import is_array, is_object

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hyperinfer.formats.events import Event, Extra

Wire = dict[str, Any]

_EVENT_FIELDS = frozenset(
    [
        "type",
        "sequence_number",
        "output_index",
        "content_index",
        "summary_index",
        "annotation_index",
        "item_id",
        "item",
        "part",
        "text",
        "refusal",
        "delta",
        "logprobs",
        "obfuscation",
        "arguments",
        "input",
        "annotation",
    ]
)


def event_extra(event: Wire) -> Extra:
    """Fields of a stream event that no event of the protocol has."""
    return without(event, _EVENT_FIELDS)


def without(value: Wire, known: frozenset[str]) -> Extra:
    """The other fields; None when there are none."""
    found = {k: v for k, v in value.items() if k not in known}
    return found or None


def packed(**groups: Extra) -> Extra:
    """The groups that hold something."""
    return {name: group for name, group in groups.items() if group} or None


def string(value: object) -> str:
    """A string field; anything else counts as absent."""
    return value if isinstance(value, str) else ""


def objects(value: object) -> list[Wire]:
    """The objects of an array field; anything else counts as absent."""
    return [item for item in value if is_object(item)] if is_array(value) else []


def numbered(value: object, known: list[int]) -> list[tuple[int, Wire]]:
    """The objects of an array field and their places among the parts at `known`: in that order if there are as many, however
    the deltas had numbered them, else by their own numbers."""
    parts = value if is_array(value) else []
    places = known if len(known) == len(parts) else range(len(parts))
    return [(place, part) for place, part in zip(places, parts, strict=True) if is_object(part)]


def missing(said: list[str], text: str) -> str | None:
    """What is still to be said of `text`; None where it went another way than its deltas, which stand."""
    if not text:
        return ""
    so_far = "".join(said)
    return text[len(so_far) :] if text.startswith(so_far) else None


class Item(Lane):
    """An output item. `rank`: models write reasoning, then text, then calls, never back within one run."""

    rank: ClassVar[int] = 2
    kind: str

    __slots__ = ("added_event", "added_fields", "closed_early", "done_seen", "index", "started", "wire_id")

    def __init__(self, order: int, wire_id: str | None, index: int | None) -> None:
        super().__init__(order)
        self.wire_id = wire_id
        self.index = index
        self.added_fields: Wire = {}
        self.added_event: Extra = None
        self.started = False
        self.done_seen = False
        self.closed_early = False

    def added(self, item: Wire, event: Extra) -> None:
        """The item as it was opened."""
        self.added_fields, self.added_event = item, event
        if self.wire_id is None:
            self.wire_id = string(item.get("id")) or None

    def can_close_early(self) -> bool:
        """Whether the block may be closed though the item is not done, because a later one goes on (llama.cpp)."""
        return False

    def finish(self, item: Wire | None, event: Extra) -> None:
        """The item is done; `item` is its last state, None when the stream ended without."""
        raise NotImplementedError

    def said_all(self, item: Wire) -> bool:
        """Whether all that a state of the item says was said."""
        raise NotImplementedError


class ReasoningItem(Item):
    """`reasoning`: summary parts and content parts."""

    rank = 0
    kind = "reasoning"
    _KNOWN = frozenset(("type", "id", "summary", "encrypted_content"))

    __slots__ = ("_contradicted", "_said", "_settled", "_vendor")

    def __init__(self, order: int, wire_id: str | None, index: int | None, vendor: str) -> None:
        super().__init__(order, wire_id, index)
        self._vendor = vendor
        self._said: dict[tuple[str, int], list[str]] = {}
        self._contradicted: set[str] = set()
        self._settled: set[tuple[str, int]] = set()  # the parts of which a last state came

    def start(self) -> None:
        """Opens the block."""
        if self.started:
            return
        self.started = True
        fields = without(self.added_fields, self._KNOWN | {"content"}) or {}
        if self.added_fields.get("content") == []:
            fields["content"] = []
        blob = self.added_fields.get("encrypted_content")
        if self._vendor == "openai" and "encrypted_content" in self.added_fields:
            fields["encrypted_content"] = blob
        extra = {"item": fields} if self.added_fields else None
        if self.added_event:
            extra = {**(extra or {}), "item_event": self.added_event}
        self.out.append(ev.ReasoningStart(self.wire_id, extra))

    def delta(self, form: Any, part: int, text: str, extra: Extra = None) -> None:
        """A piece of one part."""
        if not self.started:
            self.start()
        self._said.setdefault((form, part), []).append(text)
        self.out.append(ev.ReasoningDelta(text, form, part, extra))

    def more(self, form: Any, part: int, texts: list[str]) -> Iterable[Event]:
        """The events of more pieces of the part of the last one."""
        self._said[form, part].extend(texts)
        return [ev.ReasoningDelta(text, form, part) for text in texts]

    def whole(self, form: Any, part: int, text: str) -> None:
        """All of one part's text."""
        said = self._said.get((form, part))
        self._settled.add((form, part))
        rest = missing(said or [], text)
        elsewhere = rest and any(  # its deltas had another number
            key[0] == form and key not in self._settled and "".join(pieces) == rest for key, pieces in self._said.items()
        )
        if rest is None or elsewhere:
            self._contradicted.add(f"output[].{'summary' if form == 'summary' else 'content'}[].text")
        elif rest or said is None:
            self.delta(form, part, rest)

    def said_all(self, item: Wire) -> bool:
        told = [string(part.get("text")) for field in ("summary", "content") for part in objects(item.get(field))]
        return "".join(told) == "".join(text for _, said in sorted(self._said.items()) for text in said)

    def can_close_early(self) -> bool:
        return bool(self._said) and not self.closed_early

    def close_early(self) -> None:
        """Closes the block; what the item's end still brings makes a block of its own."""
        self.closed_early = True
        self.started = False
        self.out.append(ev.ReasoningEnd((), packed(contradicted=self._otherwise())))

    def has_news(self, item: Wire | None) -> bool:
        """Whether the end of an item that was closed early brings something."""
        return bool(item and item.get("encrypted_content"))

    def finish(self, item: Wire | None, event: Extra) -> None:
        self.done_seen = True
        if item is None:
            self.start()
            self.out.append(ev.ReasoningEnd((), packed(contradicted=self._otherwise())))
            return
        if not self.closed_early:
            for form, field in (("summary", "summary"), ("text", "content")):
                known = [part for said, part in sorted(self._said) if said == form]
                for index, part in numbered(item.get(field), known):
                    self.whole(form, index, string(part.get("text")))
        self.start()
        opaque: tuple[Opaque, ...] = ()
        blob = item.get("encrypted_content")
        if isinstance(blob, str) and blob:
            opaque = (Opaque(self._vendor, "encrypted", blob),)
        self.out.append(ev.ReasoningEnd(opaque, self._end_extra(item, event)))

    def _end_extra(self, item: Wire, event: Extra) -> Extra:
        fields = without(item, self._KNOWN | {"content"}) or {}
        told = (("summary", "summary_text"), ("content", "reasoning_text")) if not self.closed_early else ()
        for field, wanted in told:  # what an early end has told already is not told again
            value = item.get(field)
            if (field == "content" and field in item and not value) or any(
                part != {"type": wanted, "text": part.get("text")} for part in objects(value)
            ):
                fields[field] = value
        if "encrypted_content" in item and not item["encrypted_content"]:
            fields["encrypted_content"] = item["encrypted_content"]
        extra: Wire = {"item": fields}
        if event:
            extra["item_event"] = event
        if otherwise := self._otherwise():
            extra["contradicted"] = otherwise
        return extra

    def _otherwise(self) -> Extra:
        """The places whose last state is another text than their deltas were; told once."""
        found: Wire = dict.fromkeys(sorted(self._contradicted), True)
        self._contradicted.clear()
        return found or None


class NativeItem(Item):
    """An item of a hosted tool, or of a kind that this version does not know: verbatim."""

    __slots__ = ("kind",)

    def __init__(self, order: int, wire_id: str | None, index: int | None, kind: str) -> None:
        super().__init__(order, wire_id, index)
        self.kind = kind

    def added(self, item: Wire, event: Extra) -> None:
        super().added(item, event)
        self.start()

    def start(self) -> None:
        """Opens the block."""
        if not self.started:
            self.started = True
            item = self.added_fields or {"type": self.kind, "id": self.wire_id}
            self.out.append(ev.ServerToolStart("openai_responses", self.kind, item))

    def delta(self, event: Wire) -> None:
        """Any event of the item."""
        self.start()
        self.out.append(ev.ServerToolDelta({k: v for k, v in event.items() if k not in _NUMBERING}))

    def finish(self, item: Wire | None, event: Extra) -> None:
        self.done_seen = True
        if not self.started and item is not None:
            self.added_fields = item
        self.start()
        self.out.append(ev.ServerToolEnd(item if item is not None else self.added_fields))

    def said_all(self, item: Wire) -> bool:
        return True  # its words are those of the item with its id


_NUMBERING = frozenset(("sequence_number", "obfuscation"))
