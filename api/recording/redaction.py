"""Taking secrets out of what is recorded, by value: what nobody should have written into a body, but somebody did."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from typing import Final, Generic, TypeVar

REDACTED: Final = "hyperinfer-redacted"
"""In place of every secret. The catalogue that a recording holds has it for every key, so that a gateway which replays it
hides it from clients where the key was hidden."""

SHORTEST: Final = 4
"""Characters of a secret: shorter ones are words in their own right."""

K = TypeVar("K")


class Redactor:
    """Finds secrets in bytes. `found`: how many, so far."""

    def __init__(self, secrets: Iterable[str]) -> None:
        spelled = {each for secret in secrets if len(secret) >= SHORTEST for each in (secret, json.dumps(secret)[1:-1])}
        # The longest first: one may begin with another.
        self._words = sorted((each.encode("utf-8", "replace") for each in spelled), key=len, reverse=True)
        self._pattern = re.compile(b"|".join(map(re.escape, self._words))) if self._words else None
        self.found = 0

    def clean(self, data: bytes) -> bytes:
        """Without them."""
        if self._pattern is None or not self._somewhere_in(data):
            return data
        cleaned, count = self._pattern.subn(REDACTED.encode(), data)
        self.found += count
        return cleaned

    def places(self, data: bytes) -> list[tuple[int, int]]:
        """Where they are."""
        if self._pattern is None or not self._somewhere_in(data):
            return []
        return [found.span() for found in self._pattern.finditer(data)]

    def _somewhere_in(self, data: bytes) -> bool:
        # Eight times as fast as the pattern, which is for what is hardly ever there.
        return any([word in data for word in self._words])

    def may_go_on(self, data: bytes) -> bool:
        """Whether the end of this could be the beginning of one."""
        for word in self._words:
            start = max(0, len(data) - len(word) + 1)
            while (start := data.find(word[:1], start)) >= 0:
                if word.startswith(data[start:]):
                    return True
                start += 1
        return False


class Pieces(Generic[K]):
    """The pieces of one body, each with a key of the caller's. They come out as they went in, but for secrets, also those
    that lie across pieces: whatever one may go on in is kept until the next."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._kept: list[tuple[K, bytes]] = []

    def take(self, key: K, data: bytes) -> Sequence[tuple[K, bytes]]:
        """What may go, with one more piece."""
        pieces = [*self._kept, (key, data)]
        whole = data if len(pieces) == 1 else b"".join([each for _, each in pieces])
        places = self._redactor.places(whole)
        if places:
            self._redactor.found += len(places)
            pieces = _without(pieces, places)
        if self._redactor.may_go_on(whole):
            self._kept = pieces
            return ()
        self._kept = []
        return pieces

    def end(self) -> Sequence[tuple[K, bytes]]:
        """What is left."""
        kept, self._kept = self._kept, []
        return kept


def _without(pieces: Iterable[tuple[K, bytes]], places: Sequence[tuple[int, int]]) -> list[tuple[K, bytes]]:
    """The word that stands for a secret is in the piece in which that began."""
    cleaned: list[tuple[K, bytes]] = []
    begin = 0
    for key, data in pieces:
        end, at, made = begin + len(data), begin, b""
        for first, last in places:
            if last <= begin or first >= end:
                continue
            if first >= begin:
                made += data[at - begin : first - begin] + REDACTED.encode()
            at = min(last, end)
        cleaned.append((key, made + data[at - begin :]))
        begin = end
    return cleaned
