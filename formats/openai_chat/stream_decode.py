"""Chat streams to events (wire facts 2.2, 2.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from hyperinfer.formats import events as ev
from hyperinfer.formats.errors import PeerError
from hyperinfer.formats.frame_decoder import FrameDecoder
from hyperinfer.formats.openai_chat.assembler import ChatAssembler
from hyperinfer.formats.repeats import Around, around, repeats
from hyperinfer.formats.split_characters import SplitCharacters
from hyperinfer.formats.wire import reply_object

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hyperinfer.formats.codec import Upstream
    from hyperinfer.formats.events import Event
    from hyperinfer.formats.sse import Frame

_FIELDS: dict[type[Event], tuple[bytes, ...]] = {
    ev.TextDelta: (b'"content":',),
    ev.ArgumentsDelta: (b'"arguments":',),
    ev.ReasoningDelta: (b'"reasoning_content":', b'"reasoning":'),
}
_OTHER_REASONING = (b'"reasoning', b'"thinking')


class ChatStreamDecoder(FrameDecoder):
    """A `StreamDecoder` for Chat. Terminal is `[DONE]`, or the end of the bytes once every choice has its
    `finish_reason`."""

    def __init__(self, upstream: Upstream) -> None:
        self._assembler = ChatAssembler(upstream)
        self._split = SplitCharacters()
        super().__init__(self._assembler)

    def _end(self) -> None:
        if not self._assembler.finished:
            raise PeerError("the stream ended before the reply did")
        self._assembler.end()

    def _frame(self, frame: Frame) -> None:
        assembler, data = self._assembler, frame.data
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
        if not self._hope or (piece := only_piece(assembler.events)) is None or assembler.ended or not assembler.at_rest:
            return
        if (place := place_of(data, piece)) is not None:
            self._expect(repeats(self._sse.frame_lines(), data, place, assembler.repeater(piece)))


def only_piece(events: Sequence[Event]) -> Event | None:
    """The event of a frame that made no other, but for the beginning of its block; None where it made more."""
    if len(events) == 2 and isinstance(events[0], (ev.TextStart, ev.ReasoningStart)) and events[0].extra is None:
        return events[1]
    return events[0] if len(events) == 1 else None


def place_of(data: bytes, event: Event) -> Around | None:
    """Where the frame `data`, whose only piece is `event`, says it; None where a frame with another string there need not
    mean the same."""
    if not isinstance(event, (ev.TextDelta, ev.ReasoningDelta, ev.ArgumentsDelta)) or event.extra is not None:
        return None
    if isinstance(event, ev.TextDelta) and event.logprobs is not None:
        return None
    if isinstance(event, ev.ReasoningDelta) and sum(data.count(word) for word in _OTHER_REASONING) != 1:
        return None  # several copies of one text
    return around(data, event.text, _FIELDS[type(event)])
