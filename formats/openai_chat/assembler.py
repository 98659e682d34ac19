"""Chunks, or one whole response, to events: the part that a stream and a whole response share.

`extra` of an event is `{"chunk": …, "choice": …, "delta": …, "once": …}`, each the fields of that object that are not
modelled. `chunk` holds what the server repeats on every chunk: it comes with `MessageStart`, and again, with less, when
that turns out not to be repeated. Other fields of a chunk go as `once` with the next event, also those of a chunk without
choices (Azure's prompt filter results).
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from hyperinfer.formats import events as ev
from hyperinfer.formats.backlog import MOST_BLOCKS
from hyperinfer.formats.errors import PeerError
from hyperinfer.formats.openai_chat.annotations import BESIDE, sources_beside
from hyperinfer.formats.openai_chat.choice_decode import ChoiceDecoder
from hyperinfer.formats.openai_chat.usage import usage_from_wire
from hyperinfer.formats.upstream_errors import upstream_error
from hyperinfer.formats.wire import is_array, is_object

if TYPE_CHECKING:
    from hyperinfer.formats.codec import Upstream
    from hyperinfer.formats.events import Citation, Event, Extra
    from hyperinfer.formats.runs import Say
    from hyperinfer.formats.usage import Usage

_NOT_CARRIED = frozenset({"choices", "usage", "id", "object", "model", "created", "obfuscation", "error"})

_CHOICE_FIELDS = frozenset({"index", "text", "finish_reason"})


class ChatAssembler:
    """State of one reply. `events` is what is ready; `ended`: nothing more will come."""

    def __init__(self, upstream: Upstream) -> None:
        self.events: deque[Event] = deque()
        self.ended = False
        self._upstream = upstream
        self._started = False
        self._base: dict[str, Any] = {}  # chunk fields that every chunk repeated so far
        self._base_changed = False
        self._once: dict[str, Any] = {}  # chunk fields that wait for an event to go with
        self._choices: dict[int, ChoiceDecoder] = {}
        self._usage: Usage | None = None
        self._usage_extra: Extra = None
        self._sources: list[Citation] = []  # listed beside the choices, and not told yet
        self._cited: set[str] = set()

    @property
    def finished(self) -> bool:
        """Whether every choice has said how it ended."""
        return 0 in self._choices and all(choice.finish_reason is not None for choice in self._choices.values())

    @property
    def half_finished(self) -> bool:
        """Whether some choices have said how they ended and others have not. A server may leave it out, but then of all."""
        said = {choice.finish_reason is not None for choice in self._choices.values()}
        return len(said) > 1

    @property
    def at_rest(self) -> bool:
        """Whether nothing waits for a later chunk, so that equal chunks have equal effects."""
        return not self._once and not self._base_changed and all(choice.at_rest for choice in self._choices.values())

    def repeater(self, event: Event) -> Say:
        """What tells more pieces of the block that `event`, the last one, is a piece of."""
        return self._choices[event.choice].repeater(type(event))

    def chunk(self, chunk: dict[str, Any], content_field: str) -> None:
        """One chunk (`content_field` "delta") or a whole response ("message"). Raises `PeerError` for a wrong shape."""
        if _is_error(chunk):
            self._fail(chunk)
            return
        choices, usage = chunk.get("choices"), chunk.get("usage")
        fields = {name: value for name, value in chunk.items() if name not in _NOT_CARRIED}
        if choices is not None and not is_array(choices):
            raise PeerError("`choices` is not an array")
        if is_object(usage) and usage:
            self._usage = usage_from_wire(usage)
        if (not self._started or fields != self._base) and not fields.keys().isdisjoint(BESIDE):
            self._note_sources(fields)
        if not choices:
            self._without_choices(fields, is_usage=is_object(usage))
            return
        if not self._started:
            self._start(chunk, fields)
        elif fields != self._base:
            self._once.update((name, value) for name, value in fields.items() if self._base.get(name, ...) != value)
            kept = {name: value for name, value in self._base.items() if fields.get(name, ...) == value}
            self._base_changed |= kept != self._base
            self._base = kept
        for choice in choices:
            if not is_object(choice):
                raise PeerError("a choice is not an object")
            if not self.ended:
                self._choice(choice, content_field)

    def _without_choices(self, fields: dict[str, Any], *, is_usage: bool) -> None:
        fields = {name: value for name, value in fields.items() if self._base.get(name, ...) != value}
        if is_usage and self._started:
            self._usage_extra = fields or None
        else:
            self._once.update((name, value) for name, value in fields.items() if value not in ("", None))

    def _start(self, chunk: dict[str, Any], fields: dict[str, Any]) -> None:
        self._started = True
        self._base = fields
        extra: dict[str, Any] = {"chunk": fields} if fields else {}
        if self._once:
            extra["once"], self._once = self._once, {}
        name, model, created = chunk.get("id"), chunk.get("model"), chunk.get("created")
        self.events.append(
            ev.MessageStart(
                "openai_chat",
                id=name if isinstance(name, str) else "",
                model=model if isinstance(model, str) else "",
                created=int(created) if isinstance(created, (int, float)) else None,
                extra=extra or None,
            )
        )

    def _choice(self, choice: dict[str, Any], content_field: str) -> None:
        index = choice.get("index")
        index = index if isinstance(index, int) and index >= 0 else 0
        content = choice.get(content_field)
        if content is None:
            content = {"content": choice.get("text")}  # the shape of completions, from a few servers
        if not is_object(content):
            raise PeerError(f"`{content_field}` is not an object")
        if self._usage is None and is_object(usage := choice.get("usage")):
            self._usage = usage_from_wire(usage)  # Moonshot puts it there
        finish = choice.get("finish_reason")
        if finish == "error" or choice.get("error"):
            self._fail(choice)
            return
        fields = {name: value for name, value in choice.items() if name not in _CHOICE_FIELDS and name != content_field}
        decoder = self._choices.get(index)
        if decoder is None:
            if len(self._choices) >= MOST_BLOCKS:
                raise PeerError(f"more than {MOST_BLOCKS} choices")
            decoder = self._choices[index] = ChoiceDecoder(index, self._upstream, self.events)
        levels = self._chunk_levels() if self._once or self._base_changed else {}
        if self._sources and not index:
            self._cite(decoder)
        decoder.content(content, fields, finish if isinstance(finish, str) and finish else None, levels)

    def _note_sources(self, fields: dict[str, Any]) -> None:
        for url, source in sources_beside(fields).items():
            if url not in self._cited:
                self._cited.add(url)
                self._sources.append(source)

    def _cite(self, choice: ChoiceDecoder) -> None:
        for source in self._sources:
            choice.cite(source)
        self._sources = []

    def _chunk_levels(self) -> dict[str, Any]:
        """The `extra` that the next event takes along from its chunk."""
        levels: dict[str, Any] = {"once": self._once} if self._once else {}
        if self._base_changed:
            levels["chunk"] = self._base
        self._once, self._base_changed = {}, False
        return levels

    def _fail(self, body: dict[str, Any]) -> None:
        self.events.append(upstream_error(body))
        self.ended = True

    def end(self) -> None:
        """The upstream's reply ended well: closes what is open and ends the message."""
        if not self._started:
            raise PeerError("the reply is empty")
        first = self._choices.get(0)
        if first is None:
            raise PeerError("the reply has no first choice")
        self._cite(first)
        first.close()
        for index in sorted(self._choices.keys() - {0}):
            self._choices[index].end_choice()
        if self._usage is not None:
            self.events.append(ev.UsageUpdate(self._usage))
        first.end_message(self._chunk_levels(), self._usage_extra)
        self.ended = True


def _is_error(chunk: dict[str, Any]) -> bool:
    if chunk.get("error"):
        return True
    bare = chunk.get("choices") is None and chunk.get("usage") is None
    return bare and bool(chunk.get("message") or chunk.get("detail") or chunk.get("object") == "error")
