"""The time of a replay: what was recorded happens again when it did, and signs of life where they were."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import trio

_STEP = 1e-6
"""Seconds by which a sign of life comes before what it must not come behind."""


class Misplaced(NamedTuple):
    """A replay came to write something where a sign of life had been. `place`: the number of that write; `at`: seconds."""

    place: int
    at: float


class Signs:
    """When each write to the client was a sign of life; None where it was something else.

    A replay computes in no time, so its clock alone would not tell whether what came just before a sign of life, or just
    after one, was before it or behind. What is recorded does, write by write: signs of life come where they were, and none
    where none was.
    """

    def __init__(self, times: Sequence[float | None]) -> None:
        self._times = list(times)

    def __bool__(self) -> bool:
        return any(at is not None for at in self._times)

    def at(self, place: int) -> float | None:
        """When that write was one."""
        return self._times[place] if place < len(self._times) else None

    def misplaces(self, place: int, at: float) -> bool:
        """Whether another write must not come in this place now, as the sign of life there can come before it."""
        known = self.at(place)
        return known is not None and known > at - _STEP >= 0

    def advance(self, misplaced: Misplaced) -> None:
        """Has the sign of life come a little before what would come in its place."""
        self._times[misplaced.place] = misplaced.at - _STEP


class Timeline:
    """When recorded things happen again. `origin`: trio's clock when the request came. `signs`: None where nobody knows.
    `strict`: a sign of life that is late is waited for, else it is left out."""

    def __init__(self, signs: Signs | None, *, strict: bool) -> None:
        self.origin = trio.current_time()
        self._signs, self._strict = signs, strict
        self._writes = 0
        self._sign = False

    @property
    def now(self) -> float:
        """Seconds since the request came."""
        return trio.current_time() - self.origin

    def signs(self) -> None:
        """What is written next is a sign of life."""
        self._sign = True

    def misplaced(self) -> Misplaced | None:
        """What is about to be sent to the client, where a sign of life is wanted in its place; else None."""
        if self._signs is None or self._sign or not self._signs.misplaces(self._writes, self.now):
            return None
        if self._strict:
            return Misplaced(self._writes, self.now)
        while self._signs.at(self._writes) is not None:
            self._writes += 1
        return None

    def writes(self) -> None:
        """The client is sent something."""
        self._sign = False
        self._writes += 1

    def next_sign(self, now: float) -> float:
        """When the next sign of life is due, on trio's clock; `math.inf` where something else comes before it."""
        at = None if self._signs is None else self._signs.at(self._writes)
        return math.inf if at is None else max(now, self.origin + at)

    async def reach(self, at: float) -> None:
        """Returns at that time, or now where it is past."""
        await trio.sleep_until(self.origin + at)


class RecordedPause(float):
    """In place of `limits.keepalive`: a time and this are when the next sign of life was, and not so many seconds later."""

    _timeline: Timeline

    def __new__(cls, usual: float, timeline: Timeline) -> RecordedPause:
        made = super().__new__(cls, usual)
        made._timeline = timeline
        return made

    def __radd__(self, now: float) -> float:
        return self._timeline.next_sign(now)
