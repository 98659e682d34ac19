"""One content block of a reply: its wire events to canonical events.

`block_state` gives the state for a `content_block_start`; then come deltas, then the end. Empty deltas say nothing and are
dropped. `extra` on the events keeps what is not modelled, by place: `{"block": …, "delta": …, "event": …}`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final, Protocol

import msgspec

from hyperinfer.formats import events as ev
from hyperinfer.formats.errors import PeerError
from hyperinfer.formats.opaque import Opaque
from hyperinfer.formats.wire import is_array, is_object

if TYPE_CHECKING:
    from hyperinfer.formats.events import Event, Extra

DIALECT: Final = "anthropic_messages"
Wire = dict[str, Any]
_EVENT_FIELDS = frozenset({"type", "index", "content_block", "delta"})


class BlockState(Protocol):
    """A block that is open."""

    def start(self) -> list[Event]:
        """The events for its opening."""
        ...

    def delta(self, delta: Wire, event: Wire) -> list[Event]:
        """The events for one delta. `event` is the wire event around it."""
        ...

    def stop(self, event: Wire) -> list[Event]:
        """The events for its end. `event` is empty where the upstream left the end out."""
        ...


class Origin(Protocol):
    """What blocks must know of the reply they are in."""

    @property
    def vendor(self) -> str:
        """The maker of opaque blobs."""
        ...

    def call_id(self) -> str:
        """An id for a tool call that has none."""
        ...


def block_state(block: Wire, event: Wire, origin: Origin) -> BlockState:
    """The state for a block by its type; any unknown type is carried as a server tool."""
    maker = _STATES.get(str(block.get("type")))
    return maker(block, event, origin) if maker is not None else _Native(block)


def places(**found: Wire | None) -> Extra:
    """What is not modelled, by place; None when there is nothing."""
    if not any(found.values()):
        return None
    return {place: fields for place, fields in found.items() if fields}


def rest(value: Wire, *known: str) -> Wire:
    """The fields of a wire object that are not known."""
    return {name: item for name, item in value.items() if name not in known}


def event_rest(event: Wire) -> Wire:
    """The fields of a wire event that are not known."""
    if _EVENT_FIELDS.issuperset(event):
        return {}
    return {name: item for name, item in event.items() if name not in _EVENT_FIELDS}


def text_of(value: Wire, name: str) -> str:
    """A string field; absent and null are empty."""
    found = value.get(name)
    if found is None:
        return ""
    if not isinstance(found, str):
        raise PeerError(f"{name} of a content block is no string")
    return found


def _foreign(delta: Wire, block: str) -> PeerError:
    return PeerError(f"a {str(delta.get('type'))[:60]} in a {block} block")


class TextBlock:
    """A text."""

    def __init__(self, block: Wire, event: Wire, origin: Origin) -> None:
        self._block, self._event = block, event

    def start(self) -> list[Event]:
        cited = self._block.get("citations")
        fields = rest(self._block, "type", "text")
        if cited:
            fields["citations"] = []
        events: list[Event] = [ev.TextStart(extra=places(block=fields, event=event_rest(self._event)))]
        if text := text_of(self._block, "text"):
            events.append(ev.TextDelta(text))
        if is_array(cited):
            events += [_citation(citation) for citation in cited if is_object(citation)]
        return events

    def delta(self, delta: Wire, event: Wire) -> list[Event]:
        match delta.get("type"):
            case "text_delta":
                extra = places(delta=rest(delta, "type", "text"), event=event_rest(event))
                text = text_of(delta, "text")
                return [ev.TextDelta(text, extra=extra)] if text or extra else []
            case "citations_delta" if is_object(citation := delta.get("citation")):
                return [_citation(citation)]
            case _:
                raise _foreign(delta, "text")

    def more(self, texts: list[str]) -> Iterable[Event]:
        """The events of more deltas of nothing but text."""
        return [ev.TextDelta(text) for text in texts if text]

    def stop(self, event: Wire) -> list[Event]:
        return [ev.TextEnd(extra=places(event=event_rest(event)))]


def _citation(raw: Wire) -> ev.Citation:
    def text(name: str) -> str | None:
        value = raw.get(name)
        return value if isinstance(value, str) and value else None

    source = text("source")
    url = text("url") or (source if source and source.startswith(("http://", "https://")) else None)
    return ev.Citation(DIALECT, raw, url, text("title") or text("document_title"), text("cited_text"))


class ThinkingBlock:
    """Thinking, whose signature comes out with its end."""

    def __init__(self, block: Wire, event: Wire, origin: Origin) -> None:
        self._block, self._event, self._vendor = block, event, origin.vendor
        self._signature = text_of(block, "signature")

    def start(self) -> list[Event]:
        fields = rest(self._block, "type", "thinking", "signature")
        events: list[Event] = [ev.ReasoningStart(extra=places(block=fields, event=event_rest(self._event)))]
        if text := text_of(self._block, "thinking"):
            events.append(ev.ReasoningDelta(text))
        return events

    def delta(self, delta: Wire, event: Wire) -> list[Event]:
        match delta.get("type"):
            case "thinking_delta":
                extra = places(delta=rest(delta, "type", "thinking"), event=event_rest(event))
                text = text_of(delta, "thinking")
                return [ev.ReasoningDelta(text, extra=extra)] if text or extra else []
            case "signature_delta":
                self._signature = text_of(delta, "signature")  # a later one replaces it, as in the official SDKs
                return []
            case _:
                raise _foreign(delta, "thinking")

    def more(self, texts: list[str]) -> Iterable[Event]:
        """The events of more deltas of nothing but text."""
        return [ev.ReasoningDelta(text) for text in texts if text]

    def stop(self, event: Wire) -> list[Event]:
        opaque = (Opaque(self._vendor, "signature", self._signature),) if self._signature else ()
        return [ev.ReasoningEnd(opaque, extra=places(event=event_rest(event)))]


class _Redacted:
    def __init__(self, block: Wire, event: Wire, origin: Origin) -> None:
        self._block, self._event, self._vendor = block, event, origin.vendor

    def start(self) -> list[Event]:
        fields = {"redacted": True, **(places(block=rest(self._block, "type", "data"), event=event_rest(self._event)) or {})}
        return [ev.ReasoningStart(extra=fields)]

    def delta(self, delta: Wire, event: Wire) -> list[Event]:
        raise _foreign(delta, "redacted_thinking")

    def stop(self, event: Wire) -> list[Event]:
        blob = Opaque(self._vendor, "redacted", text_of(self._block, "data"))
        return [ev.ReasoningEnd((blob,), extra=places(event=event_rest(event)))]


class ToolUseBlock:
    """A tool call. `given`: the input that came with its beginning and was not overruled by a delta."""

    def __init__(self, block: Wire, event: Wire, origin: Origin) -> None:
        self._block, self._event = block, event
        self._id = text_of(block, "id") or origin.call_id()
        self.given = block.get("input")  # some servers give the whole input at once (fault F003)

    def start(self) -> list[Event]:
        name = text_of(self._block, "name")
        if not name:
            raise PeerError("a tool_use block without a name")
        fields = rest(self._block, "type", "id", "name", "input")
        return [ev.ToolCallStart(self._id, name, extra=places(block=fields, event=event_rest(self._event)))]

    def delta(self, delta: Wire, event: Wire) -> list[Event]:
        if delta.get("type") != "input_json_delta":
            raise _foreign(delta, "tool_use")
        text = text_of(delta, "partial_json")
        if text:
            self.given = None
        extra = places(delta=rest(delta, "type", "partial_json"), event=event_rest(event))
        return [ev.ArgumentsDelta(text, extra=extra)] if text or extra else []

    def more(self, texts: list[str]) -> Iterable[Event]:
        """The events of more deltas of nothing but text."""
        if pieces := [ev.ArgumentsDelta(text) for text in texts if text]:
            self.given = None
        return pieces

    def stop(self, event: Wire) -> list[Event]:
        end = ev.ToolCallEnd(extra=places(event=event_rest(event)))
        if not self.given:
            return [end]
        text = self.given if isinstance(self.given, str) else msgspec.json.encode(self.given).decode()
        return [ev.ArgumentsDelta(text), end]


class _Native:
    """A block of a type that only Messages knows: verbatim, and put together for its end."""

    def __init__(self, block: Wire) -> None:
        self._block = block
        self._json: list[str] = []
        self._texts: dict[str, list[str]] = {}

    def start(self) -> list[Event]:
        return [ev.ServerToolStart(DIALECT, str(self._block.get("type")), self._block)]

    def delta(self, delta: Wire, event: Wire) -> list[Event]:
        if delta.get("type") == "input_json_delta":
            self._json.append(text_of(delta, "partial_json"))
        else:
            for name, value in delta.items():
                if name != "type" and isinstance(value, str):
                    self._texts.setdefault(name, []).append(value)
        return [ev.ServerToolDelta(delta)]

    def stop(self, event: Wire) -> list[Event]:
        item = dict(self._block)
        for name, pieces in self._texts.items():
            before = item.get(name)
            item[name] = (before if isinstance(before, str) else "") + "".join(pieces)
        if text := "".join(self._json):
            try:
                item["input"] = msgspec.json.decode(text)
            except (msgspec.DecodeError, RecursionError):
                item["input"] = {}
        return [ev.ServerToolEnd(item)]


_STATES: dict[str, Callable[[Wire, Wire, Origin], BlockState]] = {
    "text": TextBlock,
    "thinking": ThinkingBlock,
    "redacted_thinking": _Redacted,
    "tool_use": ToolUseBlock,
}
