"""A tool call of a reply to events: `function_call` and `custom_tool_call`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from hyperinfer.formats import events as ev
from hyperinfer.formats.backlog import Backlog
from hyperinfer.formats.openai_responses.item_decode import (
    Item,
    Wire,
    event_extra,
    missing,
    packed,
    string,
    without,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hyperinfer.formats.events import Event, Extra


CALL_FIELDS = frozenset(("type", "id", "call_id", "name", "arguments", "input", "namespace"))
"""The fields of a call that the events model."""


class CallItem(Item):
    """`function_call` and `custom_tool_call`: opened once name and call id are known."""

    __slots__ = (
        "_args_event",
        "_call_id",
        "_contradicted",
        "_field",
        "_held",
        "_held_size",
        "_make_id",
        "_name",
        "_namespace",
        "_said",
        "kind",
    )

    def __init__(self, order: int, wire_id: str | None, index: int | None, kind: str, make_id: Any) -> None:
        super().__init__(order, wire_id, index)
        self.kind = kind
        self._field = "arguments" if kind == "function_call" else "input"
        self._make_id = make_id
        self._call_id = self._name = ""
        self._namespace: str | None = None
        self._args_event: Extra = None
        self._said: list[str] = []
        self._contradicted = False
        self._held: list[tuple[str, Extra]] = []  # while the name is not known
        self._held_size = Backlog()

    @property
    def call_id(self) -> str:
        """What pairs the call with its result; empty while unknown."""
        return self._call_id

    def added(self, item: Wire, event: Extra) -> None:
        super().added(item, event)
        self._learn(item)
        early = string(item.get(self._field))
        if self._call_id and self._name:
            self.start()
        self._rest(early)  # some servers open the item with all of it

    def _learn(self, item: Wire) -> None:
        self._call_id = self._call_id or string(item.get("call_id"))
        self._name = self._name or string(item.get("name"))
        self._namespace = self._namespace or string(item.get("namespace")) or None

    def start(self) -> None:
        """Opens the block."""
        if self.started:
            return
        self.started = True
        self._call_id = self._call_id or self._make_id()
        extra: Extra = {"item": without(self.added_fields, CALL_FIELDS) or {}} if self.added_fields else None
        if self.added_event:
            extra = {**(extra or {}), "item_event": self.added_event}
        self.out.append(
            ev.ToolCallStart(
                self._call_id,
                self._name,
                "function" if self.kind == "function_call" else "custom",
                namespace=self._namespace,
                item_id=self.wire_id,
                extra=extra,
            )
        )
        for text, more in self._held:
            self.out.append(ev.ArgumentsDelta(text, more))
        self._held.clear()

    def delta(self, text: str, extra: Extra = None) -> None:
        """A piece of the arguments."""
        self._said.append(text)
        if self.started:
            self.out.append(ev.ArgumentsDelta(text, extra))
        else:
            self._held_size.hold(self.kind, len(text))
            self._held.append((text, extra))

    def more(self, texts: list[str]) -> Iterable[Event]:
        """The events of more pieces of the arguments; none while the call waits for its name."""
        if not self.started:
            for text in texts:
                self.delta(text)
            return ()
        self._said.extend(texts)
        return [ev.ArgumentsDelta(text) for text in texts]

    def whole(self, text: str, event: Wire) -> None:
        """All of the arguments."""
        self._learn(event)
        if self._call_id and self._name:
            self.start()
        self._rest(text)
        self._args_event = event_extra(event)

    def _rest(self, text: str) -> None:
        """Says what is still to be said of the arguments. Ones that are the same value in other words say nothing else."""
        rest = missing(self._said, text)
        if rest:
            self.delta(rest)
        elif rest is None and not (self.kind == "function_call" and _same_value("".join(self._said), text)):
            self._contradicted = True

    def said_all(self, item: Wire) -> bool:
        return item.get("call_id") == self._call_id and string(item.get(self._field)) == "".join(self._said)

    def finish(self, item: Wire | None, event: Extra) -> None:
        self.done_seen = True
        self._learn(item or {})
        self.start()
        self._rest(string((item or {}).get(self._field)))
        extra: Wire = packed(args_event=self._args_event, item_event=event) or {}
        if item is not None:
            extra["item"] = without(item, CALL_FIELDS) or {}
        if self._contradicted:
            extra["contradicted"] = {f"output[].{self._field}": True}
        self.out.append(ev.ToolCallEnd(extra or None))


def _same_value(one: str, other: str) -> bool:
    """Whether two texts are the same JSON."""
    try:
        return bool(msgspec.json.decode(one) == msgspec.json.decode(other))
    except (msgspec.DecodeError, RecursionError):
        return False
