"""Run a graph.

A segment (see `plan.py`) is one task: nested calls, no channel inside. A graph of one segment runs in the caller's
task with no nursery at all; otherwise one nursery holds a task per segment and a bounded channel per edge between, or a
hand-over (see `handover.py`), which is the same with a short cut.

The rules, for both ways of running:

* Items come out in the order in which they went in; a `Failure` travels past nodes that do not accept failures.
* Where edges part every item goes each way; where they meet items come as they come, each way in its own order, and a
  `Failure` that went several ways goes on once.
* After the last input each node is ended once, in data-flow order.
* Exceptions are bugs. The first one cancels everything else, all aborts run, and `run` raises it bare.
* Cancellation from outside passes through, after all aborts ran.
* A reader that finishes early (the final sink raises `trio.BrokenResourceError`, or a `node` returns) ends what is
  upstream of it: those nodes are aborted, the rest goes on, and `run` returns as usual.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, Awaitable, Callable, Coroutine, Iterable
from typing import TYPE_CHECKING, Any, cast

import trio

from hyperinfer.engine.clock import NEVER, by_the_clock
from hyperinfer.engine.errors import AbortExpired, bare, ungrouped
from hyperinfer.engine.handover import Handover
from hyperinfer.engine.links import ChannelOutlet, FinalOutlet, Inlet, Nowhere, join
from hyperinfer.engine.meeting import Meeting, pump
from hyperinfer.engine.node import DownstreamClosed
from hyperinfer.engine.watched_channels import WatchedHandover, WatchedReceiver, watched_channel
from hyperinfer.engine.watched_nodes import SegmentWatch

if TYPE_CHECKING:
    from hyperinfer.engine.clock import Clock
    from hyperinfer.engine.graph import Edge, Graph
    from hyperinfer.engine.links import Ending, Port
    from hyperinfer.engine.node import Node, Sink, Source
    from hyperinfer.engine.observe import Observer
    from hyperinfer.engine.plan import Plan, Segment

#: An in-memory input gives the loop a turn each time this many items went through (a turn costs about 3 µs).
_TURN = 64

Inputs = Iterable[Any] | AsyncIterable[Any]


async def run(
    graph: Graph,
    inputs: Iterable[Any] | AsyncIterable[Any],
    sink: Sink[Any] | None = None,
    *,
    fused: bool = True,
    abort_after: float = 5.0,
    observer: Observer | None = None,
) -> None:
    """Send `inputs` through the graph and what comes out into `sink` (without one it is dropped).

    `inputs` may be any iterable or, where they come over time, an async one (an async generator stays the caller's to
    close). All time is trio's clock.

    `fused=False` runs a task for every node and a channel for every edge; the output is the same. `abort_after` is
    the deadline in seconds for the aborts of nodes when the run does not end well; an abort that exceeds it is
    reported as `AbortExpired`. `observer` is told what happens. Raises what a node raised, bare; `trio.Cancelled`
    passes through.
    """
    plan = graph.fused if fused else graph.unfused
    outlet = Nowhere() if sink is None else FinalOutlet(sink)
    if len(plan.segments) == 1 and not plan.segments[0].timed:
        endings: list[Ending] = []
        try:
            if observer is None:
                segment = plan.segments[0]
                await _flow(segment, inputs, join(segment.links, outlet, endings), endings, _work)
            else:
                await _observed_flow(plan.segments[0], inputs, outlet, endings, observer)
        except BaseException as error:
            await _give_up(endings, error, abort_after)
    else:
        await _Tasks(plan, inputs, outlet, abort_after, observer).run()


async def _observed_flow(
    segment: Segment, inputs: Inputs | Handover, outlet: Sink[Any], endings: list[Ending], observer: Observer
) -> None:
    watch = SegmentWatch(observer)
    ended = False
    try:
        await _flow(segment, inputs, watch.join(segment.watched, outlet, endings), endings, watch.work)
        ended = True
    finally:
        watch.close(ended=ended)


async def _work(node: Node[Any, Any], source: Source[Any], sink: Sink[Any]) -> None:
    await node.work(source, sink)


async def _flow(
    segment: Segment,
    inputs: Inputs | Handover,
    onward: Sink[Any],
    endings: list[Ending],
    work: Callable[[Node[Any, Any], Source[Any], Sink[Any]], Awaitable[None]],
) -> None:
    """One segment from its first item to the end of its last node. `onward`: its first link; `endings`: last one first."""
    endings.reverse()
    if isinstance(inputs, Handover):
        await inputs.serve(onward, cast("Clock", onward) if segment.timed else NEVER)
    elif (head := segment.head) is not None:
        await work(head, Inlet(_puller(inputs), head.accepts_failures, onward), onward)
    elif segment.timed:
        await by_the_clock(_puller(inputs), onward, cast("Clock", onward))
    elif not isinstance(inputs, (tuple, list)) and isinstance(inputs, AsyncIterable):
        async for item in inputs:
            await onward.send(item)
    else:
        for count, item in enumerate(inputs, 1):
            await onward.send(item)
            if not count % _TURN:
                await trio.lowlevel.checkpoint()
    for ending in endings:
        if (rest := ending.finish()) is not None:
            await rest


def _puller(inputs: Inputs) -> Callable[[], Coroutine[Any, Any, Any]]:
    """How a node with its own task takes one input. Every pull is a checkpoint of its own or of the source's."""
    if isinstance(inputs, (trio.MemoryReceiveChannel, WatchedReceiver)):
        return inputs.receive
    if isinstance(inputs, AsyncIterable):
        waiting = aiter(inputs)

        async def pull_waiting() -> Any:
            try:
                return await anext(waiting)
            except StopAsyncIteration:
                raise trio.EndOfChannel from None

        return pull_waiting
    ready = iter(inputs)

    async def pull_ready() -> Any:
        await trio.lowlevel.checkpoint()
        for item in ready:
            return item
        raise trio.EndOfChannel

    return pull_ready


