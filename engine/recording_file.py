"""The file of a recording: written line by line, and read again, whole or cut off. See `recording.py`."""

from __future__ import annotations

from math import inf
from pathlib import Path
from typing import Final

import msgspec

from hyperinfer.engine.recording import (
    VERSION,
    Attempt,
    Bytes,
    Close,
    End,
    Eof,
    Fault,
    Head,
    Line,
    Recording,
    Request,
    Tool,
    Truncated,
)


class RecordingError(Exception):
    """A file that is no recording. `line` counts from 1."""

    def __init__(self, name: str, line: int, what: str) -> None:
        super().__init__(f"{name}:{line}: {what}")
        self.name, self.line, self.what = name, line, what


_ENCODER: Final = msgspec.json.Encoder()
_FIRST: Final = msgspec.json.Decoder(Request)
_LATER: Final = msgspec.json.Decoder(Line)
_NUMBERED: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])


def line_bytes(line: Request | Line) -> bytes:
    """A line of the file, with its end. A file may be written line by line: each prefix of it can be read."""
    return _ENCODER.encode(line) + b"\n"


def recording_bytes(recording: Recording) -> bytes:
    """The whole file."""
    return b"".join([line_bytes(recording.request), *map(line_bytes, recording.lines)])


def write_recording(path: Path, recording: Recording) -> None:
    """Writes a file that `read_recording` reads the same. Raises OSError."""
    path.write_bytes(recording_bytes(recording))


def read_recording(path: Path) -> Recording:
    """Reads a file. Raises RecordingError, which names the line and what is wrong with it, and OSError."""
    return parse_recording(path.read_bytes(), str(path))


def parse_recording(data: bytes, name: str = "recording") -> Recording:
    """The recording that a file holds, or the beginning of one: what is cut off within a line, or before its end, is
    `truncated`. `name`: of the file, for errors. Raises RecordingError."""
    *whole, rest = data.split(b"\n")
    if not whole:
        raise RecordingError(name, 1, "it ends before the request is whole" if rest else "it is empty")
    request = _first(whole[0], name)
    reading = _Reading(name)
    lines = tuple([reading.line(number, line) for number, line in enumerate(whole[1:], 2)])
    why = reading.truncated
    if why is None and rest:
        why = f"it ends within line {len(whole) + 1}"
    elif why is None and not reading.over:
        why = "it has no end"
    return Recording(request, lines, why)


def _first(line: bytes, name: str) -> Request:
    try:
        version = msgspec.json.decode(_NUMBERED.decode(line).get("version", msgspec.Raw(b"null")))
        if isinstance(version, int) and version != VERSION:
            raise RecordingError(name, 1, f"it is of version {version} of the format; this program reads {VERSION}")
        request = _FIRST.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RecordingError(name, 1, f"a recording begins with its request: {error}") from None
    if problem := request.body.problem():
        raise RecordingError(name, 1, problem)
    return request


class _Reading:
    """The laws that lines keep among each other."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._attempts = 0
        self._at = 0.0
        self.truncated: str | None = None
        self.over = False

    def line(self, number: int, data: bytes) -> Line:
        try:
            line: Line = _LATER.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise RecordingError(self._name, number, str(error)) from None
        problem = self._problem(line)
        if problem is not None:
            raise RecordingError(self._name, number, problem)
        return line

    def _problem(self, line: Line) -> str | None:
        if self.over:
            return "nothing follows the `end`"
        if not self._at <= line.at < inf:
            return f"times go forward: {line.at} after {self._at}"
        self._at = line.at
        match line:
            case Attempt():
                if line.number != self._attempts:
                    return f"attempts are numbered: {line.number} where {self._attempts} is next"
                self._attempts += 1
                return line.body.problem()
            case Head() | Bytes() | Eof() | Fault() | Close():
                if not 0 <= line.attempt < self._attempts:
                    return f"there is no attempt {line.attempt}"
                return line.data.problem() if isinstance(line, Bytes) else None
            case Tool():
                return line.arguments.problem() or (None if line.outcome is None else line.outcome.problem())
            case Truncated():
                self.truncated = f"it was cut off at {line.at:g} s: {line.why}"
            case End():
                self.over = True
            case _:
                pass
        return None
