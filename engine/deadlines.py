"""Deadlines that name their cause. Expiry is a value that the code after the block looks at, never an exception.

    with Deadline("whole", 600) as whole, Deadline("idle", 120) as idle:
        async for chunk in chunks:
            idle.rearm()
            ...
    if expired := first_expired(whole, idle):
        ...  # expired.cause == "idle"

Each is one cancel scope (about 5 µs) on trio's clock. Of nested deadlines that pass at the same instant the outer one
counts; a deadline also wins over data that is due at its very instant. Both hold whatever order trio runs tasks in.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, final

import trio

if TYPE_CHECKING:
    from types import TracebackType

#: What ran out: reaching the other side, its first output, a pause within the output, a whole stream, a whole answer.
Cause = Literal["connect", "first_token", "idle", "stream", "whole"]


@final
@dataclass(frozen=True, slots=True)
class Expired:
    """A deadline of `seconds` ran out."""

    cause: Cause
    seconds: float


@final
class Deadline:
    """A block that is left after `seconds` (may be `math.inf`). Usable once."""

    __slots__ = ("_scope", "cause", "seconds")

    def __init__(self, cause: Cause, seconds: float) -> None:
        self.cause: Cause = cause
        self.seconds = seconds
        self._scope = trio.CancelScope()

    def __enter__(self) -> Deadline:
        self._scope.deadline = trio.current_time() + self.seconds
        self._scope.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> bool:
        return self._scope.__exit__(kind, error, trace)

    @property
    def at(self) -> float:
        """When it runs out, on trio's clock. Assign to move it; `math.inf` disarms it."""
        return self._scope.deadline

    @at.setter
    def at(self, at: float) -> None:
        self._scope.deadline = at

    def rearm(self) -> None:
        """Start the seconds again. Of no effect once the deadline has passed."""
        self._scope.deadline = trio.current_time() + self.seconds

    @property
    def expired(self) -> Expired | None:
        """Whether the block was left because of this deadline; known after the block."""
        return Expired(self.cause, self.seconds) if self._scope.cancelled_caught else None


def first_expired(*deadlines: Deadline) -> Expired | None:
    """The first of these deadlines that ended its block."""
    for deadline in deadlines:
        if (expired := deadline.expired) is not None:
            return expired
    return None
