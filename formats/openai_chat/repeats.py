"""The hot path of a Chat stream: a frame that differs from the one before it in one string alone.

Nearly every frame of a stream is such a repeat. It means what the one before meant, with another string, so the string is
all that has to be read: the bytes before and after it are compared, not parsed. Whatever is not exactly a repeat takes the
long way, and begins a new comparison. OpenAI's padding (`obfuscation`), which differs in every frame and is not carried, may
be any.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from hyperinfer.formats import events as ev

if TYPE_CHECKING:
    from hyperinfer.formats.events import Event

_decode = msgspec.json.Decoder(str).decode
_STRING = re.compile(rb'\s*("(?:[^"\\]|\\.)*")')
_PADDING = re.compile(rb'(,\s?"obfuscation":\s?")[A-Za-z0-9+/=_-]*"\}\Z')
_PAD = re.compile(rb"[A-Za-z0-9+/=_-]*")
_FIELDS: dict[type[Event], tuple[bytes, ...]] = {
    ev.TextDelta: (b'"content":',),
    ev.ArgumentsDelta: (b'"arguments":',),
    ev.ReasoningDelta: (b'"reasoning_content":', b'"reasoning":'),
}
_OTHER_REASONING = (b'"reasoning', b'"thinking')


class Repeat(NamedTuple):
    """The bytes around the string, and the kind of event that the frame made.

    `padded`: what follows the string ends in padding, which `after` holds the beginning of.
    """

    before: bytes
    after: bytes
    kind: type[Event]
    choice: int
    padded: bool


def only_piece(events: Sequence[Event]) -> Event | None:
    """The event of a frame that made no other, but for the beginning of its block; None where it made more."""
    if len(events) == 2 and isinstance(events[0], (ev.TextStart, ev.ReasoningStart)) and events[0].extra is None:
        return events[1]
    return events[0] if len(events) == 1 else None


def repeat_of(data: bytes, event: Event) -> Repeat | None:
    """What a repeat of the frame `data`, whose only piece is `event`, looks like; None where it has no such form."""
    if not isinstance(event, (ev.TextDelta, ev.ReasoningDelta, ev.ArgumentsDelta)) or event.extra is not None:
        return None
    if isinstance(event, ev.TextDelta) and event.logprobs is not None:
        return None
    if isinstance(event, ev.ReasoningDelta) and sum(data.count(word) for word in _OTHER_REASONING) != 1:
        return None  # several copies of one text
    padding = _PADDING.search(data)
    end = padding.end(1) if padding else len(data)
    for field in _FIELDS[type(event)]:
        if data.count(field) == 1 and (found := _STRING.match(data, data.find(field) + len(field))):
            try:
                same = _decode(found[1]) == event.text
            except (msgspec.DecodeError, UnicodeDecodeError):
                return None
            if same:
                before, after = data[: found.start(1)], data[found.end(1) : end]
                return Repeat(before, after, type(event), event.choice, padding is not None)
    return None


def repeated_texts(read: bytes, repeat: Repeat) -> list[str] | None:
    """The strings of a read of whole frames (`SSEDecoder.takes_whole`) that all repeat; None for any other read."""
    lines = read.split(b"\n")
    if any(lines[1::2]):
        return None
    before, after, padded = b"data: " + repeat.before, repeat.after, repeat.padded
    texts: list[str] = []
    for line in lines[:-1:2]:
        if (text := _string(line, before, after, padded)) is None:
            return None
        texts.append(text)
    return texts


def repeated_text(data: bytes, repeat: Repeat) -> str | None:
    """The string of a frame that repeats; None where it does not."""
    return _string(data, repeat.before, repeat.after, repeat.padded)


def _string(frame: bytes, before: bytes, after: bytes, padded: bool) -> str | None:
    if not frame.startswith(before):
        return None
    end = len(frame)
    if padded:
        end = frame.rfind(b'"', 0, -2) + 1
        padding = frame[end:-2]
        if not frame.endswith(b'"}') or not (padding.isalnum() or _PAD.fullmatch(padding)):
            return None
    if not frame.endswith(after, 0, end):
        return None
    try:
        return _decode(frame[len(before) : end - len(after)])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
