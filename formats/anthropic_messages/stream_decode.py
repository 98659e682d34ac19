"""The stream of a Messages upstream to events (wire facts 1.5).

Blocks that an upstream interleaves are sorted: what belongs to a later block waits until the earlier one has ended. A
block whose end was left out ends with the message.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, MutableSequence
from typing import TYPE_CHECKING, Any, ClassVar, Final

import msgspec

from hyperinfer.formats import events as ev
from hyperinfer.formats.anthropic_messages.block_decode import (
    BlockState,
    Wire,
    block_state,
    event_rest,
    places,
    rest,
)
from hyperinfer.formats.anthropic_messages.stop import decode_stop
from hyperinfer.formats.anthropic_messages.usage import DIALECT, decode_usage
from hyperinfer.formats.anthropic_messages.usual_delta import UsualPiece, usual_piece
from hyperinfer.formats.anthropic_messages.waiting import WaitingBlocks
from hyperinfer.formats.backlog import Backlog
from hyperinfer.formats.errors import PeerError
from hyperinfer.formats.frame_decoder import FrameDecoder
from hyperinfer.formats.lifecycle import Lifecycle, OrderError
from hyperinfer.formats.repeats import around, repeats
from hyperinfer.formats.split_characters import SplitCharacters
from hyperinfer.formats.upstream_errors import upstream_error
from hyperinfer.formats.wire import is_object

if TYPE_CHECKING:
    from hyperinfer.formats.codec import Upstream
    from hyperinfer.formats.events import Event
    from hyperinfer.formats.sse import Frame

_MESSAGE_FIELDS = ("id", "type", "role", "model", "content", "stop_reason", "stop_sequence", "usage")
_CUT: Final = "Input data was truncated"
"""What msgspec says of JSON that is good as far as it goes."""


class MessagesStreamDecoder(FrameDecoder):
    """A `codec.StreamDecoder`."""

    def __init__(self, upstream: Upstream) -> None:
        self._decoder = ReplyDecoder(upstream)
        super().__init__(self._decoder)

    def _end(self) -> None:
        raise PeerError("the stream ended before the message did")

    def _frame(self, frame: Frame) -> None:
        usual = self._decoder.frame(frame)
        if usual is None or not self._hope:
            return
        if (place := around(frame.data, usual.text, (usual.field,))) is not None:
            self._expect(repeats(self._sse.frame_lines(), frame.data, place, usual.more))

    def _give(self, into: MutableSequence[Event]) -> None:
        """The order was looked at where the events were made."""
        into.extend(self._decoder.events)
        self._decoder.events.clear()


class ReplyDecoder:
    """Wire events of one reply, one after the other, to canonical events in `events`."""

    def __init__(self, upstream: Upstream) -> None:
        self.events: deque[Event] = deque()
        self.ended = False
        self.vendor = upstream.vendor
        self._seed = upstream.id_seed
        self._lifecycle = Lifecycle()
        self._started = False
        self._early: list[Event] = []  # unknown events before message_start
        self._early_size = Backlog()
        self._open: BlockState | None = None
        self._index: int | None = None
        self._closed: set[int] = set()
        self._waiting = WaitingBlocks()
        self._size = 0  # of the frame being read, in bytes
        self._made_ids = 0
        self._split = SplitCharacters()
        self._has_call = False
        self._usage: Wire | None = None  # of message_start
        self._counted = False
        self._end: Wire = {}
        self._end_rest: Wire = {}

    def call_id(self) -> str:
        """An id for a call without one."""
        made = f"call_{self._seed}_{self._made_ids}"
        self._made_ids += 1
        return made

    def frame(self, frame: Frame) -> UsualPiece | None:
        """One frame; what it was if it was a usual delta of the open block. Raises `PeerError`."""
        if frame.event == b"content_block_delta" and (piece := usual_piece(frame.data, self._index, self._open)) is not None:
            self.events.extend(piece.more([piece.text]))
            return piece
        self._size = len(frame.data)
        try:
            event = self._split.decode(frame.data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            if frame.data.strip() == b"[DONE]":
                return None  # some servers add Chat's last frame
            if str(error) == _CUT:
                raise PeerError("the stream ended before the message did, in the middle of an event") from None
            raise PeerError("a server-sent event is no JSON") from None
        if not is_object(event):
            raise PeerError("a server-sent event is no JSON object")
        self.wire(event)
        return None

    def wire(self, event: Wire) -> None:
        """One wire event. Raises `PeerError`."""
        kind = event.get("type")
        handler = self._HANDLERS.get(kind) if isinstance(kind, str) else None
        if handler is not None:
            if not self._started and kind not in self._EARLY:
                raise PeerError(f"{kind} before message_start")
            handler(self, event)
        elif event.get("error") is not None:
            self._failed(event)
        else:
            unknown = ev.Unknown(DIALECT, str(kind or ""), event)
            if self._started:
                self._emit(unknown)
            else:
                self._early_size.hold("", self._size)
                self._early.append(unknown)

    def _emit(self, *events: Event) -> None:
        for event in events:
            try:
                self._lifecycle.step(event)
            except OrderError as error:
                raise PeerError(str(error)) from None
            self.events.append(event)

    def _message_start(self, event: Wire) -> None:
        if self._started:
            if self._open is None and not self._closed:
                return  # said twice
            raise PeerError("a second message_start")
        message = event.get("message")
        if not is_object(message):
            raise PeerError("message_start without a message")
        self._started = True
        usage = message.get("usage")
        self._usage = usage if is_object(usage) else None
        self._emit(
            ev.MessageStart(
                DIALECT,
                id=_string(message.get("id")),
                model=_string(message.get("model")),
                usage=decode_usage(self._usage) if self._usage is not None else None,
                extra=places(message=rest(message, *_MESSAGE_FIELDS), event=rest(event, "type", "message")),
            ),
            *self._early,
        )

    def _block_event(self, event: Wire) -> None:
        index = event.get("index")
        starts = event["type"] == "content_block_start"
        if not isinstance(index, int):
            index = (-1 if self._index is None else self._index + 1) if starts else self._index
            if index is None:
                raise PeerError(f"{event['type']} without an index")
        if index in self._closed:
            if event["type"] == "content_block_stop":
                return
            raise PeerError(f"{event['type']} for block {index}, which has ended")
        if self._open is not None and index != self._index:
            self._waiting.hold(index, event, self._size)
            return
        self._apply(index, event)

    def _apply(self, index: int, event: Wire) -> None:
        match event["type"]:
            case "content_block_start":
                if self._open is not None:
                    raise PeerError(f"block {index} begins twice")
                self._begin(index, event.get("content_block"), event)
            case "content_block_delta":
                delta = event.get("delta")
                if not is_object(delta):
                    raise PeerError("content_block_delta without a delta")
                if self._open is None:
                    self._begin(index, _IMPLIED.get(str(delta.get("type"))), {})
                assert self._open is not None
                self._emit(*self._open.delta(delta, event))
            case _:
                if self._open is None:
                    raise PeerError(f"the end of block {index}, which never began")
                self._finish(event)

    def _begin(self, index: int, block: Any, event: Wire) -> None:
        if not is_object(block):
            raise PeerError(f"block {index} has no beginning")
        self._open, self._index = block_state(block, event, self), index
        self._has_call = self._has_call or block.get("type") == "tool_use"
        self._emit(*self._open.start())

    def _finish(self, event: Wire) -> None:
        """Ends the open block and goes on with those that wait."""
        while self._open is not None and self._index is not None:
            self._emit(*self._open.stop(event))
            self._closed.add(self._index)
            self._open = self._index = None
            if not self._waiting:
                return
            index, events, stop = self._waiting.take()
            for late in events:
                self._apply(index, late)
            if stop is None:
                return
            event = stop

    def _finish_all(self) -> None:
        while self._open is not None:
            self._finish({})

    def _message_delta(self, event: Wire) -> None:
        self._finish_all()
        delta = event.get("delta")
        if is_object(delta):
            self._end.update(delta)
        self._end_rest.update(rest(event, "type", "delta", "usage"))
        usage = event.get("usage")
        if is_object(usage):
            self._counted = True
            self._emit(ev.UsageUpdate(decode_usage(usage, self._usage)))

    def _message_stop(self, event: Wire) -> None:
        self._finish_all()
        if not self._counted and self._usage is not None:
            self._emit(ev.UsageUpdate(decode_usage(self._usage)))
        raw = self._end.get("stop_reason")
        raw = raw if isinstance(raw, str) else None
        sequence = self._end.get("stop_sequence")
        details = self._end.get("stop_details")
        explanation = details.get("explanation") if is_object(details) else None
        self._emit(
            ev.MessageEnd(
                decode_stop(raw, has_call=self._has_call),
                stop_sequence=sequence if isinstance(sequence, str) else None,
                raw_stop=raw,
                explanation=explanation if isinstance(explanation, str) else None,
                extra=places(
                    delta=rest(self._end, "stop_reason", "stop_sequence"), event=self._end_rest, stop=event_rest(event)
                ),
            )
        )
        self.ended = True

    def _failed(self, event: Wire) -> None:
        self._emit(upstream_error(event))
        self.ended = True

    def _ping(self, event: Wire) -> None:
        """Says nothing: the gateway keeps its own clients' streams alive."""

    _HANDLERS: ClassVar[dict[str, Callable[[ReplyDecoder, Wire], None]]] = {
        "message_start": _message_start,
        "content_block_start": _block_event,
        "content_block_delta": _block_event,
        "content_block_stop": _block_event,
        "message_delta": _message_delta,
        "message_stop": _message_stop,
        "error": _failed,
        "ping": _ping,
    }
    _EARLY: ClassVar = ("message_start", "error", "ping")


def _string(value: Any) -> str:
    return value if isinstance(value, str) else ""


_IMPLIED: dict[str, Wire] = {"text_delta": {"type": "text"}, "thinking_delta": {"type": "thinking"}}
"""Blocks whose beginning can be told from a delta (fault F017)."""
