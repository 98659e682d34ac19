"""Server-sent events: bytes to frames, incrementally (WHATWG HTML, section 9.2).

Lines end with LF, CRLF or CR; a byte order mark may stand at the start; comments and unknown fields are skipped; several
data lines are joined with LF. Frames are a function of the concatenated bytes, never of how they were cut. Bytes are kept
until a whole frame is there, so a character that is cut in two is whole when it is decoded.
"""

from __future__ import annotations

from typing import NamedTuple

from hyperinfer.formats.errors import PeerError

DEFAULT_MAX_FRAME = 64 * 1024 * 1024
"""Bytes that an unfinished frame may hold. Responses snapshots carry generated images as base64 (tens of MB); httpx-sse
and the official SDKs set no bound at all."""


class Frame(NamedTuple):
    """One event: its `event:` name (empty when there was none) and its data, undecoded."""

    event: bytes
    data: bytes


class SSEDecoder:
    """Feeds on bytes, yields frames. Raises `PeerError` in the place of a frame that is larger than `max_frame` bytes.

    After an error the same error is raised again. Bytes that hold whole frames are read as they came; the rest of a frame
    waits in a buffer that grows in place, so that a large frame in many small pieces costs linear time.
    """

    __slots__ = ("_buffer", "_eof", "_max", "_position", "_scanned", "_skip_lf", "_started")

    def __init__(self, max_frame: int = DEFAULT_MAX_FRAME) -> None:
        self._buffer: bytes | bytearray = b""
        self._position = 0  # start of the first frame not yet given out
        self._scanned = 0  # no blank line ends before here
        self._skip_lf = False  # the last byte was a CR, already counted as a line end
        self._started = False  # whether a byte order mark can no longer come
        self._eof = False
        self._max = max_frame

    def receive_data(self, data: bytes) -> None:
        """Stores bytes. Raises nothing for their content."""
        if self._skip_lf and data:
            self._skip_lf = False
            if data[:1] == b"\n":
                data = data[1:]
        if b"\r" in data:
            self._skip_lf = data.endswith(b"\r")
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        if self._position == len(self._buffer):
            self._buffer = data
            self._position = self._scanned = 0
        else:
            self._append(data)
        if not self._started:
            self._drop_byte_order_mark()

    def _append(self, data: bytes) -> None:
        if not isinstance(self._buffer, bytearray):
            self._buffer = bytearray(self._buffer)
        if self._position:
            del self._buffer[: self._position]
            self._scanned -= self._position
            self._position = 0
        self._buffer += data

    def _drop_byte_order_mark(self) -> None:
        mark = b"\xef\xbb\xbf"
        if self._buffer.startswith(mark):
            self._position = self._scanned = 3
            self._started = True
        elif not mark.startswith(self._buffer):
            self._started = True

    def receive_eof(self) -> None:
        """No more bytes will come. A last frame without its blank line is still given out: several servers end so."""
        self._eof = True
        self._started = True

    def next_frame(self) -> Frame | None:
        """The next frame with data, or None until more bytes come (at the end: for ever)."""
        while self._started:
            end = self._buffer.find(b"\n\n", self._scanned)
            if end < 0:
                if self._eof:
                    return self._last_frame()
                size = len(self._buffer)
                self._check_size(size - 1 - self._position)  # the last byte may be the first of the blank line
                self._scanned = max(self._position, size - 1)
                return None
            if end - self._position > self._max:
                self._check_size(end - self._position)
            block = self._buffer[self._position : end]
            self._position = self._scanned = end + 2
            frame = _parse(bytes(block))
            if frame is not None:
                return frame
        return None

    def _check_size(self, size: int) -> None:
        if size > self._max:
            raise PeerError(f"a server-sent event is larger than {self._max} bytes")

    def _last_frame(self) -> Frame | None:
        block = bytes(self._buffer[self._position :]).rstrip(b"\n")
        self._check_size(len(block))
        self._buffer = b""
        self._position = self._scanned = 0
        return _parse(block)


def _parse(block: bytes) -> Frame | None:
    if block.startswith(b"data: ") and b"\n" not in block:  # the usual Chat frame
        return Frame(b"", block[6:])
    if block.startswith(b"event: "):  # the usual frame of the two others
        head, _, tail = block.partition(b"\n")
        if tail.startswith(b"data: ") and b"\n" not in tail:
            return Frame(head[7:], tail[6:])
    event = b""
    data: list[bytes] = []
    for line in block.split(b"\n"):
        if line.startswith(b":"):
            continue
        field, _, value = line.partition(b":")
        if value.startswith(b" "):
            value = value[1:]
        if field == b"data":
            data.append(value)
        elif field == b"event":
            event = value
    return Frame(event, b"\n".join(data)) if data else None
