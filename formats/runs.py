"""Runs of frames that each say one more piece of the same: the hot path of a stream.

Nearly every frame of a stream goes on with what the one before it did. What that was is found out once, the long way; the
frames behind it are then read from their lines, all that came at once, down to the texts that they bring. Whatever is not
exactly such a frame is left, and takes the long way, so that nothing of it is lost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, MutableSequence, Sequence
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from hyperinfer.formats.events import Event

Say: TypeAlias = "Callable[[list[str]], Iterable[Event]]"
"""The events of more pieces where the last one went; one that is empty may say nothing."""


class FrameRun:
    """A `sse.Run` of frames of one form: one line of data, or with the line `name` before it. `say`: tells the pieces."""

    __slots__ = ("_name", "_say")

    def __init__(self, name: bytes | None, say: Say) -> None:
        self._name, self._say = name, say

    def texts(self, data: Sequence[bytes]) -> list[str]:
        """The texts of the first lines of data, up to one that does not go on in the same way."""
        raise NotImplementedError

    def take(self, lines: Sequence[bytes], at: int, into: MutableSequence[Event]) -> int:
        """See `sse.Run`."""
        size = 2 if self._name is None else 3
        texts = self.texts(lines[at + size - 2 :: size])
        if not texts:
            return at
        end = at + len(texts) * size
        if any(lines[at + size - 1 : end : size]) or (size == 3 and lines[at:end:3].count(self._name) != len(texts)):
            del texts[self._regular(lines[at:end], size) :]
            end = at + len(texts) * size
        into.extend(self._say(texts))
        return end

    def _regular(self, lines: Sequence[bytes], size: int) -> int:
        """How many frames at the beginning of `lines` have the form."""
        for start in range(0, len(lines), size):
            if lines[start + size - 1] or (size == 3 and lines[start] != self._name):
                return start // size
        return len(lines) // size