async def _give_up(endings: list[Ending], error: BaseException, seconds: float) -> None:
    """Abort the nodes that have not ended, upstream ones started first, all under one deadline; then raise what is
    to be raised. Returns when the reader of this segment has left."""
    troubles: list[Exception] = []

    async def abort(name: str, aborting: Awaitable[None]) -> None:
        try:
            with trio.move_on_after(seconds, shield=True) as scope:
                await aborting
            if scope.cancelled_caught:
                troubles.append(AbortExpired(name, seconds))
        except Exception as trouble:
            troubles.append(trouble)

    due = [(ending.name, aborting) for ending in endings if (aborting := ending.abort()) is not None]
    if len(due) == 1:
        await abort(*due[0])
    elif due:
        with trio.CancelScope(shield=True):
            async with trio.open_nursery() as nursery:
                for each in due:
                    nursery.start_soon(abort, *each)
    raised = _to_raise(error, troubles)
    del error, abort  # see errors.py
    if raised is not None:
        context = raised.__context__
        try:
            raise raised
        finally:
            raised.__context__ = context
            del raised, context


def _to_raise(error: BaseException, troubles: list[Exception]) -> BaseException | None:
    """What comes of an error of a run and of those of its aborts."""
    real = bare(error)
    if troubles and (real is None or isinstance(real, DownstreamClosed)):
        real = troubles.pop(0)
    if real is None:
        return ungrouped(error)
    if isinstance(real, DownstreamClosed):
        return real.outer
    for trouble in troubles:
        real.add_note(f"and then: {trouble!r}")
    return real


_Arriving = trio.MemoryReceiveChannel[Any] | WatchedReceiver | Handover


