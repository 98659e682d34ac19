"""Contents as the JSON of an attribute: without known secrets, and within so many bytes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from hyperinfer.formats.wire import is_array, is_object

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from hyperinfer.api.recording.redaction import Redactor

CUT: Final = "…[cut]"
"""At the end of a text of which there was more."""

_SHORTEST: Final = 16
"""Characters of a text below which shortening texts does not help."""


@dataclass(frozen=True, slots=True)
class JsonText:
    """A value that is still JSON. It stays a text where it is none, or longer than what fits."""

    text: str


class _TooMuch(Exception):
    """A value is larger than is worth looking at."""


class Message(NamedTuple):
    """One message. `about`: its members but for `parts`. `parts`: the last one first."""

    about: Mapping[str, Any]
    parts: Iterable[Any]


class Fitting:
    """Makes the attributes of one span. `most`: bytes of each. `longest`: characters of the longest secret. `cut`: whether
    anything was left out of the latest one."""

    def __init__(self, redactor: Redactor, longest: int, most: int) -> None:
        self._redactor, self._longest, self._most = redactor, longest, most
        self._effort = 0  # bytes, about, that are still looked at
        self.cut = False

    def messages(self, latest_first: Iterable[Message]) -> bytes:
        """A list of messages; what does not fit is left out from its beginning on."""
        self.cut = False
        room, kept = self._most - 2, list[bytes]()
        for about, parts in latest_first:
            self._effort = _effort(self._most)
            head = _json(self._clean(about, self._most))[:-1] + b',"parts":['
            room -= len(head) + 3
            if room < 0:
                self.cut = True
                break
            taken, room = self._taken(parts, room)
            if self.cut and not taken:
                break
            kept.append(head + b",".join(reversed(taken)) + b"]}")
            if self.cut:
                break
        return b"[" + b",".join(reversed(kept)) + b"]"

    def values(self, values: Iterable[Any]) -> bytes:
        """A list of them; what does not fit is left out from its end on."""
        self.cut = False
        taken, _ = self._taken(values, self._most - 2)
        return b"[" + b",".join(taken) + b"]"

    def value(self, value: Any) -> bytes:
        """One value; where no shorter texts make it fit, the beginning of its JSON as a text."""
        self.cut = False
        found = self._fitted(value, self._most)
        return self.text(_json(value).decode()) if found is None else found

    def text(self, text: str) -> bytes:
        """A text, as it stands."""
        self.cut = False
        data = self._text(text, self._most).encode("utf-8", "replace")
        if len(data) <= self._most:
            return data
        self.cut = True
        mark = CUT.encode()
        return (data[: max(0, self._most - len(mark))].decode("utf-8", "ignore").encode() + mark)[: self._most]

    def _taken(self, values: Iterable[Any], room: int) -> tuple[list[bytes], int]:
        """Those that fit, and the room that is left."""
        taken: list[bytes] = []
        for value in values:
            data = self._fitted(value, room)
            if data is None:
                self.cut = True
                break
            taken.append(data)
            room -= len(data) + 1
            if self.cut:
                break
        return taken, room

    def _fitted(self, value: Any, room: int) -> bytes | None:
        """None: it does not fit, however short its texts are."""
        most = room
        while most > 0:
            self.cut, self._effort = False, _effort(room)
            try:
                data = _json(self._clean(value, most))
            except _TooMuch:
                if not self.cut:
                    break
                most //= 2
                continue
            over = len(data) - room
            if over <= 0:
                self.cut = self.cut or most < room
                return data
            if most < _SHORTEST:
                break
            # A text that was cut gets shorter by what is too much; others have to be found first.
            most = max(most - over, most // 2) if self.cut else most // 2
        self.cut = True
        return None

    def _clean(self, value: Any, most: int) -> Any:
        """Without secrets, and with no text of more characters than that."""
        if isinstance(value, JsonText):
            value = _read(value.text) if len(value.text) <= most else value.text
        self._effort -= 2
        if isinstance(value, str):
            found = self._text(value, most)
            self._effort -= len(found)
            if self._effort < 0:
                raise _TooMuch
            return found
        if self._effort < 0:
            raise _TooMuch
        if is_object(value):
            return {self._clean(name, most): self._clean(each, most) for name, each in value.items()}
        return [self._clean(each, most) for each in value] if is_array(value) else value

    def _text(self, text: str, most: int) -> str:
        enough = most + self._longest
        data = text[:enough].encode("utf-8", "surrogatepass")
        clean = self._redactor.clean(data)
        found = text[:enough] if clean is data else clean.decode("utf-8", "replace")
        if len(text) > enough:
            # The end may be the beginning of a secret.
            found = found[: len(found) - self._longest]
        elif len(found) <= most:
            return found
        self.cut = True
        return found[: max(0, most - len(CUT))] + CUT


def _effort(room: int) -> int:
    """Bytes, about, that are looked at in the hope of making them fit into so many."""
    return 8 * room + 1000


def _read(text: str) -> Any:
    """The value that a text is, or the text."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return text


def _json(value: Any) -> bytes:
    try:
        return msgspec.json.encode(value)
    except (UnicodeEncodeError, OverflowError):  # half a character, a number of more than 64 bits
        return json.dumps(value, separators=(",", ":")).encode()
