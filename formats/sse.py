"""Server-sent events: bytes to frames, incrementally (WHATWG HTML, section 9.2).

Lines end with LF, CRLF or CR; a byte order mark may stand at the start; comments and unknown fields are skipped; several
data lines are joined with LF. Frames are a function of the concatenated bytes, never of how they were cut. Bytes are kept
until a whole frame is there, so a character that is cut in two is whole when it is decoded.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, MutableSequence, Sequence
from typing import TYPE_CHECKING, Protocol

import msgspec

from hyperinfer.formats.errors import PeerError

if TYPE_CHECKING:
    from hyperinfer.formats.events import Event

DEFAULT_MAX_FRAME = 64 * 1024 * 1024
"""Bytes that an unfinished frame may hold. Responses snapshots carry generated images as base64 (tens of MB); httpx-sse
and the official SDKs set no bound at all."""

_BLANK = re.compile(rb"\n*")


class Frame(msgspec.Struct, frozen=True, gc=False):
    """One event: its `event:` name (empty when there was none) and its data, undecoded."""

    event: bytes
    data: bytes


class Run(Protocol):
    """What the next frames are likely to be; it reads them from their lines, without framing."""

    def take(self, lines: Sequence[bytes], at: int, into: MutableSequence[Event]) -> int:
        """Reads frames from `lines[at:]`, as many as go on in the same way, and gives what they say; the index of the first
        line that is left. `lines` are those of whole frames, each with the empty one that ends it."""
        ...


class SSEDecoder:
    """Feeds on bytes, yields frames. Raises `PeerError` in the place of a frame that is larger than `max_frame` bytes.

    After an error the same error is raised again. Bytes that hold whole frames are read as they came, all at once; the rest
    of a frame waits in a buffer that grows in place, so that a large frame in many small pieces costs linear time. The size
    of a frame is that from its first line to its last: blank lines before it belong to none.
    """

    __slots__ = ("_at", "_buffer", "_eof", "_from", "_lines", "_max", "_position", "_scanned", "_skip_lf", "_started")

    def __init__(self, max_frame: int = DEFAULT_MAX_FRAME) -> None:
        self._buffer: bytes | bytearray = b""
        self._position = 0  # start of the first frame not yet taken out
        self._scanned = 0  # no blank line ends between it and here
        self._lines: list[bytes] = []  # of whole frames that were taken out, each with the empty one that ends it
        self._at = 0  # the first of them that was not read
        self._from = 0  # where the frame begins that was read last
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
        while self._at < len(self._lines) or self._take():
            lines, at = self._lines, self._at
            end = lines.index(b"", at)
            self._from, self._at = at, end + 1
            first = lines[at]
            if end - at == 2 and first.startswith(b"event: ") and (second := lines[at + 1]).startswith(b"data: "):
                return Frame(first[7:], second[6:])
            if end - at == 1 and first.startswith(b"data: "):
                return Frame(b"", first[6:])
            frame = _parse(lines[at:end])
            if frame is not None:
                return frame
        return None

    def frame_lines(self) -> list[bytes]:
        """The lines of the frame that `next_frame` gave last."""
        return self._lines[self._from : self._at - 1]

    def take_run(self, run: Run, into: MutableSequence[Event]) -> bool:
        """Lets `run` read the frames that are next, as far as it goes; what they say is put behind `into`. Whether there
        are bytes left."""
        if self._at < len(self._lines) or self._take():
            self._at = run.take(self._lines, self._at, into)
            if self._at == len(self._lines) and not self._buffer:
                self._lines, self._at = [], 0
                return False
        return True

    def _take(self) -> bool:
        """Takes whole frames out of the buffer, all of them where none can be too large; whether there were any."""
        self._lines, self._at = [], 0
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
        self._lines = bytes(self._buffer[self._position : end + 2]).split(b"\n")
        self._lines.pop()
        if end + 2 == len(self._buffer):
            self._buffer, self._position, self._scanned = b"", 0, 0
        elif len(self._buffer) < 2 * end:
            # What was taken is not to lie here until more comes, which a slow reader of the events may put off for long.
            self._buffer, self._position, self._scanned = self._buffer[end + 2 :], 0, 0
        else:
            self._position = self._scanned = end + 2
        return True

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
        self._lines = [*block.split(b"\n"), b""] if block else []
        return bool(block)

    def _check_size(self, size: int) -> None:
        if size > self._max:
            raise PeerError(f"a server-sent event is larger than {self._max} bytes")


def _parse(lines: Iterable[bytes]) -> Frame | None:
    event = b""
    data: list[bytes] = []
    for line in lines:
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
