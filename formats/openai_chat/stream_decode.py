"""Chat streams to events (wire facts 2.2, 2.3)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import msgspec

from hyperinfer.formats.codec import END, NEED_DATA, Upstream, Wait
from hyperinfer.formats.errors import PeerError
from hyperinfer.formats.lifecycle import Lifecycle, OrderError
from hyperinfer.formats.openai_chat.assembler import ChatAssembler
from hyperinfer.formats.openai_chat.repeats import Repeat, only_piece, repeat_of, repeated_text, repeated_texts
from hyperinfer.formats.split_characters import SplitCharacters
from hyperinfer.formats.sse import SSEDecoder
from hyperinfer.formats.wire import reply_object

if TYPE_CHECKING:
    from hyperinfer.formats.events import Event


class ChatStreamDecoder:
    """A `StreamDecoder` for Chat. Terminal is `[DONE]`, or the end of the bytes once every choice has its
    `finish_reason`."""

    def __init__(self, upstream: Upstream) -> None:
        self._sse = SSEDecoder()
        self._assembler = ChatAssembler(upstream)
        self._events = self._assembler.events
        self._lifecycle = Lifecycle()
        self._eof = False
        self._error: PeerError | None = None
        self._repeat: Repeat | None = None  # what the next frame is likely to be
        self._repeater: Callable[[Sequence[str]], None] = _nowhere
        self._split = SplitCharacters()

    def receive_data(self, data: bytes) -> None:
        """Stores bytes."""
        repeat = self._repeat
        if repeat is not None and self._sse.takes_whole(data) and (texts := repeated_texts(data, repeat)) is not None:
            self._repeater([text for text in texts if text])
        elif not self._assembler.ended:
            self._sse.receive_data(data)

    def receive_eof(self) -> None:
        """The upstream has closed its stream."""
        self._eof = True
        self._sse.receive_eof()

    def next_event(self) -> Event | Wait:
        """The next event. Raises `PeerError` behind the events that came before it."""
        events = self._events
        while not events:
            if self._error is not None:
                raise self._error
            if self._assembler.ended:
                return END
            try:
                frame = self._sse.next_frame()
                if frame is not None:
                    self._frame(frame.data)
                elif self._eof:
                    self._end()
                else:
                    return NEED_DATA
            except PeerError as error:
                self._error, self._repeat = error, None
        event = events.popleft()
        try:
            self._lifecycle.step(event)
        except OrderError as error:
            events.clear()
            self._repeat = None
            self._error = PeerError(str(error))
            raise self._error from None
        return event

    def _end(self) -> None:
        if not self._assembler.finished:
            raise PeerError("the stream ended before the reply did")
        self._assembler.end()

    def _frame(self, data: bytes) -> None:
        repeat = self._repeat
        if repeat is not None and (text := repeated_text(data, repeat)) is not None:
            if text:
                self._repeater((text,))
            return
        self._repeat = None
        assembler, events = self._assembler, self._events
        if data.strip() == b"[DONE]":
            if assembler.half_finished:
                raise PeerError("the stream ended before every choice did")
            assembler.end()
            return
        try:
            chunk = reply_object(self._split.decode(data))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise PeerError(f"not valid JSON: {error}") from None
        assembler.chunk(chunk, "delta")
        if (piece := only_piece(events)) is not None and not assembler.ended and assembler.at_rest:
            self._repeat = repeat_of(data, piece)
            self._repeater = assembler.repeater(piece) if self._repeat is not None else _nowhere


def _nowhere(texts: Sequence[str]) -> None:
    """Nothing repeats."""