class _Tasks:
    """The segments of one run, each in a task of one nursery."""

    def __init__(self, plan: Plan, inputs: Inputs, outlet: Sink[Any], abort_after: float, observer: Observer | None) -> None:
        self._plan, self._inputs, self._outlet = plan, inputs, outlet
        self._abort_after, self._observer = abort_after, observer
        self._channels = [self._channel(number, edge) for number, edge in enumerate(plan.channels)]
        self._crash: BaseException | None = None

    async def run(self) -> None:
        raised: BaseException | None = None
        try:
            async with trio.open_nursery() as self._nursery:
                for number, segment in enumerate(self._plan.segments):
                    if number != self._plan.first:
                        self._nursery.start_soon(self._segment, segment)
                await self._segment(self._plan.segments[self._plan.first])
        except BaseException as error:  # cancellation from outside, the only thing that a segment lets out
            raised = ungrouped(error)
        if self._crash is not None:
            raised, self._crash = self._crash, None
        if raised is not None:
            try:
                raise raised
            finally:
                del raised

    def _channel(self, number: int, edge: Edge) -> tuple[Port, _Arriving]:
        observer = self._observer
        if number in self._plan.handed:
            handover = Handover(edge.capacity) if observer is None else WatchedHandover(observer, edge)
            return handover, handover
        if observer is not None:
            return watched_channel(observer, edge)
        channel: tuple[Port, _Arriving] = trio.open_memory_channel[Any](edge.capacity)
        return channel

    async def _segment(self, segment: Segment) -> None:
        outlet: Sink[Any] = Nowhere()
        if segment.departures:
            outlet = self._departing(segment)
        elif segment is self._plan.segments[self._plan.last]:
            outlet = self._outlet
        inputs = self._arriving(segment) if segment.arrivals else self._given(segment)
        endings: list[Ending] = []
        try:
            if self._observer is None:
                await _flow(segment, inputs, join(segment.links, outlet, endings), endings, _work)
            else:
                await _observed_flow(segment, inputs, outlet, endings, self._observer)
        except BaseException as error:
            self._stop(error, inputs)
            await self._abort(endings, error)
        finally:
            if isinstance(outlet, ChannelOutlet | Handover):
                outlet.close()
            _leave(inputs)

    def _stop(self, error: BaseException, inputs: Inputs | Handover) -> None:
        """Before the aborts, which may take their time."""
        real = bare(error)
        if real is not None and not isinstance(real, DownstreamClosed):
            # Also before the channels close: nobody downstream may take this for a regular end.
            self._remember(real)
        _leave(inputs)  # what is upstream learns at once that nobody reads

    async def _abort(self, endings: list[Ending], error: BaseException) -> None:
        try:
            await _give_up(endings, error, self._abort_after)
        except trio.Cancelled:
            raise
        except BaseException as raised:
            if bare(raised) is None:
                raise
            self._remember(raised)
        finally:
            del error

    def _remember(self, error: BaseException) -> None:
        if self._crash is None:
            self._crash = error
        elif self._crash is not error:
            self._crash.add_note(f"and then: {error!r}")
        self._nursery.cancel_scope.cancel()

    def _departing(self, segment: Segment) -> ChannelOutlet | Handover:
        ports = [self._channels[each][0] for each in segment.departures]
        if len(ports) == 1:
            return ports[0] if isinstance(ports[0], Handover) else ChannelOutlet(ports)
        aside = [port for port, each in zip(ports, segment.departures, strict=True) if each in self._plan.aside]
        # A segment that is aside itself has only such behind it.
        return ChannelOutlet(ports, aside if len(aside) < len(ports) else ())

    def _given(self, segment: Segment) -> Inputs:
        """The inputs of the run. A clock interrupts the waiting for them, which not every source survives."""
        if not segment.timed or not isinstance(self._inputs, AsyncIterable):
            return self._inputs
        send, receive = trio.open_memory_channel[Any](0)
        self._nursery.start_soon(pump, self._inputs, send)
        return receive

    def _arriving(self, segment: Segment) -> _Arriving:
        """The one channel a segment reads. Several edges in are pumped into one as their items come."""
        receivers = [self._channels[each][1] for each in segment.arrivals]
        if len(receivers) == 1:
            return receivers[0]
        send, receive = trio.open_memory_channel[Any](0)
        meeting = Meeting()
        with send:
            for receiver in receivers:
                if not isinstance(receiver, Handover):  # those have one edge in
                    self._nursery.start_soon(pump, receiver, send.clone(), meeting)
        return receive


def _leave(inputs: Inputs | Handover) -> None:
    if isinstance(inputs, (trio.MemoryReceiveChannel, WatchedReceiver)):
        inputs.close()
    elif isinstance(inputs, Handover):
        inputs.leave()
