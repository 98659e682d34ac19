"""The body of an upstream's success to events, in whichever form it comes. Sans-IO."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hyperinfer.formats.codec import Wait
from hyperinfer.formats.errors import PeerError

if TYPE_CHECKING:
    from hyperinfer.formats.codec import Format, StreamDecoder, Upstream
    from hyperinfer.formats.events import Event

DOCUMENT_LIMIT = 256 * 1024 * 1024
"""Bytes of a reply that is one JSON document. Generated images come as base64."""

BLANK_LIMIT = 16 * 1024
"""Blank bytes before a reply: some servers send them to keep a connection alive while they work."""

_BLANK = b" \t\r\n"
_MARK = b"\xef\xbb\xbf"


class ReplyReader:
    """Bytes to events. A stream is told from one JSON document by how it begins and not by the content type, which servers
    get wrong, nor by what was asked for, which some ignore.

    `ended`: the reply is complete. `error`: why there will be no further events; those that were given before it stand.
    `cut_short`: the error is that the bytes ended too early. `failing`: the reply has failed, and what comes next may say
    why; it is not worth a long wait. All are functions of the concatenated bytes.
    """

    def __init__(self, format: Format, upstream: Upstream) -> None:
        self._format, self._upstream = format, upstream
        self._beginning = b""
        self._document: list[bytes] = []
        self._size = 0
        self._decoder: StreamDecoder | None = None
        self.ended = False
        self.error: PeerError | None = None
        self.cut_short = False
        self.failing = False

    @property
    def stops(self) -> bool:
        """Nothing more of the reply comes, or nothing good."""
        return self.ended or self.failing or self.error is not None

    def receive_data(self, data: bytes) -> list[Event]:
        """The events that these bytes complete."""
        decoder = self._decoder
        if decoder is not None:
            decoder.receive_data(data)
            return self._drain(decoder)
        if self._document:
            return self._collect(data)
        return self._begin(self._beginning + data)

    def receive_eof(self) -> list[Event]:
        """The events that the end of the bytes completes. Without `ended`, `error` is set afterwards."""
        if self._document:
            return self._read_document()
        decoder = self._decoder
        if decoder is None:
            return self._stop(PeerError("the response is empty"), cut_short=True)
        decoder.receive_eof()
        broken = self.error is not None
        events = self._drain(decoder)
        self.cut_short = self.error is not None and not broken
        if not self.ended and self.error is None:
            self._stop(PeerError("the reply is not complete"), cut_short=True)
        return events

    def _begin(self, data: bytes) -> list[Event]:
        if data.startswith(b"{"):  # as almost every whole reply does
            return self._collect(data)
        if _MARK.startswith(data[:3]) and len(data) < 3:
            self._beginning = data
            return []
        visible = data.removeprefix(_MARK).lstrip(_BLANK)
        if len(data) - len(visible) > BLANK_LIMIT:
            return self._stop(PeerError(f"the response begins with more than {BLANK_LIMIT} blank bytes"), cut_short=False)
        start = visible[:1]
        if not start:
            self._beginning = data
            return []
        self._beginning = b""
        if start in b"{[":
            return self._collect(data.removeprefix(_MARK))
        if start == b"<":
            return self._stop(PeerError("the response is a page and no reply"), cut_short=False)
        self._decoder = self._format.stream_decoder(self._upstream)
        return self.receive_data(data)

    def _collect(self, data: bytes) -> list[Event]:
        self._document.append(data)
        self._size += len(data)
        if self._size > DOCUMENT_LIMIT:
            self._document = [b""]
            return self._stop(PeerError(f"the response has more than {DOCUMENT_LIMIT} bytes"), cut_short=False)
        return []

    def _read_document(self) -> list[Event]:
        try:
            events = list(self._format.decode_response(b"".join(self._document), self._upstream))
        except PeerError as error:
            return self._stop(error, cut_short=False)
        self.ended = True
        return events

    def _drain(self, decoder: StreamDecoder) -> list[Event]:
        events: list[Event] = []
        try:
            wait = decoder.take_events(events)
            self.ended, self.failing = wait is Wait.END, wait is Wait.FAILING
        except PeerError as error:
            self.error = error
        return events

    def _stop(self, error: PeerError, *, cut_short: bool) -> list[Event]:
        self.error, self.cut_short = error, cut_short
        return []
