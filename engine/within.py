"""A deadline for one node."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, overload

import trio

from hyperinfer.engine.branches import Part, entry_of, or_failure, produced_by, stage_maker
from hyperinfer.engine.errors import AbortExpired
from hyperinfer.engine.failure import Failure
from hyperinfer.engine.node import DONE, Node, Stage, stage

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from hyperinfer.engine.node import Sink

In = TypeVar("In")
Out = TypeVar("Out")

ABORT_AFTER = 5.0
"""Seconds for the abort of a node whose time is up."""


@overload
def within(
    part: Node[In, Out],
    *,
    item: float = math.inf,
    whole: float = math.inf,
    otherwise: Callable[[In, Failure], Iterable[Out | Failure]] | None = None,
    code: str = "provider_timeout",
    name: str | None = None,
) -> Node[In, Out | Failure]: ...
@overload
def within(
    part: Part,
    *,
    item: float = math.inf,
    whole: float = math.inf,
    otherwise: Callable[[Any, Failure], Iterable[Any]] | None = None,
    code: str = "provider_timeout",
    name: str | None = None,
) -> Node[Any, Any]: ...
def within(
    part: Part,
    *,
    item: float = math.inf,
    whole: float = math.inf,
    otherwise: Callable[[Any, Failure], Iterable[Any]] | None = None,
    code: str = "provider_timeout",
    name: str | None = None,
) -> Node[Any, Any]:
    """A part with a deadline: `item` seconds for what it does with each item, `whole` seconds for all of a run together.

    What counts is the time that the part itself takes, on trio's clock, its end included (as an item): not the time for
    which whoever reads its output holds it up, nor the time for which no item comes. When it is over the part is aborted,
    with all that it has open, and in place of what would have followed comes a `Failure` of this `code`, whose `details`
    are `node`, `deadline` (`item` or `whole`) and `seconds`; or, where the item has had no output yet, what `otherwise`
    makes of the item and that failure. The next item goes to a part made anew; once `whole` is over, each next item fails
    at once.

    `name`: by default the part's. An abort that takes more than 5 s is cut short, and raised as `AbortExpired`. Raises
    TypeError for a part with a task of its own: `within(each(part), …)` gives it the time for each item. ValueError without
    a deadline, or for one that is not positive.
    """
    if not (item > 0 and whole > 0) or item == whole == math.inf:
        raise ValueError(f"a deadline is a positive number of seconds: item={item!r}, whole={whole!r}")
    entry = entry_of(part)
    name = name or entry.name
    return stage(
        partial(_Within, stage_maker(part, "within"), name, item, whole, otherwise, code),
        name=name,
        consumes=entry.consumes,
        produces=or_failure(produced_by([part], entry.consumes)),
        accepts_failures=entry.accepts_failures,
        inner=(part,),
    )


class _Timed:
    """The sink of a part whose time is counted: it stands still while an item is read."""

    __slots__ = ("_sink", "began", "given", "scope")

    def __init__(self, sink: Sink[Any], seconds: float) -> None:
        self._sink = sink
        self.began = trio.current_time()
        self.scope = trio.CancelScope(deadline=self.began + seconds)
        self.given = False

    def send(self, item: Any, /) -> Awaitable[None]:
        if self.scope.cancel_called:  # no one further down is to be cut short for it
            return self._too_late()
        self.given = True
        sending = self._sink.send(item)
        return DONE if sending is DONE else self._sent(sending)

    async def _too_late(self) -> None:
        await trio.lowlevel.checkpoint()

    async def _sent(self, sending: Awaitable[None]) -> None:
        due, self.scope.deadline = self.scope.deadline, math.inf
        before = trio.current_time()
        try:
            await sending
        finally:
            held_up = trio.current_time() - before
            self.began += held_up
            self.scope.deadline = due + held_up


class _Within(Stage[Any, Any]):
    def __init__(
        self,
        make: Callable[[], Stage[Any, Any]],
        name: str,
        item: float,
        whole: float,
        otherwise: Callable[[Any, Failure], Iterable[Any]] | None,
        code: str,
    ) -> None:
        self._make, self._name, self._item, self._whole = make, name, item, whole
        self._otherwise, self._code = otherwise, code
        self._left = whole
        self._inner: Stage[Any, Any] | None = make()

    async def receive(self, item: Any, sink: Sink[Any]) -> None:
        if self._left <= 0:
            await self._fail(item, sink)
            return
        if self._inner is None:
            self._inner = self._make()
        timed = _Timed(sink, min(self._item, self._left))
        if await self._expired(timed, partial(self._inner.receive, item)):
            if timed.given or self._otherwise is None:
                await sink.send(self._failure())
            else:
                await self._fail(item, sink)

    async def end(self, sink: Sink[Any]) -> None:
        if self._inner is not None:
            timed = _Timed(sink, min(self._item, self._left))
            if await self._expired(timed, self._inner.end):
                await sink.send(self._failure())

    async def abort(self) -> None:
        if self._inner is not None:
            await self._inner.abort()

    async def _expired(self, timed: _Timed, work: Callable[[Sink[Any]], Awaitable[None]]) -> bool:
        """Whether the time was over before the work; then the part has been aborted."""
        with timed.scope:
            await work(timed)
        spent = trio.current_time() - timed.began
        if not timed.scope.cancelled_caught:
            self._left -= spent
            return False
        self._left = self._left - spent if self._item < self._left else 0.0
        inner, self._inner = self._inner, None
        if inner is not None:
            with trio.move_on_after(ABORT_AFTER, shield=True) as scope:
                await inner.abort()
            if scope.cancelled_caught:
                raise AbortExpired(self._name, ABORT_AFTER)
        return True

    async def _fail(self, item: Any, sink: Sink[Any]) -> None:
        failure = self._failure()
        for each in (failure,) if self._otherwise is None else self._otherwise(item, failure):
            await sink.send(each)

    def _failure(self) -> Failure:
        deadline, seconds = ("whole", self._whole) if self._left <= 0 else ("item", self._item)
        return Failure(
            self._code,
            f"{self._name} took longer than {seconds:g} s.",
            details={"node": self._name, "deadline": deadline, "seconds": seconds},
        )
