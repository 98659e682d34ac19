"""The usual frames of a Chat stream: one more piece of choice 0, and nothing beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from hyperinfer.formats.events import ArgumentsDelta, ReasoningDelta, TextDelta
from hyperinfer.formats.piece_runs import encoded_each, encoded_texts

if TYPE_CHECKING:
    from hyperinfer.formats.events import Event
    from hyperinfer.formats.openai_chat.choice_state import ChoiceState

_enc = msgspec.json.encode
_TEXT = b',"choices":[{"index":0,"delta":{"content":'
_REASONING = b',"choices":[{"index":0,"delta":{"reasoning":'
_REASONING_COPY = b',"reasoning_content":'
_ARGUMENTS = b',"choices":[{"index":0,"delta":{"tool_calls":[{"index":%d,"function":{"arguments":'
_REST = b'},"logprobs":null,"finish_reason":null}]}\n\n'
_ARGUMENTS_REST = b"}}]" + _REST


class PieceFrames:
    """Makes the frames from what they begin with. `state`: of choice 0. `counts_places`: whether citations come whose places
    are counted in the text."""

    __slots__ = ("_arguments", "_counts_places", "_head", "_reasoning", "_state", "_text")

    def __init__(self, state: ChoiceState, *, counts_places: bool) -> None:
        self._state, self._counts_places = state, counts_places
        self.set_head(b"")

    def set_head(self, head: bytes) -> None:
        """What every chunk begins with."""
        self._head = head
        self._text = head + _TEXT
        self._reasoning = head + _REASONING
        self.next_call()

    def next_call(self) -> None:
        """Another call than before is the open one, or the next."""
        self._arguments = self._head + _ARGUMENTS % self._state.calls

    def one(self, event: Event) -> bytes:
        """The frame for one more piece, without `extra`; nothing where it must be written the long way."""
        state = self._state
        if type(event) is TextDelta:
            if event.logprobs is None and event.extra is None:
                text = state.place.say(event.text) if self._counts_places else event.text
                return self._text + _enc(text) + _REST
        elif type(event) is ArgumentsDelta:
            if event.text and state.form == "function" and event.extra is None:
                state.arguments_seen = True
                return self._arguments + _enc(event.text) + _ARGUMENTS_REST
        elif type(event) is ReasoningDelta and event.text and event.extra is None and self._goes_on(event):
            state.thought.append(event.text)
            said = _enc(event.text)
            return self._reasoning + said + _REASONING_COPY + said + _REST
        return b""

    def _goes_on(self, event: ReasoningDelta) -> bool:
        return bool(self._state.thought) and self._state.part == (event.form, event.part)

    def more(self, first: Event, texts: list[str]) -> bytes:
        """The frames for several pieces like `first`; nothing where they must be written one by one."""
        state = self._state
        if type(first) is TextDelta:
            texts = state.place.say_all(texts) if self._counts_places else texts
            return self._text + encoded_texts(texts, _REST + self._text) + _REST
        if type(first) is ArgumentsDelta:
            if state.form == "function":
                state.arguments_seen = True
                return self._arguments + encoded_texts(texts, _ARGUMENTS_REST + self._arguments) + _ARGUMENTS_REST
        elif type(first) is ReasoningDelta and self._goes_on(first):
            state.thought.extend(texts)
            head = self._reasoning
            return b"".join([b"%b%b%b%b%b" % (head, said, _REASONING_COPY, said, _REST) for said in encoded_each(texts)])
        return b""
