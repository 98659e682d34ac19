"""Signing in at a provider: which of its keys goes with a request, and in which header."""

from collections.abc import Iterator
from typing import Final

from hyperinfer.providers.catalogue_records import Provider

_NO_HEADERS: Final[tuple[tuple[str, str], ...]] = ()


class Credentials:
    """The keys of one provider, used in turn.

    `turns` counts up by one at each request (`itertools.count()`); it is passed in so that requests, and not this
    object, own what changes, and so that several may share it.
    """

    __slots__ = ("_signed", "_turns")

    def __init__(self, provider: Provider, turns: Iterator[int]) -> None:
        self._signed = tuple(((name, value.reveal()),) for name, value in (provider.sign(key) for key in provider.keys))
        self._turns = turns

    def __len__(self) -> int:
        return len(self._signed)

    def next_turn(self) -> int:
        """The place of the key whose turn it is. 0 for an open provider, which has none."""
        return next(self._turns) % len(self._signed) if len(self._signed) > 1 else 0

    def headers(self, place: int) -> tuple[tuple[str, str], ...]:
        """The header that signs in with the key at `place` (lower-case name, value); none for an open provider."""
        return self._signed[place] if self._signed else _NO_HEADERS
