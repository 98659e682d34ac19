"""The answer of a demanded shape out of a reply whose upstream could not be bound to the shape.

The counterpart of `answer_request`: a call of the hidden tool becomes the text that it is, as it comes; of an answer in text
the code fence around it is taken off. Nothing of the tool reaches the client.

A client that demands JSON parses all the text that it gets. So words beside the answer, and beside calls of its own tools,
are left out, each a Loss; words without either are what the model has to say, and stand. They are known to be such only at
the end, which is why text is held back while the hidden tool may still be called.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec

from hyperinfer.formats import events as ev
from hyperinfer.formats.answer_schema import MEMBER
from hyperinfer.formats.code_fences import FenceStripper
from hyperinfer.formats.codec import Loss
from hyperinfer.formats.json_member import MemberReader
from hyperinfer.formats.losses import lose_once
from hyperinfer.formats.retold import as_asked, as_asked_at_end
from hyperinfer.formats.wire import is_object

if TYPE_CHECKING:
    from hyperinfer.formats.codec import AnswerShape
    from hyperinfer.formats.events import Event, Extra

_End: TypeAlias = ev.MessageEnd | ev.ChoiceEnd
_TEXT = (ev.TextStart, ev.TextDelta, ev.Citation, ev.TextEnd)
MOST_HELD = 4 * 1024 * 1024
"""Bytes of text that may wait for a call of the hidden tool."""
PER_PIECE = 256
"""Bytes that a piece takes beside its text."""
_CUT = ("length", "context_window", "unfinished")
_STOP_WORDS = ("native_finish_reason", "stop_reason", "matched_stop")
"""What servers say beside Chat's `finish_reason`, in words of their own."""
_OF_CHUNK = ("chunk", "once")
"""Levels of a Chat event's `extra` that speak of the reply and not of the call."""


class _Choice:
    """Where one choice of the reply is."""

    __slots__ = ("answered", "called", "dropping", "extra", "held", "inside", "member", "said", "size", "text", "told")

    def __init__(self) -> None:
        self.held: list[Event] = []  # text that may turn out to stand beside the answer
        self.size = 0  # of what is held, in bytes or a little more
        self.told = False  # too much for that: the text is what the model has to say
        self.answered = False  # the hidden tool was called
        self.called = False  # a tool of the caller was
        self.inside = False  # the call that is open is one of the hidden tool
        self.dropping = False  # and not the first
        self.member: MemberReader | None = None
        self.said = False  # something of the answer
        self.extra: Extra = None  # of the hidden call's start, for the text that takes its place
        self.text: FenceStripper | None = None  # of the open text block


