"""Ends a reply at the caller's stop strings, where the upstream was not asked to.

What is looked at is the text of the answer, as providers do: no reasoning (fault F087), no arguments of tools, and no
refusal, which has to stay one. Text blocks that follow each other directly within one message are one text: their edges
are citations or content parts, not the model's. Another item or any other block in between ends the text.

Text is held back only where it may be the beginning of a stop string, and with it what follows in that choice. Counts
carry no place and pass. At a match the text ends right before it, and so does the choice: the rest of it is dropped, but
for what is said afterwards about the text that stays, its citations.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from hyperinfer.formats import events as ev
from hyperinfer.formats.citations import Citations
from hyperinfer.formats.stop_strings import Automaton, Search
from hyperinfer.formats.wire import is_object

if TYPE_CHECKING:
    from hyperinfer.formats.events import Event
    from hyperinfer.formats.usage import Usage


class StopSequences:
    """A step over the events of one reply. `stops`: at least one, none of them empty. `choices`: how many answers were
    asked for.

    `matched`: all choices have ended, choice 0 at a stop string: whatever the upstream goes on to say is not needed.
    """

    def __init__(self, stops: Sequence[str], choices: int = 1) -> None:
        self._automaton = Automaton(stops)
        self._asked = choices
        self._first = _Choice(0, self._automaton)
        self._choices = {0: self._first}
        self._usage: Usage | None = None
        self._started = self._ended = False

    @property
    def matched(self) -> bool:
        choices = self._choices
        if self._ended or not self._first.stopped or len(choices) < self._asked:
            return False
        return all(choice.over for choice in choices.values())

    def push(self, event: Event) -> Iterable[Event]:
        """The events that take the place of `event`. Nothing follows the end of the reply."""
        if self._ended:
            return ()
        if type(event) is ev.TextDelta and not event.choice:  # the hot path
            return self._first.text(event)
        match event:
            case ev.UsageUpdate():
                self._usage = event.usage
                return (event,)
            case ev.MessageStart():
                self._usage, self._started = event.usage, True
                return (event,)
            case ev.UpstreamError():
                return self._failed(event)
            case ev.MessageEnd():
                self._ended = True
            case _:
                pass
        choice = self._choices.get(event.choice)
        if choice is None:
            choice = self._choices[event.choice] = _Choice(event.choice, self._automaton)
        return choice.push(event)

    def end(self) -> Iterable[Event]:
        """For when the upstream says no more, or is not listened to any more: the text that was held back; and where the
        reply had ended at a stop string by then, its end. The last counts are marked as such that more could follow."""
        if self._ended:
            return ()
        found = [event for choice in self._choices.values() for event in choice.release()]
        if self.matched:
            self._ended = True
            if self._usage is not None:
                so_far = msgspec.structs.replace(self._usage, estimated=True, dialect=None, raw=None)
                found.append(ev.UsageUpdate(so_far))
            further = [event for choice in self._choices.values() if choice.number for event in choice.end()]
            found = [*found, *further, *self._first.end()]
        return found

    def _failed(self, error: ev.UpstreamError) -> Iterable[Event]:
        if not self._started:
            self._ended = True
            return (error,)
        found = tuple(self.end())
        if self._ended:
            return found
        self._ended = True
        return (*found, error)


class _Choice:
    """One answer.

    The open text and those that continue it are one run, searched as one. `held`: its events that cannot be given yet,
    the first of them a delta. `given`: characters of the run that were given. `start`: where in the run the block begins
    that was opened last. `stopped`: the answer ended at a stop string; its last block is closed once the upstream has said
    all about it.
    """

    __slots__ = (
        "_automaton", "_called", "_citations", "_closed", "_given", "_held", "_item", "_late", "_search", "_start",
        "_stop", "number", "over", "stopped",
    )  # fmt: skip

    def __init__(self, number: int, automaton: Automaton) -> None:
        self.number = number
        self.stopped = self.over = False
        self._automaton = automaton
        self._held: deque[Event] = deque()
        self._citations = Citations()
        self._item: str | None = None
        self._stop = ""
        self._called = self._closed = False
        self._late = False  # what is said about the last block may still come
        self._begin(None)

    def _begin(self, item: str | None) -> None:
        self._item = item
        self._search = Search(self._automaton)
        self._given = self._start = 0

    def push(self, event: Event) -> Iterable[Event]:
        """The events that take the place of `event`, which is of this choice."""
        if self.stopped:
            return self._after(event)
        match event:
            case ev.TextDelta():
                return self.text(event)
            case ev.TextStart(item_id=item):
                if self._held and item == self._item:
                    self._held.append(event)
                    return ()
            case ev.TextEnd() | ev.Citation() | ev.Unknown() if self._held:
                self._held.append(event)
                return ()
            case ev.TextEnd():
                return (*self._citations.rest(), event)
            case ev.Citation():
                return self._citations.add(event, self._given - self._start)
            case ev.Unknown():
                return (event,)
            case _:
                pass
        before = self._settle() if self._held else ()
        if self.stopped:
            return (*before, *self._after(event))
        match event:
            case ev.TextStart(item_id=item):
                self._begin(item)
            case ev.ToolCallStart():
                self._called = True
            case ev.ChoiceEnd() | ev.MessageEnd():
                self.over = True
            case _:
                pass
        return (*before, event)

    def release(self) -> list[Event]:
        """Nothing follows: all that was held back, up to a match."""
        found = self._settle() if self._held else []
        return found if self.stopped else [*found, *self._citations.rest()]

    def _settle(self) -> list[Event]:
        """The text is over: it is given, up to a match."""
        return self._give(self._search.read) if self._search.match is None else self._cut()

    def text(self, event: ev.TextDelta) -> Iterable[Event]:
        """The same for a piece of text."""
        if self.stopped:
            return ()
        search = self._search
        if not self._held and not self._citations.waiting and search.passes(event.text):
            self._given = search.read
            return (event,)
        search.feed(event.text)
        self._held.append(event)
        return self._cut() if search.final else self._give(search.settled)

    def _give(self, position: int) -> list[Event]:
        """What stands before `position` of the run."""
        found: list[Event] = []
        held = self._held
        while held:
            event = held.popleft()
            match event:
                case ev.TextDelta():
                    room = position - self._given
                    if len(event.text) > room:
                        first, second = _split(event, room)
                        held.appendleft(second)
                        if first is not None:
                            self._given += room
                            found.append(first)
                            found += self._citations.due(self._given - self._start)
                        break
                    self._given += len(event.text)
                    found.append(event)
                    found += self._citations.due(self._given - self._start)
                case ev.Citation():
                    found += self._citations.add(event, self._given - self._start)
                case ev.TextEnd():
                    found += [*self._citations.rest(), event]
                case _:
                    if isinstance(event, ev.TextStart):
                        self._start = self._given
                    found.append(event)
        return found

    # -- after a match

    def _cut(self) -> list[Event]:
        """Gives the text before the match. Its block stays open."""
        match = self._search.match
        assert match is not None
        position, end = match
        self._stop = self._matched_text(position, end)
        found = self._give(position)
        self.stopped = self.over = self._late = True
        found += self._citations.clipped(position - self._start)
        for event in self._held:
            found += self._after(event)
        self._held.clear()
        return found

    def _matched_text(self, position: int, end: int) -> str:
        text = "".join(event.text for event in self._held if isinstance(event, ev.TextDelta))
        return text[position - self._given : end - self._given]

    def _after(self, event: Event) -> Iterable[Event]:
        match event:
            case ev.ChoiceEnd() | ev.MessageEnd():
                return self.end()
            case ev.Citation() if self._late:
                return self._citations.clip(event)
            case ev.TextDelta() | ev.Unknown():
                return ()
            case _:
                self._late = False
                return ()

    def end(self) -> tuple[Event, ...]:
        """The end of an answer that ended at a stop string, once. A call that it made is still waited for."""
        if self._closed or not self.stopped:
            return ()
        self._closed = True
        stop: ev.StopReason = "tool_calls" if self._called else "stop_sequence"
        last = ev.ChoiceEnd(stop, choice=self.number) if self.number else ev.MessageEnd(stop, stop_sequence=self._stop)
        return (ev.TextEnd(choice=self.number), last)


def _split(event: ev.TextDelta, room: int) -> tuple[ev.TextDelta | None, ev.TextDelta]:
    """A delta in two, the first with `room` characters, or none where that is 0. A token is where it begins."""
    if not room:
        return None, event
    first: list[Any] = []
    second: list[Any] = []
    at = 0
    for token in event.logprobs or ():
        (first if at < room else second).append(token)
        text = token.get("token") if is_object(token) else None
        at += len(text) if isinstance(text, str) else 0
    return (
        msgspec.structs.replace(event, text=event.text[:room], logprobs=first or None),
        ev.TextDelta(event.text[room:], logprobs=second or None, choice=event.choice),
    )
