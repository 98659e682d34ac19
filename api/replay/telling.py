"""What a client is told, and when: the events that its reply is written from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, TypeAlias

import msgspec

from hyperinfer.formats.errors import ErrorReport
from hyperinfer.formats.events import Event

if TYPE_CHECKING:
    from hyperinfer.api.replay.timeline import Timeline
    from hyperinfer.formats.codec import (
        Encoded,
        EncodedReply,
        Format,
        Loss,
        Reply,
        StreamDecoder,
        StreamEncoder,
        Target,
        Upstream,
    )
    from hyperinfer.formats.conversation import Conversation, Turn
    from hyperinfer.formats.events import Burst, Dialect


class KeepAlive(msgspec.Struct, frozen=True, gc=False):
    """A sign of life, while there was nothing to say."""


class Told(msgspec.Struct, frozen=True, gc=False):
    """Something that the client was told. `at`: seconds since the request came. `what`: an event of the reply, a sign of
    life, or the error with which it ended."""

    at: float
    what: Event | KeepAlive | ErrorReport


Hear: TypeAlias = "Callable[[Told], None]"


class HeardFormat:
    """A client's format that lets `hear` know of what is written in it. Requests are read in another one, `asked`, where the
    client is another than the one that was recorded.

    So a reply in another format is the same conversation's: what a client of that format could not have asked for in the
    same words (plugins, private fields) is asked for all the same.
    """

    def __init__(self, spoken: Format, asked: Format, timeline: Timeline, hear: Hear) -> None:
        self._spoken, self._asked, self._timeline, self._hear = spoken, asked, timeline, hear

    def tell(self, what: Event | KeepAlive | ErrorReport) -> None:
        """Lets it be known."""
        self._hear(Told(self._timeline.now, what))

    @property
    def dialect(self) -> Dialect:
        return self._spoken.dialect

    @property
    def ingress(self) -> str:
        return self._spoken.ingress

    def decode_request(self, body: bytes, depth: int = 128) -> Conversation:
        return self._asked.decode_request(body, depth)

    def encode_request(self, conversation: Conversation, target: Target) -> Encoded:
        return self._spoken.encode_request(conversation, target)

    def stream_decoder(self, upstream: Upstream) -> StreamDecoder:
        return self._spoken.stream_decoder(upstream)

    def decode_response(self, body: bytes, upstream: Upstream) -> Burst:
        return self._spoken.decode_response(body, upstream)

    def stream_encoder(self, reply: Reply) -> StreamEncoder:
        return _HeardEncoder(self._spoken.stream_encoder(reply), self, self._timeline)

    def encode_response(self, events: Sequence[Event], reply: Reply) -> EncodedReply:
        for event in events:
            self.tell(event)
        return self._spoken.encode_response(events, reply)

    def reply_turns(self, events: Iterable[Event], path: str) -> tuple[Turn, ...]:
        return self._asked.reply_turns(events, path)

    def encode_error(self, error: ErrorReport) -> bytes:
        self.tell(error)
        return self._spoken.encode_error(error)


class _HeardEncoder:
    def __init__(self, encoder: StreamEncoder, format: HeardFormat, timeline: Timeline) -> None:
        self._encoder, self._format, self._timeline = encoder, format, timeline

    @property
    def losses(self) -> Sequence[Loss]:
        return self._encoder.losses

    def send(self, event: Event) -> bytes:
        self._format.tell(event)
        return self._encoder.send(event)

    def send_burst(self, burst: Sequence[Event], into: list[bytes]) -> None:
        for event in burst:
            self._format.tell(event)
        self._encoder.send_burst(burst, into)

    def end(self) -> bytes:
        return self._encoder.end()

    def keep_alive(self) -> bytes:
        self._timeline.signs()
        self._format.tell(KeepAlive())
        return self._encoder.keep_alive()

    def fail(self, error: ErrorReport) -> bytes:
        self._format.tell(error)
        return self._encoder.fail(error)
