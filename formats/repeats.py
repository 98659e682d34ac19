"""Runs of frames that differ in one string alone.

Such a frame means what the one before it meant, with another string, so the string is all that has to be read: the bytes
before and after it are compared, not parsed. OpenAI's padding (`obfuscation`), which differs in every frame and is not
carried, may be any.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec

from hyperinfer.formats.runs import FrameRun, Say

_decode = msgspec.json.Decoder(str).decode
_decode_all = msgspec.json.Decoder(list[str]).decode
_STRING = re.compile(rb'\s*("[^"\\]*+(?:\\.[^"\\]*+)*+")')
_PADDING = re.compile(rb'(,\s?"obfuscation":\s?")[A-Za-z0-9+/=_-]*"\}\Z')
_PAD = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=_-"
_PAD_END = b'"}'
_FEW = 6
"""Lines that are compared one by one rather than all at once."""


class Around(NamedTuple):
    """The bytes of a line of data around its string. `padded`: it ends in padding, of which `after` holds the beginning."""

    before: bytes
    after: bytes
    padded: bool


def around(data: bytes, text: str, fields: Iterable[bytes]) -> Around | None:
    """What is around the string `text`, the value of the one of `fields` (`"name":`) that stands in the JSON `data` exactly
    once; None where there is no such one."""
    for field in fields:
        if data.count(field) == 1 and (found := _STRING.match(data, data.find(field) + len(field))):
            try:
                same = _decode(found[1]) == text
            except (msgspec.DecodeError, UnicodeDecodeError):
                return None
            if same:
                padding = _PADDING.search(data, found.end())
                end = padding.end(1) if padding else len(data)
                return Around(data[: found.start(1)], data[found.end(1) : end], padding is not None)
    return None


def repeats(lines: Sequence[bytes], data: bytes, place: Around, say: Say) -> Repeats | None:
    """The run of frames as that of `lines`, whose data is `data`; None for one of an unusual form."""
    if len(lines) > 2 or not (lines[-1].endswith(data) and lines[-1].startswith(b"data:")):
        return None
    before = lines[-1].removesuffix(data) + place.before
    kind = PaddedRepeats if place.padded else Repeats
    return kind(lines[0] if len(lines) == 2 else None, before, place.after, say)


class Repeats(FrameRun):
    """A run of such frames. `before`, `after`: the bytes around the string, of the whole line."""

    __slots__ = ("_after", "_before")

    def __init__(self, name: bytes | None, before: bytes, after: bytes, say: Say) -> None:
        super().__init__(name, say)
        self._before, self._after = before, after

    def texts(self, data: Sequence[bytes]) -> list[str]:
        strings = self._strings(data[:_FEW])
        if len(strings) == _FEW and len(data) > _FEW:
            rest = data[_FEW:]
            strings += self._all_strings(rest) or self._strings(rest)
        return _decoded(strings)

    def _strings(self, data: Sequence[bytes]) -> list[bytes]:
        """What the first lines have between `before` and `after`, each looked at alone."""
        before, after = self._before, self._after
        start, end = len(before), -len(after)
        strings: list[bytes] = []
        for line in data:
            if not (line.startswith(before) and line.endswith(after)):
                break
            strings.append(line[start:end])
        return strings

    def _all_strings(self, data: Sequence[bytes]) -> list[bytes]:
        """The same of all lines but the few others that end a stream, in one comparison; none where it does not hold."""
        before, after = self._before, self._after
        start, end = len(before), -len(after)
        last = len(data)
        while last and last > len(data) - _FEW and not data[last - 1].startswith(before):
            last -= 1
        data = data[:last]
        strings = [line[start:end] for line in data]
        whole = b"%b%b%b" % (before, (after + b"\n" + before).join(strings), after)
        return strings if whole == b"\n".join(data) else []


class PaddedRepeats(Repeats):
    """The same where padding follows, and two bytes."""

    __slots__ = ()

    def texts(self, data: Sequence[bytes]) -> list[str]:
        before, after = self._before, self._after
        start = len(before)
        strings: list[bytes] = []
        pads: list[bytes] = []
        for line in data:
            head, found, pad = line.rpartition(after)
            if not (found and line.startswith(before)):
                break
            strings.append(head[start:])
            pads.append(pad)
        ends = b"\n".join(pads)
        if (
            ends.count(b'"}\n') + ends.endswith(_PAD_END) != len(pads)
            or len(ends.translate(None, _PAD)) != 3 * len(pads) - 1
        ):
            del strings[next((n for n, pad in enumerate(pads) if not _is_pad(pad)), len(pads)) :]
        return _decoded(strings)


def _decoded(strings: Sequence[bytes]) -> list[str]:
    """The JSON strings as texts, up to one that is none."""
    if len(strings) > 1:
        try:
            # A line has no line feed and JSON has none within a string: each of these is one string, if there are as many.
            texts = _decode_all(b"[%b]" % b",\n".join(strings))
        except (msgspec.DecodeError, UnicodeDecodeError):
            pass
        else:
            if len(texts) == len(strings):
                return texts
    found: list[str] = []
    for string in strings:
        try:
            found.append(_decode(string))
        except (msgspec.DecodeError, UnicodeDecodeError):
            break
    return found


def _is_pad(pad: bytes) -> bool:
    return pad.endswith(_PAD_END) and not pad[:-2].translate(None, _PAD)
