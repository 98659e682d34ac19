"""Events to the stream of a Messages client (wire facts 1.5)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from hyperinfer.formats import events as ev
from hyperinfer.formats.anthropic_messages.errors import encode_error
from hyperinfer.formats.anthropic_messages.reply_writer import ReplyWriter
from hyperinfer.formats.errors import EncodeError, ErrorReport
from hyperinfer.formats.lifecycle import Lifecycle, OrderError
from hyperinfer.formats.piece_runs import PieceRunEncoder, encoded_texts

if TYPE_CHECKING:
    from hyperinfer.formats.codec import Loss, Reply
    from hyperinfer.formats.events import Event

Wire = dict[str, Any]
_KEEP_ALIVE = b': keep-alive\n\nevent: ping\ndata: {"type":"ping"}\n\n'
_REST = b"}}\n\n"
_encode = msgspec.json.Encoder().encode


class MessagesStreamEncoder(PieceRunEncoder):
    """A `codec.StreamEncoder`."""

    __slots__ = ("_frames", "_last", "_lifecycle", "_over", "_reply", "_writer")

    def __init__(self, reply: Reply) -> None:
        self._reply = reply
        self._frames = _Frames()
        self._writer = ReplyWriter(reply, self._frames)
        self._lifecycle = Lifecycle()
        self._last = b""
        self._over = False

    @property
    def losses(self) -> Sequence[Loss]:
        """What the events so far held that Messages cannot say."""
        return self._writer.losses

    def send(self, event: Event) -> bytes:
        """The frames for one event; may be none. Raises `EncodeError` when it is not legal here."""
        if type(event) is self._writer.streaming and not event.choice and (usual := self._usual(event)):
            return usual
        if self._over:
            raise EncodeError("an event after the end of the stream")
        try:
            self._lifecycle.step(event)
        except OrderError as error:
            raise EncodeError(str(error)) from None
        if type(event) is ev.UpstreamError:
            return self.fail(ErrorReport(event.code, event.message, self._reply.request_id, event.param))
        self._writer.write(event)
        if type(event) is ev.MessageEnd:
            self._last = self._frames.take()
            return b""
        return self._frames.take()

    def _usual(self, event: Event) -> bytes:
        """The frame for one more piece of the open block, which is legal; nothing when it must be written the long way."""
        if type(event) is ev.TextDelta:
            if event.text and event.extra is None and event.logprobs is None:
                return self._frames.text_prefix + _encode(event.text) + _REST
        elif type(event) is ev.ReasoningDelta:
            if event.text and event.extra is None and self._writer.is_same_part(event):
                return self._frames.thinking_prefix + _encode(event.text) + _REST
        elif type(event) is ev.ArgumentsDelta and event.text and event.extra is None:
            self._writer.wrote_arguments((event.text,))
            return self._frames.arguments_prefix + _encode(event.text) + _REST
        return b""

    def _more(self, first: Event, texts: list[str]) -> bytes:
        if type(first) is not self._writer.streaming:
            return b""
        if type(first) is ev.TextDelta:
            head = self._frames.text_prefix
        elif type(first) is ev.ReasoningDelta:
            if not self._writer.is_same_part(first):
                return b""
            head = self._frames.thinking_prefix
        else:
            self._writer.wrote_arguments(texts)
            head = self._frames.arguments_prefix
        return head + encoded_texts(texts, _REST + head) + _REST

    def end(self) -> bytes:
        """`message_delta` and `message_stop`."""
        self._over = True
        return self._last

    def keep_alive(self) -> bytes:
        """A comment and a ping."""
        return _KEEP_ALIVE

    def fail(self, error: ErrorReport) -> bytes:
        """An `error` event, after which nothing may come."""
        self._over = True
        self._writer.streaming = None
        return b"event: error\ndata: " + encode_error(error) + b"\n\n"


class _Frames:
    """A `reply_sink.Sink` that makes frames."""

    __slots__ = ("_frames", "_index", "arguments_prefix", "text_prefix", "thinking_prefix")

    def __init__(self) -> None:
        self._frames: list[bytes] = []
        self._index = -1
        self.text_prefix = self.thinking_prefix = self.arguments_prefix = b""

    def take(self) -> bytes:
        """The frames made since the last call."""
        frames, self._frames = self._frames, []
        return b"".join(frames)

    def start(self, message: Wire, beside: Wire) -> None:
        self.other("message_start", {"type": "message_start", "message": message, **beside})

    def open(self, block: Wire, beside: Wire) -> None:
        self._index += 1
        head = b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,"delta":' % self._index
        self.text_prefix = head + b'{"type":"text_delta","text":'
        self.thinking_prefix = head + b'{"type":"thinking_delta","thinking":'
        self.arguments_prefix = head + b'{"type":"input_json_delta","partial_json":'
        self._block("content_block_start", {"content_block": block, **beside})

    def delta(self, delta: Wire, beside: Wire) -> None:
        self._block("content_block_delta", {"delta": delta, **beside})

    def close(self, beside: Wire, item: Wire | None = None) -> None:
        self._block("content_block_stop", beside)

    def end(self, delta: Wire, usage: Wire, beside: Wire, last: Wire) -> None:
        self.other("message_delta", {"type": "message_delta", "delta": delta, "usage": usage, **beside})
        self.other("message_stop", {"type": "message_stop", **last})

    def _block(self, name: str, fields: Wire) -> None:
        self.other(name, {"type": name, "index": self._index, **fields})

    def other(self, name: str, raw: Wire) -> None:
        self._frames.append(b"event: %b\ndata: %b\n\n" % (name.encode(), _encode(raw)))
