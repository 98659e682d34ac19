"""A JSON answer without the code fence that a model may put around it, taken off as the text comes.

A model that was told to answer in JSON often writes a Markdown block of it (```json … ```), with a sentence before or
after. The answer is what stands in the block.
"""

from __future__ import annotations

import re

_JSON_BEGINS = frozenset('{["-0123456789')
_FENCE = "```"
_OPENING = re.compile(r"`*+([\w+.-]*+)(\s*+)(?=\S)")
_BEGUN = re.compile(r"`*+[\w+.-]*+\s*+")
"""What may still become an `_OPENING`."""
_LONGEST_OPENING = 64
MOST_WORDS = 65_536
"""Characters that may stand before a block. Beyond them nobody waits for one, and the text passes as it comes."""
_MARKS = re.compile(r'["\\\n`]')
_HELD = re.compile(r"(?:\r?\n?`{1,2}|\r?\n|\r)\Z")


class FenceStripper:
    """Pieces of one text in, pieces of the answer in it out; the sum does not depend on where the pieces are cut.

    A text that begins like JSON passes as it comes. Any other is held until a fence or its end: it comes out whole where
    there is no block of JSON in it. `changed`: a block was found. `dropped`: words around it were left out.
    """

    __slots__ = ("_before", "_escaped", "_held", "_in_string", "_length", "_state", "changed", "dropped")

    def __init__(self) -> None:
        self._state = "begin"  # then "words", "fence", "block", "closing", "after"; or "plain"
        self._before: list[str] = []  # what came before a fence, if one comes
        self._length = 0  # of what came before
        self._held: str = ""  # the end of it, or of the block: what may belong to a fence
        self._in_string = False
        self._escaped = False
        self.changed = False
        self.dropped = False

    def push(self, text: str) -> str:
        """What may be said with this piece."""
        match self._state:
            case "plain":
                return text
            case "begin":
                return self._begin(text)
            case "words":
                return self._words(text)
            case "fence":
                return self._fence(text)
            case "block":
                return self._block(text)
            case "closing":
                self._closing(text)
                return ""
            case _:
                self._after(text)
                return ""

    def end(self) -> str:
        """What was held back, once the text is complete."""
        if self._state in ("block", "closing", "after"):
            return ""
        return self._plain()

    def _plain(self) -> str:
        text = "".join([*self._before, self._held])
        self._state, self._held = "plain", ""
        self._before.clear()
        return text

    def _begin(self, text: str) -> str:
        first = text.lstrip()[:1]
        if first in _JSON_BEGINS:
            self._held = text
            return self._plain()
        if first:
            self._state = "words"
            return self._words(text)
        return self._wait(text)

    def _wait(self, text: str) -> str:
        if text:
            self._before.append(text)
            self._length += len(text)
        return "" if self._length <= MOST_WORDS else self._plain()

    def _words(self, text: str) -> str:
        text = self._held + text
        place = text.find(_FENCE)
        if place < 0:
            self._held = text[-2:]
            return self._wait(text[:-2])
        self._held = text[place:]
        if early := self._wait(text[:place]):
            return early
        self._state, self._held = "fence", ""
        return self._fence(text[place:])

    def _fence(self, text: str) -> str:
        held = self._held = self._held + text
        found = _OPENING.match(held)
        if found is None:
            return "" if len(held) <= _LONGEST_OPENING and _BEGUN.fullmatch(held) else self._plain()
        info, space = found[1], found[2]
        if found.end() > _LONGEST_OPENING or (info and not (info.lower().startswith("json") and space)):
            return self._plain()
        self.dropped = any(not piece.isspace() for piece in self._before if piece)
        self._state, self._held, self.changed = "block", "", True
        self._before.clear()
        return self._block(held[found.end() :])

    def _block(self, text: str) -> str:
        """A fence ends the block outside of strings, and at the start of a line: a line break ends every string of JSON."""
        seen = len(self._held)
        text = self._held + text
        skip = seen
        if self._escaped and len(text) > seen:
            skip, self._escaped = seen + 1, False
        for found in _MARKS.finditer(text):
            place, mark = found.start(), found[0]
            if mark == "`" and not self._in_string and text.startswith(_FENCE, place):
                self._state, self._held = "closing", ""
                self._closing(text[place:])
                return text[:place].removesuffix("\n").removesuffix("\r")
            if place < skip or mark == "`":
                continue
            if mark == "\n":
                self._in_string = False
            elif mark == '"':
                self._in_string = not self._in_string
            elif self._in_string:
                skip = place + 2
                self._escaped = skip > len(text)
        held = None if self._in_string else _HELD.search(text, max(0, len(text) - 4))
        self._held = "" if held is None else held[0]
        return text[: len(text) - len(self._held)]

    def _closing(self, text: str) -> None:
        """Backticks of the fence that ends the block, of which more may come."""
        if rest := text.lstrip("`"):
            self._state = "after"
            self._after(rest)

    def _after(self, text: str) -> None:
        self.dropped = self.dropped or (text != "" and not text.isspace())
