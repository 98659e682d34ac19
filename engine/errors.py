"""How exceptions leave a run: the first real one, bare.

None is raised where another is handled, nor by a frame that keeps it in a variable: such a circle would hold all that the
run had until the garbage collector finds it.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, cast

import trio

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator


class AbortExpired(Exception):
    """The `abort` of a node did not finish within its deadline and was cut off. `seconds` is that deadline."""

    def __init__(self, node: str, seconds: float) -> None:
        super().__init__(f"abort of node {node!r} did not finish within {seconds:g} s")
        self.node = node
        self.seconds = seconds


def bare(error: BaseException) -> BaseException | None:
    """The first exception in `error` that is neither a group nor a cancellation; None when it is cancellation alone.

    A group of one (what a node's own nursery makes of a single exception) loses its wrapper; a group of several real
    exceptions is handed back as it is, without the cancellations in it.
    """
    if isinstance(error, trio.Cancelled):
        return None
    if not isinstance(error, BaseExceptionGroup):
        return error
    group = cast("BaseExceptionGroup[BaseException]", error)
    _, real = group.split(trio.Cancelled)
    if real is None:
        return None
    first, *others = real.exceptions
    return real if others else bare(first)


def ungrouped(error: BaseException) -> BaseException:
    """The cancellation inside a group that holds nothing else (what a nursery makes of it)."""
    while isinstance(error, BaseExceptionGroup):
        error = cast("BaseExceptionGroup[BaseException]", error).exceptions[0]
    return error


@asynccontextmanager
async def plain_nursery() -> AsyncGenerator[trio.Nursery]:
    """A nursery that raises what one of its tasks raised, bare."""
    raised: BaseException | None = None
    try:
        async with trio.open_nursery() as nursery:
            yield nursery
    except BaseException as error:
        raised = bare(error) or ungrouped(error)
    if raised is not None:
        try:
            raise raised
        finally:
            del raised
