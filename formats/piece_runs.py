"""Runs of events that each say one more piece of the open block: the hot path of an encoder.

A burst is mostly such a run. Its texts are encoded all at once, and the frames around them are one joining: what a frame
begins and ends with was made when the block began.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from hyperinfer.formats.events import ArgumentsDelta, ReasoningDelta, TextDelta

if TYPE_CHECKING:
    from hyperinfer.formats.events import Event

_encode = msgspec.json.Encoder().encode
_MARK = b',"",'
"""What stands between the encoded texts: an empty string between two commas. Within a JSON string each quotation mark has a
backslash before it, and the texts are not empty, so it stands nowhere else."""


class _Numbered(msgspec.Struct, gc=False):
    delta: str
    sequence_number: int


class PieceRunEncoder:
    """Writes bursts. A dialect writes one event (`send`), and runs of pieces where it can (`_more`)."""

    def send(self, event: Event) -> bytes:
        """See `codec.StreamEncoder`."""
        raise NotImplementedError

    def _more(self, first: Event, texts: list[str]) -> bytes:
        """The frames of several pieces like `first` of the open block of choice 0, without `extra`; their `texts` are not
        empty. Nothing where they must be sent one by one."""
        raise NotImplementedError

    def send_burst(self, burst: Sequence[Event], into: list[bytes]) -> None:
        """See `codec.StreamEncoder`."""
        at, count = 0, len(burst)
        while at < count:
            event = burst[at]
            if at + 1 < count and type(event) in _TEXTS and type(burst[at + 1]) is type(event):
                texts = texts_of_run(burst, at)
                if len(texts) > 1 and all(texts):
                    self._run(burst[at : at + len(texts)], texts, into)
                    at += len(texts)
                    continue
            into.append(self.send(event))
            at += 1

    def _run(self, run: Sequence[Event], texts: list[str], into: list[bytes]) -> None:
        frames = self._more(run[0], texts)
        if not frames:  # the first of them may open its block
            into.append(self.send(run[0]))
            frames = self._more(run[0], texts[1:])
        if frames:
            into.append(frames)
        else:
            into.extend(map(self.send, run[1:]))


def texts_of_run(burst: Sequence[Event], at: int) -> list[str]:
    """The texts of the events of `burst` from `at` on that are pieces of one kind, of choice 0 and nothing but text."""
    return _TEXTS[type(burst[at])](burst[at:] if at else burst)


def _text(burst: Sequence[Event]) -> list[str]:
    texts: list[str] = []
    for event in burst:
        if type(event) is not TextDelta or event.extra is not None or event.logprobs is not None or event.choice:
            break
        texts.append(event.text)
    return texts


def _arguments(burst: Sequence[Event]) -> list[str]:
    texts: list[str] = []
    for event in burst:
        if type(event) is not ArgumentsDelta or event.extra is not None or event.choice:
            break
        texts.append(event.text)
    return texts


def _reasoning(burst: Sequence[Event]) -> list[str]:
    texts: list[str] = []
    form, part = "", -1
    for event in burst:
        if type(event) is not ReasoningDelta or event.extra is not None or event.choice:
            break
        if event.part != part or event.form != form:
            if texts:
                break
            form, part = event.form, event.part
        texts.append(event.text)
    return texts


_TEXTS: Mapping[type[Event], Callable[[Sequence[Event]], list[str]]] = {
    TextDelta: _text,
    ArgumentsDelta: _arguments,
    ReasoningDelta: _reasoning,
}


def encoded_texts(texts: Sequence[str], between: bytes) -> bytes:
    """The texts as JSON strings with `between` between each two. None of them is empty."""
    marked = [""] * (2 * len(texts) - 1)
    marked[::2] = texts
    return _encode(marked)[1:-1].replace(_MARK, between)


def encoded_each(texts: Sequence[str]) -> list[bytes]:
    """The texts as JSON strings. None of them is empty."""
    marked = [""] * (2 * len(texts) - 1)
    marked[::2] = texts
    return _encode(marked)[1:-1].split(_MARK)


def numbered_texts(texts: Sequence[str], first: int, between: bytes) -> bytes:
    """Each text as a JSON string, with `,"sequence_number":` and its number behind it, from `first` on, and `between`
    between each two."""
    encoded = _encode(list(map(_Numbered, texts, range(first, first + len(texts)))))
    return encoded[10:-2].replace(b'},{"delta":', between)
