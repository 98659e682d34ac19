"""What a reply has written so far, in a form that costs a stream next to nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hyperinfer.formats.tokens.estimate import estimate_output
from hyperinfer.formats.tokens.text import TextWeight

if TYPE_CHECKING:
    from hyperinfer.formats.events import Dialect

_LOT = 32
"""Pieces that are weighed together: a weighing takes 1 µs however short the text. No more of a stream's text is kept."""


class Written:
    """The text of a reply as it comes: of its answer, its reasoning, and the names and arguments of its calls.

    `calls`: how many it made.
    """

    __slots__ = ("_ends", "_pieces", "_weight", "calls")

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._weight = TextWeight()
        self.calls = self._ends = 0

    @property
    def nothing(self) -> bool:
        """Whether nothing has been written."""
        return not (self.calls or self._weight.total or any(self._pieces))

    def text(self, text: str) -> None:
        """The next piece of text."""
        self._pieces.append(text)
        if len(self._pieces) == _LOT:
            self._weigh()

    def end(self) -> None:
        """The reply came to its end."""
        self._ends = 1

    def tokens(self, *, model: str, protocol: Dialect) -> int:
        """The estimate; 0 for nothing. `model`: the upstream's name of it. `protocol`: what the upstream speaks."""
        self._weigh()
        weight = self._weight.total
        return estimate_output(weight, calls=self.calls, ends=self._ends, model=model, protocol=protocol)

    def _weigh(self) -> None:
        self._weight.add("".join(self._pieces))
        self._pieces.clear()