class AnswerRestorer:
    """A step over the events of one reply. `losses`: what was left out so far."""

    def __init__(self, shape: AnswerShape) -> None:
        self._tool, self._wrapped = shape.tool, shape.wrapped
        self._choices: dict[int, _Choice] = {}
        self.losses: list[Loss] = []

    def push(self, event: Event) -> Iterable[Event]:
        """The events that take the place of `event`."""
        choice = self._choices.get(event.choice)
        if choice is None:
            choice = self._choices[event.choice] = _Choice()
        if isinstance(event, _TEXT):
            if self._tool is None or choice.told:
                return _without_fence(event, choice, self._lose)
            return self._hold(event, choice)
        match event:
            case ev.MessageStart():
                return (as_asked(event),)
            case ev.ToolCallStart():
                return self._call(event, choice)
            case ev.ArgumentsDelta() if choice.inside:
                return self._arguments(event, choice)
            case ev.ToolCallEnd() if choice.inside:
                return tuple(self._call_end(event, choice))
            case ev.MessageEnd() | ev.ChoiceEnd():
                return (*self._rest(event, choice), _ended(event, choice))
            case _:
                return (event,)

    def _lose(self, path: str, reason: str) -> None:
        lose_once(self.losses, Loss(f"response.{path}", reason))

    def _hold(self, event: Event, choice: _Choice) -> tuple[Event, ...]:
        choice.held.append(event)
        if choice.answered or choice.called:
            self._drop(choice)
            return ()
        choice.size += PER_PIECE + (len(event.text) if isinstance(event, ev.TextDelta) else 0)
        if choice.size <= MOST_HELD:
            return ()
        choice.told = True
        return tuple(self._released(choice))

    def _released(self, choice: _Choice) -> Iterator[Event]:
        held, choice.held = choice.held, []
        for event in held:
            yield from _without_fence(event, choice, self._lose)

    def _drop(self, choice: _Choice) -> None:
        """The text that is held stands beside what the client waits for."""
        held = choice.held
        if any(isinstance(event, ev.TextDelta) and event.text.strip() for event in held):
            self._lose("text", "words beside the answer, which must be JSON alone")
        held.clear()

    def _call(self, event: ev.ToolCallStart, choice: _Choice) -> Iterable[Event]:
        self._drop(choice)
        if event.name != self._tool or event.namespace is not None:
            choice.called, choice.inside = True, False
            return (event,)
        choice.inside = True
        choice.dropping = choice.answered or choice.called or choice.told
        if choice.dropping:
            reason = "an answer before the results of the calls beside it" if choice.called else "a second answer"
            self._lose("answer", reason)
        elif self._wrapped:
            choice.member = MemberReader(MEMBER)
        choice.answered = choice.answered or not choice.called
        choice.extra = _of_chunk(event.extra)
        return ()

    def _arguments(self, event: ev.ArgumentsDelta, choice: _Choice) -> Iterable[Event]:
        if choice.dropping:
            return ()
        text = event.text if choice.member is None else choice.member.push(event.text)
        return self._say(text, choice, event.choice, _of_chunk(event.extra))

    def _say(self, text: str, choice: _Choice, number: int, extra: Extra = None) -> Iterable[Event]:
        if not text:
            return ()
        delta = ev.TextDelta(text, extra=extra, choice=number)
        if choice.said:
            return (delta,)
        choice.said = True
        return ev.TextStart(extra=choice.extra, choice=number), delta

    def _call_end(self, event: ev.ToolCallEnd, choice: _Choice) -> Iterator[Event]:
        choice.inside = False
        if choice.dropping:
            return
        if choice.member is not None:
            yield from self._say(choice.member.end(), choice, event.choice)
            if choice.member.trailed:
                self._lose("answer", "members beside the answer, which nobody asked for")
        if choice.said:
            yield ev.TextEnd(extra=_of_chunk(event.extra), choice=event.choice)

    def _rest(self, event: _End, choice: _Choice) -> Iterator[Event]:
        """What is still to be said when a choice ends."""
        if choice.answered and not (choice.said or choice.told) and event.stop not in _CUT:
            yield from self._say("{}", choice, event.choice)  # a call without arguments
            yield ev.TextEnd(choice=event.choice)
        yield from self._released(choice)


def _without_fence(event: Event, choice: _Choice, lose: Callable[[str, str], None]) -> tuple[Event, ...]:
    """A text event of an answer that was told in text."""
    if isinstance(event, ev.TextStart):
        choice.text = FenceStripper()
        return (event,)
    stripper = choice.text
    if stripper is None:
        return (event,)
    if isinstance(event, ev.TextDelta):
        text = stripper.push(event.text)
        if text == event.text:
            return (event,)
        return (ev.TextDelta(text, extra=event.extra, choice=event.choice),) if text else ()
    if not isinstance(event, ev.TextEnd):
        return (event,)
    choice.text = None
    rest = stripper.end()
    if stripper.dropped:
        lose("text", "words around the answer, which must be JSON alone")
    return (ev.TextDelta(rest, choice=event.choice), event) if rest else (event,)


def _ended(event: _End, choice: _Choice) -> Event:
    """The end as a client sees it that knows of no hidden call."""
    extra = event.extra
    if isinstance(event, ev.MessageEnd):
        event = as_asked_at_end(event)
        extra = event.extra
    if not choice.answered or choice.called or event.stop != "tool_calls":
        return event
    if extra and is_object(of_choice := extra.get("choice")):
        kept = {name: value for name, value in of_choice.items() if name not in _STOP_WORDS}
        event = msgspec.structs.replace(event, extra={**extra, "choice": kept})
    if isinstance(event, ev.MessageEnd):
        # A Responses upstream's word is its status, which stays.
        raw = event.raw_stop if event.raw_stop == "completed" else None
        return msgspec.structs.replace(event, stop="stop", raw_stop=raw)
    return msgspec.structs.replace(event, stop="stop")


def _of_chunk(extra: Extra) -> dict[str, Any] | None:
    return {name: extra[name] for name in _OF_CHUNK if name in extra} or None if extra else None
