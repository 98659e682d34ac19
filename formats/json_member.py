"""The value of the one member of a JSON object, taken out of its text as it comes.

The text of the value is given verbatim, escapes and all: nothing is decoded, so nothing has to be whole.
"""

from __future__ import annotations

import re

import msgspec

_OPENING = re.compile(r"\s*+\{\s*+(\"(?:[^\"\\]|\\.)*+\")\s*+:\s*+(?=\S)", re.DOTALL)
_BEGUN = re.compile(r"\s*(?:\{\s*(?:\"(?:[^\"\\]|\\.)*(?:\\|\"\s*(?::\s*)?)?)?)?", re.DOTALL)
"""What may still become an `_OPENING`."""
_LONGEST_OPENING = 256
_MARKS = re.compile(r'["\\{}\[\],]')


class MemberReader:
    """Pieces of `{"<name>": <value>}` in, pieces of the value out.

    Text of another form, as a model may write it all the same, comes out as it is. `trailed`: more than the end of the
    object followed the value, and was dropped.
    """

    __slots__ = ("_depth", "_escaped", "_head", "_in_string", "_name", "_state", "trailed")

    def __init__(self, name: str) -> None:
        self._name = name
        self._state = "opening"  # then "value", then "after"; or "other"
        self._head = ""
        self._depth = 0
        self._in_string = False
        self._escaped = False
        self.trailed = False

    def push(self, text: str) -> str:
        """What is known of the value with this piece."""
        if self._state == "opening":
            return self._open(text)
        if self._state == "value":
            return self._value(text)
        if self._state == "after":
            self.trailed = self.trailed or text.strip() != ""
            return ""
        return text

    def end(self) -> str:
        """What was held back: text that never became the member."""
        head, self._head = self._head, ""
        return head

    def _open(self, text: str) -> str:
        head = self._head = self._head + text
        found = _OPENING.match(head)
        if found is not None and found.end() <= _LONGEST_OPENING and _decoded(found[1]) == self._name:
            self._state, self._head = "value", ""
            return self._value(head[found.end() :])
        if found is None and len(head) <= _LONGEST_OPENING and _BEGUN.fullmatch(head):
            return ""
        self._state, self._head = "other", ""
        return head

    def _value(self, text: str) -> str:
        start = 1 if self._escaped and text else 0
        self._escaped = self._escaped and not text
        for found in _MARKS.finditer(text, start):
            place, mark = found.start(), found[0]
            if place < start:
                continue
            if self._in_string:
                if mark == '"':
                    self._in_string = False
                elif mark == "\\":
                    start = place + 2  # whatever is escaped
                    self._escaped = start > len(text)
            elif mark == '"':
                self._in_string = True
            elif mark in "{[":
                self._depth += 1
            elif self._depth and mark in "}]":
                self._depth -= 1
            elif not self._depth and mark in "},":
                self._state = "after"
                self.trailed = mark == "," or text[place + 1 :].strip() != ""
                return text[:place]
        return text


def _decoded(literal: str) -> str | None:
    """The string of a JSON literal; None for one that is none."""
    try:
        return msgspec.json.decode(literal, type=str)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
