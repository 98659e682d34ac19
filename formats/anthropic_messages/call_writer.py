"""The arguments of one tool call as pieces of the JSON object that `tool_use.input` must be.

Arguments that begin like an object are passed on as they come; others are held until the call is complete and then made
an object (`tool_input`). A call without arguments gets `{}`: clients read the sum of the pieces (faults F003, F010).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from hyperinfer.formats import restore
from hyperinfer.formats.anthropic_messages.tool_input import tool_input


class CallWriter:
    """`trusted`: a function's call from an upstream that speaks Messages: its pieces go on untouched. `broken`: what went
    out is no JSON."""

    __slots__ = ("_custom", "_empty", "_held", "_holds", "_sent", "broken", "trusted")

    def __init__(self, kind: Literal["function", "custom"], *, trusted: bool) -> None:
        self._custom = kind == "custom"
        self.trusted = trusted and not self._custom
        self._held: list[str] = []
        self._holds = self._custom  # until the end: no object begins like this
        self._sent: list[str] = []
        self.broken = False
        self._empty = True

    @property
    def flows(self) -> bool:
        """Whether every further piece that is not empty is written as it comes."""
        return self.trusted or bool(self._sent)

    def push(self, text: str) -> str:
        """What to write now for one more piece; may be nothing."""
        if self.trusted:
            self._empty = self._empty and not text
            return text
        if not self._sent:
            self._held.append(text)
            if self._holds or not (visible := text.lstrip()):
                return ""
            if not visible.startswith("{"):
                self._holds = True
                return ""
            text = "".join(self._held)
            self._held = []
        self._sent.append(text)
        return text

    def passed(self, texts: Sequence[str]) -> None:
        """Further pieces, none of them empty, were written as they came, as `flows` allows."""
        if self.trusted:
            self._empty = False
        else:
            self._sent.extend(texts)

    def finish(self) -> str | None:
        """What is still to be written at the end of the call; None when all has been."""
        if self.trusted:
            return "" if self._empty else None
        if self._sent:
            try:
                msgspec.json.decode("".join(self._sent))
            except (msgspec.DecodeError, RecursionError):
                self.broken = True
            return None
        text = "".join(self._held)
        return restore.wrap_input(text) if self._custom else msgspec.json.encode(tool_input(text)).decode()
