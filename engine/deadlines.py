"""Deadlines that name their cause. Expiry is a value that the code after the block looks at, never an exception.

    with Deadlines({"stream": 3600, "first_token": 120}) as deadlines:
        async for chunk in chunks:
            deadlines.disarm("first_token")
            ...
    if expired := deadlines.expired:
        ...  # expired.cause == "stream"

A block has one cancel scope (about 5 µs) on trio's clock, however many deadlines; one that waits for a single thing may be
given a cheaper scope. The first deadline that passes counts; of those that pass at the same instant, the one that was named
first. A deadline also wins over data that is due at its very instant. All hold whatever order trio runs tasks in.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias, final

import trio

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from hyperinfer.engine.drain import Drain

Cause: TypeAlias = Literal["connect", "first_token", "idle", "stream", "whole"]
"""What ran out: reaching the other side, its first output, a pause within the output, a whole stream, a whole answer."""


@final
@dataclass(frozen=True, slots=True)
class Expired:
    """A deadline of `seconds` ran out."""

    cause: Cause
    seconds: float


class Scope(Protocol):
    """A block that can be left: trio's cancel scope, or what does the same for some code."""

    @property
    def deadline(self) -> float:
        """On trio's clock."""
        ...

    @deadline.setter
    def deadline(self, due: float, /) -> None: ...

    @property
    def cancelled_caught(self) -> bool:
        """After the block: whether it was left because of its deadline, or was cancelled."""
        ...

    def cancel(self) -> None: ...

    def __enter__(self) -> object: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> bool: ...


@final
class Deadlines:
    """A block that is left at the first of its deadlines. Usable once.

    `seconds`: by cause, from the beginning of the block on. `drain`: the block is left at its hard end too, which then
    counts, whatever else has passed. `scope`: by what it is left; by default a cancel scope.
    """

    __slots__ = ("_at", "_drain", "_given", "_nearest", "_scope", "_seconds", "began", "expired", "hard_end")

    def __init__(
        self,
        seconds: Mapping[Cause, float],
        *,
        drain: Drain | None = None,
        scope: Scope | None = None,
    ) -> None:
        self._drain, self._given = drain, scope
        self._seconds = seconds
        self._at: dict[Cause, float] = {}
        #: Trio's clock at the beginning of the block.
        self.began = 0.0
        #: Known after the block: the deadline because of which it was left, and whether the hard end was why.
        self.expired: Expired | None = None
        self.hard_end = False

    def __enter__(self) -> Deadlines:
        self.began = trio.current_time()
        self._at = {cause: self.began + seconds for cause, seconds in self._seconds.items()}
        self._nearest = min(self._at.values())
        if self._given is None:
            self._scope: Scope = trio.CancelScope(deadline=self._nearest)
        else:
            self._scope = self._given
            self._scope.deadline = self._nearest
        if self._drain is not None:
            self._drain.enter(self._scope)
        self._scope.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> bool:
        if self._drain is not None:
            self._drain.leave(self._scope)
        caught = self._scope.__exit__(kind, error, trace)
        if self._scope.cancelled_caught:
            if self._drain is not None and self._drain.hard_end.is_set():
                self.hard_end = True
            else:
                cause = min(self._at, key=self._at.__getitem__)
                self.expired = Expired(cause, self._seconds[cause])
        return caught

    def disarm(self, cause: Cause) -> None:
        """Let this one not pass. Of no effect once a deadline has passed."""
        if trio.current_time() < self._nearest:
            self._at[cause] = math.inf
            nearest = min(self._at.values())
            if nearest != self._nearest:
                self._scope.deadline = self._nearest = nearest
