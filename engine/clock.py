"""The clock of a segment whose head also acts when nothing comes (`node.TimedStage`)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Protocol, final

import trio

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from hyperinfer.engine.node import Sink


class Clock(Protocol):
    """See `node.TimedStage`; `tick` knows where to send."""

    @property
    def due(self) -> float: ...

    @property
    def done(self) -> bool: ...

    def tick(self) -> Awaitable[None]: ...


@final
class _Never:
    """The clock of a segment that has none."""

    due = math.inf
    done = False

    async def tick(self) -> None:
        raise RuntimeError("nothing was due")


NEVER = _Never()


def just_after(due: float, steps: int = 1) -> float:
    """When to wake for a tick: one step of the clock's arithmetic late, so that whatever else is due at that instant comes
    first, in whatever order tasks run. More steps where that may be late itself."""
    return math.nextafter(due, math.inf) if steps == 1 else due + steps * math.ulp(due)


async def by_the_clock(pull: Callable[[], Awaitable[Any]], link: Sink[Any], clock: Clock) -> None:
    """Items as they are pulled, and ticks between them, until there are no more or the clock is done."""
    while not clock.done:
        pulled: list[Any] = []
        with trio.CancelScope(deadline=just_after(clock.due)):
            try:
                pulled.append(await pull())
            except trio.EndOfChannel:
                return
        if pulled:
            await link.send(pulled[0])
        else:
            await clock.tick()
