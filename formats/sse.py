"""Server-sent events: bytes to frames, incrementally (WHATWG HTML, section 9.2).

Lines end with LF, CRLF or CR; a byte order mark may stand at the start; comments and unknown fields are skipped; several
data lines are joined with LF. Frames are a function of the concatenated bytes, never of how they were cut. Bytes are kept
until a whole frame is there, so a character that is cut in two is whole when it is decoded.
"""

from __future__ import annotations

import re

import msgspec

from hyperinfer.formats.errors import PeerError

DEFAULT_MAX_FRAME = 64 * 1024 * 1024
"""Bytes that an unfinished frame may hold. Responses snapshots carry generated images as base64 (tens of MB); httpx-sse
and the official SDKs set no bound at all."""

_FRAMES = re.compile(rb"\n*(?:(?:event: (.*)\n)?data: (.*)\n\n|((?s:.+?))\n\n)")
"""One whole frame: the two usual forms by their parts (name, data), any other as it is."""
_BLANK = re.compile(rb"\n*")


class Frame(msgspec.Struct, frozen=True, gc=False):
    """One event: its `event:` name (empty when there was none) and its data, undecoded."""

    event: bytes
    data: bytes


class SSEDecoder:
    """Feeds on bytes, yields frames. Raises `PeerError` in the place of a frame that is larger than `max_frame` bytes.

    After an error the same error is raised again. Bytes that hold whole frames are read as they came, all at once; the rest
    of a frame waits in a buffer that grows in place, so that a large frame in many small pieces costs linear time. The size
    of a frame is that from its first line to its last: blank lines before it belong to none.
    """

    __slots__ = ("_buffer", "_eof", "_max", "_position", "_ready", "_scanned", "_skip_lf", "_started")

    def __init__(self, max_frame: int = DEFAULT_MAX_FRAME) -> None:
        self._buffer: bytes | bytearray = b""
        self._position = 0  # start of the first frame not yet taken out
        self._scanned = 0  # no blank line ends between it and here
        self._ready: list[tuple[bytes, bytes, bytes]] = []  # what was taken out, by `_FRAMES`, the first one last
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

    def takes_whole(self, data: bytes) -> bool:
        """Whether `data`, as the next bytes, would be whole frames and nothing else: no byte waits before them, a blank line
        ends them, none is too large, no line ends in an unusual way. Whoever knows the frames may then read them itself."""
        return (
            data.endswith(b"\n\n")
            and not self._ready
            and self._position == len(self._buffer)
            and self._started
            and not self._skip_lf
            and len(data) <= self._max
            and b"\r" not in data
        )

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
        while self._ready or self._take():
            event, data, other = self._ready.pop()
            if not other:
                return Frame(event, data)
            frame = _parse(other)
            if frame is not None:
                return frame
        return None

    def _take(self) -> bool:
        """Takes whole frames out of the buffer, all of them where none can be too large; whether there were any."""
        if not self._started or self._position == len(self._buffer):
            return False
        end = self._buffer.rfind(b"\n\n", self._scanned)
        if end - self._position > self._max or end < 0:
            self._skip_blank_lines()
            if end >= 0:
                end = self._buffer.find(b"\n\n", self._position)
            if end < 0:
                return self._wait()
            self._check_size(end - self._position)
        self._ready = _FRAMES.findall(self._buffer, self._position, end + 2)
        self._ready.reverse()
        self._position = self._scanned = end + 2
        return bool(self._ready) or self._take()  # it was nothing but blank lines

    def _skip_blank_lines(self) -> None:
        if (found := _BLANK.match(self._buffer, self._position)) is not None:
            self._position = found.end()
            self._scanned = max(self._scanned, self._position)

    def _wait(self) -> bool:
        """There is no whole frame, and never more than one: the one that the end of the bytes completes."""
        size = len(self._buffer)
        if not self._eof:
            self._check_size(size - 1 - self._position)  # the last byte may be the first of the blank line
            self._scanned = max(self._position, size - 1)
            return False
        block = bytes(self._buffer[self._position :]).rstrip(b"\n")
        self._check_size(len(block))
        self._buffer = b""
        self._position = self._scanned = 0
        self._ready = [(b"", b"", block)] if block else []
        return bool(block)

    def _check_size(self, size: int) -> None:
        if size > self._max:
            raise PeerError(f"a server-sent event is larger than {self._max} bytes")


def _parse(block: bytes) -> Frame | None:
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
