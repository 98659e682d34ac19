"""A deadline for what a node does itself: time that it waits for its neighbours does not count."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final, cast

import trio

from hyperinfer.engine import DONE, DownstreamClosed, Form, Sink, Source, Stage, TimedStage
from hyperinfer.engine.node import Kind
from hyperinfer.nodes.items import Failed

if TYPE_CHECKING:
    from hyperinfer.engine import Node
    from hyperinfer.nodes.items import Ticket

DEADLINE: Final = 60.0
"""Seconds for one item, where nothing is said."""

_CLEAN_UP: Final = 5.0
"""Seconds for the clean-up of a stage that was cut."""


def bounded(node: Node[Any, Any], seconds: float) -> Node[Any, Any]:
    """The node, cut when it waits on something of its own for longer than so many seconds with one item. A `Failed` goes on
    in place of what it would have sent, and what is upstream is ended. Of a graph: each of its nodes. A step, which does not
    wait, is as it was.

    `engine.within` is for nodes that have no task of their own, and goes on with the next item.
    """
    if node.form is Form.STEP:
        return node
    if node.kind is Kind.GRAPH:
        return replace(node, work=replace(node.work, nodes=tuple(bounded(each, seconds) for each in node.work.nodes)))
    if node.kind is Kind.TASK:
        return replace(node, work=partial(_task, node.work, node.name, seconds))
    kind = BoundedTimed if node.kind is Kind.TIMED else BoundedStage
    return replace(node, work=lambda: kind(node.work(), node.name, seconds))


class _Clock:
    """What is left of the time for one item; it stands while the node waits for a neighbour."""

    def __init__(self, name: str, seconds: float) -> None:
        self._name, self._seconds = name, seconds
        self._ticket: Ticket | None = None
        self._scope = trio.CancelScope()

    def saw(self, item: object) -> None:
        """Whose request it is, as far as that item knows."""
        self._ticket = getattr(item, "ticket", None) or self._ticket

    def begin(self) -> trio.CancelScope:
        """The scope of the work on one item."""
        self._scope = trio.CancelScope(deadline=trio.current_time() + self._seconds)
        return self._scope

    def again(self) -> None:
        """Another item, in the same scope."""
        self._scope.deadline = trio.current_time() + self._seconds

    def stop(self) -> float:
        """Stands; the seconds that are left."""
        left = self._scope.deadline - trio.current_time()
        self._scope.deadline = math.inf
        return left

    def go_on(self, left: float) -> None:
        """Goes on with so many seconds."""
        self._scope.deadline = trio.current_time() + left

    @property
    def failure(self) -> Failed:
        """What the client is told when the time is over."""
        message = f"The gateway's node '{self._name}' took longer than {self._seconds:g} s."
        return Failed("provider_timeout", message, ticket=self._ticket)


class _Onward:
    """The sink of a bounded node."""

    def __init__(self, sink: Sink[Any], clock: _Clock) -> None:
        self._sink, self._clock = sink, clock

    def send(self, item: Any, /) -> Awaitable[None]:
        sending = self._sink.send(item)
        return DONE if sending is DONE else self._waited(sending)

    async def _waited(self, sending: Awaitable[None]) -> None:
        left = self._clock.stop()
        try:
            await sending
        finally:
            self._clock.go_on(left)


class BoundedStage(Stage[Any, Any]):
    """A stage that is cut. `inner`: that of the run."""

    def __init__(self, inner: Stage[Any, Any], name: str, seconds: float) -> None:
        self.inner = inner
        self._clock = _Clock(name, seconds)
        self._cut = False

    def receive(self, item: Any, sink: Sink[Any]) -> Awaitable[None]:
        """One item."""
        self._clock.saw(item)
        working = self.inner.receive(item, _Onward(sink, self._clock))
        return DONE if working is DONE else self._bounded(working, sink)

    async def end(self, sink: Sink[Any]) -> None:
        """The last of it."""
        await self._bounded(self.inner.end(_Onward(sink, self._clock)), sink)

    async def abort(self) -> None:
        """Cleans up, unless that was done when it was cut."""
        if not self._cut:
            await self.inner.abort()

    async def _bounded(self, working: Awaitable[None], sink: Sink[Any]) -> None:
        with self._clock.begin() as scope:
            await working
        if scope.cancelled_caught:
            self._cut = True
            with trio.move_on_after(_CLEAN_UP, shield=True):
                await self.inner.abort()
            await sink.send(self._clock.failure)
            raise DownstreamClosed


class BoundedTimed(BoundedStage, TimedStage[Any, Any]):
    """The same with a clock of its own."""

    @property
    def due(self) -> float:  # type: ignore[override]
        return cast("TimedStage[Any, Any]", self.inner).due

    @property
    def done(self) -> bool:  # type: ignore[override]
        return cast("TimedStage[Any, Any]", self.inner).done

    async def tick(self, sink: Sink[Any]) -> None:
        """Nothing came for a while."""
        timed = cast("TimedStage[Any, Any]", self.inner)
        await self._bounded(timed.tick(_Onward(sink, self._clock)), sink)


class _Arriving:
    """The source of a bounded node."""

    def __init__(self, source: Source[Any], clock: _Clock) -> None:
        self._source, self._clock = source, clock

    async def receive(self) -> Any:
        self._clock.stop()
        try:
            item = await self._source.receive()
        finally:
            self._clock.again()
        self._clock.saw(item)
        return item

    def __aiter__(self) -> _Arriving:
        return self

    async def __anext__(self) -> Any:
        try:
            return await self.receive()
        except trio.EndOfChannel:
            raise StopAsyncIteration from None


async def _task(
    work: Callable[[Source[Any], Sink[Any]], Awaitable[None]],
    name: str,
    seconds: float,
    source: Source[Any],
    sink: Sink[Any],
) -> None:
    clock = _Clock(name, seconds)
    with clock.begin() as scope:
        await work(_Arriving(source, clock), _Onward(sink, clock))
    if scope.cancelled_caught:
        await sink.send(clock.failure)
