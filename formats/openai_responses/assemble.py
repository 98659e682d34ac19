"""The events of a reply from the protocol's events or from whole items, in one order.

Order and ids are taken as they come: an item is found by its output index, else by its id, else by what kind of item the
event speaks of. An event of an item that was never opened opens it (fault F017).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeGuard

from hyperinfer.formats import events as ev
from hyperinfer.formats.backlog import Backlog
from hyperinfer.formats.errors import PeerError
from hyperinfer.formats.openai_responses.call_decode import CallItem
from hyperinfer.formats.openai_responses.envelope import ENVELOPE
from hyperinfer.formats.openai_responses.item_decode import (
    Item,
    NativeItem,
    ReasoningItem,
    Wire,
    event_extra,
    string,
    without,
)
from hyperinfer.formats.openai_responses.lanes import Stage
from hyperinfer.formats.openai_responses.message_decode import MessageItem
from hyperinfer.formats.openai_responses.stop import stop_from_wire
from hyperinfer.formats.openai_responses.usage import usage_from_wire
from hyperinfer.formats.upstream_errors import upstream_error
from hyperinfer.formats.wire import is_array, is_object

if TYPE_CHECKING:
    from hyperinfer.formats.codec import Upstream
    from hyperinfer.formats.events import Event

_FAILED = ("failed", "cancelled")


class Assembler:
    """State of one reply. `events`: what is ready."""

    def __init__(self, upstream: Upstream) -> None:
        self.events: deque[Event] = deque()
        self.ended = False
        self.started = False
        self._upstream = upstream
        self._backlog = Backlog()
        self._stage = Stage(self.events, self._backlog)
        self._items: list[Item] = []
        self._by_index: dict[int, Item] = {}
        self._by_id: dict[str, Item] = {}
        self._made_ids = 0
        self._envelope: Wire = {}

    # -- the reply as a whole

    def begin(self, response: Wire) -> None:
        """The reply begins; later calls change nothing."""
        if self.started:
            return
        self.started = True
        self._envelope = without(response, ENVELOPE) or {}
        extra: Wire = {"response": self._envelope}
        if response.get("status") == "queued":
            extra["status"] = "queued"
        created = response.get("created_at")
        self.events.append(
            ev.MessageStart(
                "openai_responses",
                id=string(response.get("id")),
                model=string(response.get("model")),
                created=int(created) if isinstance(created, (int, float)) else None,
                extra=extra if response else None,
            )
        )

    def end(self, response: Wire) -> None:
        """The reply ends with `response` as its last state."""
        error = response.get("error")
        if response.get("status") in _FAILED or error:
            self.fail(response)
            return
        self.begin(response)
        output = response.get("output")
        self._fill_in([item for item in output if _is_item(item)] if is_array(output) else [])
        for item in self._items:
            if not item.done_seen:
                self._finish(item, None, None)
        self.usage(response)
        called = any(isinstance(item, CallItem) for item in self._items)
        changed = {
            name: value
            for name, value in (without(response, ENVELOPE) or {}).items()
            if name not in self._envelope or self._envelope[name] != value
        }
        extra: Wire = {}
        if changed:
            extra["response"] = changed
        status = string(response.get("status"))
        self.events.append(
            ev.MessageEnd(
                stop_from_wire(response, called_tools=called),
                raw_stop=status or None,
                extra=extra or None,
            )
        )
        self.ended = True

    def fail(self, response: Wire) -> None:
        """The reply failed; `response.error` says why."""
        if self.started:
            self.usage(response)
        error = response.get("error")
        self.give_up(upstream_error({"error": error} if error else {"message": _failed_text(response)}))

    def give_up(self, error: ev.UpstreamError) -> None:
        """The reply ends with an error."""
        self.events.append(error)
        self.ended = True

    def usage(self, response: Wire) -> None:
        """The counts in a state of the reply."""
        usage = response.get("usage")
        if is_object(usage):
            self.events.append(ev.UsageUpdate(usage_from_wire(usage)))

    def _fill_in(self, output: list[Wire]) -> None:
        """What the last state of the reply holds beyond what its events said."""
        unmatched = list(self._items)
        pairs: list[tuple[Item | None, Wire]] = []
        for item in output:
            found = _match(unmatched, item)
            if found is not None:
                unmatched.remove(found)
            pairs.append((found, item))
        for found, item in pairs:
            found = found or self._named(item)
            if found is None:
                found = self._open(item, None)
            if not found.done_seen:
                self._finish(found, item, None)

    # -- items

    def item_added(self, event: Wire) -> None:
        """`output_item.added`."""
        item = _item_of(event)
        known = self._find(event, string(item.get("type")))
        if known is not None and known.added_fields and known.kind == item.get("type") and known.wire_id == item.get("id"):
            return  # it is told again
        if known is not None and not known.done_seen and not known.added_fields and known.kind == item.get("type"):
            known.added(item, event_extra(event))  # its deltas came first
            return
        if known is not None and not known.done_seen and known.index is not None:
            self._finish(known, None, None)
        opened = self._open(item, event)
        opened.added(item, event_extra(event))

    def item_done(self, event: Wire) -> None:
        """`output_item.done`."""
        item = _item_of(event)
        found = self._find_done(event, item)
        if found is None:
            found = self._open(item, event)
        elif found.done_seen:
            return
        self._finish(found, item, event_extra(event))

    def text(self, event: Wire) -> MessageItem:
        """The message that an event of a text or refusal belongs to."""
        found = self._of_kind(event, "message")
        assert isinstance(found, MessageItem)
        return found

    def reasoning(self, event: Wire) -> ReasoningItem:
        """The reasoning item that an event belongs to."""
        found = self._of_kind(event, "reasoning")
        assert isinstance(found, ReasoningItem)
        return found

    def call(self, event: Wire, kind: str) -> CallItem:
        """The call that an event of arguments belongs to."""
        found = self._of_kind(event, kind)
        assert isinstance(found, CallItem)
        return found

    def has_left(self, event: Wire, kind: str) -> bool:
        """Whether the item that an event ends a part of was closed before: what it says is in the item's last state."""
        found = self._find(event, kind)
        if found is None or found.kind != kind:
            found = self._by_id.get(string(event.get("item_id")))
        return found is not None and found.kind == kind and found.left

    def other(self, event: Wire) -> bool:
        """An event of another kind: to the hosted tool's item that it names. False for one that belongs to no such item.

        What comes before its item opens or after it is done tells of progress only, and clients would not know of what.
        """
        found = self._find(event, "")
        if found is None:
            return _is_index(event.get("output_index")) or bool(string(event.get("item_id")))
        if not isinstance(found, NativeItem):
            return False
        if not found.done_seen:
            self._speaks(found)
            found.delta(event)
        return True

    def _of_kind(self, event: Wire, kind: str) -> Item:
        found = self._find(event, kind)
        if found is None or found.kind != kind:
            found = self._elsewhere(event, kind)
        if found is None or found.done_seen:
            found = self._open({"type": kind, "id": event.get("item_id")}, event)
        self._speaks(found)
        return found

    def _speaks(self, item: Item) -> None:
        """An item goes on. One that was closed early comes back; one before it that models never return to is closed."""
        if item.left:
            item.detach()
            self._stage.enter(item)
        current = self._stage.current
        if (
            current is not item
            and isinstance(current, (ReasoningItem, MessageItem))
            and current.rank < item.rank
            and current.can_close_early()
        ):
            current.close_early()
            self._stage.leave(current)

    def _open(self, item: Wire, event: Wire | None) -> Item:
        if not self.started:
            self.begin({})
        kind = string(item.get("type"))
        index = event.get("output_index") if event else None
        wire_id = string(item.get("id")) or None
        order = index if _is_index(index) else len(self._items)
        made = self._made(kind, order, wire_id, index if _is_index(index) else None)
        self._items.append(made)
        if _is_index(index):
            made.index = index
            self._by_index[index] = made
        if wire_id:
            self._by_id[wire_id] = made
        self._stage.enter(made)
        return made

    def _made(self, kind: str, order: int, wire_id: str | None, index: int | None) -> Item:
        match kind:
            case "message":
                return MessageItem(order, wire_id, index, self._backlog)
            case "reasoning":
                return ReasoningItem(order, wire_id, index, self._upstream.vendor)
            case "function_call" | "custom_tool_call":
                return CallItem(order, wire_id, index, kind, self._make_id)
            case _:
                return NativeItem(order, wire_id, index, kind)

    def _make_id(self) -> str:
        self._made_ids += 1
        return f"call_{self._upstream.id_seed}_{self._made_ids}"

    def _finish(self, item: Item, state: Wire | None, event: Any) -> None:
        if item.left:
            item.done_seen = True
            if not (isinstance(item, (ReasoningItem, MessageItem)) and item.has_news(state)):
                return
            item.detach()
            self._stage.enter(item)
        item.finish(state, event)
        self._stage.leave(item)

    def _find(self, event: Wire, kind: str) -> Item | None:
        index = event.get("output_index")
        item_id = string(event.get("item_id"))
        if _is_index(index):
            found = self._by_index.get(index)
            if found is not None and found.done_seen and item_id and item_id != found.wire_id:
                return None
            return found
        if item_id:
            return self._by_id.get(item_id)
        if "item" in event:
            return None
        open_ones = [item for item in self._items if not item.done_seen and (not kind or item.kind == kind)]
        return open_ones[-1] if open_ones else None

    def _find_done(self, event: Wire, item: Wire) -> Item | None:
        if _is_index(event.get("output_index")):
            found = self._find(event, "")
            if found is not None and found.kind == item.get("type"):
                return found
            return self._at(event.get("output_index"), string(item.get("type"))) or self._named(item)
        return self._named(item) or _match([known for known in self._items if not known.done_seen], item)

    def _at(self, index: object, kind: str) -> Item | None:
        """The last item of a kind at an index, where one of another kind came to stand."""
        return next((item for item in reversed(self._items) if item.index == index and item.kind == kind), None)

    def _elsewhere(self, event: Wire, kind: str) -> Item | None:
        """The item that an event names, where no item of its kind is to be found by its index."""
        index, named = event.get("output_index"), self._by_id.get(string(event.get("item_id")))
        if (found := self._at(index, kind)) is not None or not _is_index(index):
            return found
        return named if named is not None and named.kind == kind and not named.done_seen else None

    def _named(self, item: Wire) -> Item | None:
        """The item that a last state is of by its id: one that is not done, or that has said all of it already."""
        found = self._by_id.get(string(item.get("id")))
        if found is None or found.kind != item.get("type"):
            return None
        return found if not found.done_seen or found.said_all(item) else None


def _match(known: list[Item], item: Wire) -> Item | None:
    """The item that a last state belongs to: by id, by call id, else the first of its kind that is not done."""
    kind = item.get("type")
    same = [found for found in known if found.kind == kind]
    tests: tuple[Callable[[Item], bool], ...] = (
        lambda found: bool(found.wire_id) and found.wire_id == item.get("id"),
        lambda found: isinstance(found, CallItem) and bool(found.call_id) and found.call_id == item.get("call_id"),
    )
    for test in tests:
        for found in same:
            if test(found):
                return found
    return same[0] if same else None


def _is_item(value: object) -> TypeGuard[Wire]:
    return is_object(value) and isinstance(value.get("type"), str)


def _is_index(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _item_of(event: Wire) -> Wire:
    item = event.get("item")
    if not is_object(item) or not isinstance(item.get("type"), str):
        raise PeerError(f"{event.get('type')} without an item")
    return item


def _failed_text(response: Wire) -> str:
    return "The provider cancelled the response." if response.get("status") == "cancelled" else ""
