"""What a run does, for whoever measures: hooks per node and numbers per channel. No vendor in here.

Without an observer nothing in this file runs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import trio

from hyperinfer.engine.errors import bare
from hyperinfer.engine.links import TimedLink
from hyperinfer.engine.node import DownstreamClosed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hyperinfer.engine.clock import Clock
    from hyperinfer.engine.graph import Edge
    from hyperinfer.engine.links import Aborting, Ending, Joint
    from hyperinfer.engine.node import Node, Sink, Source


@dataclass(frozen=True, slots=True)
class Counts:
    """Items (failures included) that a node was handed and that it sent on."""

    received: int
    sent: int


@dataclass(frozen=True, slots=True)
class ChannelCounts:
    """Items that went into a channel, how many had to wait for room, and how full its buffer was at most."""

    items: int
    waited: int
    peak: int


class Observer:
    """Override what you need. The hooks are called at once, in the run's own tasks: keep them short and let nothing
    escape; an exception in a hook counts as one of the run."""

    def started(self, node: str) -> None:
        """The node's object exists."""

    def completed(self, node: str, counts: Counts) -> None:
        """The node was ended in the regular way."""

    def failed(self, node: str, counts: Counts, error: BaseException) -> None:
        """The node raised. Its `abort` has not run yet."""

    def stopped(self, node: str, counts: Counts) -> None:
        """The node was stopped because of something else: another node raised, the reader left, the run was
        cancelled. Its `abort` has not run yet."""

    def channel(self, edge: Edge, counts: ChannelCounts) -> None:
        """The channel of this edge was closed by its writer."""


class _NodeWatch:
    __slots__ = ("ended", "error", "name", "received", "sent")

    def __init__(self, name: str) -> None:
        self.name = name
        self.received = self.sent = 0
        self.ended = False
        self.error: BaseException | None = None


class _Entering:
    """In front of a link."""

    __slots__ = ("_link", "_segment", "_watch")

    def __init__(self, segment: SegmentWatch, watch: _NodeWatch, link: Sink[Any]) -> None:
        self._segment, self._watch, self._link = segment, watch, link

    async def send(self, item: Any, /) -> None:
        self._watch.received += 1
        try:
            await self._link.send(item)
        except BaseException as error:
            self._segment.blame(self._watch, error)
            raise


class _TimedEntering(_Entering):
    """In front of one with a clock."""

    __slots__ = ("_clock",)

    def __init__(self, segment: SegmentWatch, watch: _NodeWatch, link: TimedLink) -> None:
        super().__init__(segment, watch, link)
        self._clock: Clock = link

    @property
    def due(self) -> float:
        return self._clock.due

    @property
    def done(self) -> bool:
        return self._clock.done

    async def tick(self) -> None:
        try:
            await self._clock.tick()
        except BaseException as error:
            self._segment.blame(self._watch, error)
            raise


class _Leaving:
    """Behind a link."""

    __slots__ = ("_onward", "_segment", "_watch")

    def __init__(self, segment: SegmentWatch, watch: _NodeWatch, onward: Sink[Any]) -> None:
        self._segment, self._watch, self._onward = segment, watch, onward

    async def send(self, item: Any, /) -> None:
        self._watch.sent += 1
        try:
            await self._onward.send(item)
        except BaseException as error:
            self._segment.blame(None, error)
            raise


class _WatchedEnding:
    __slots__ = ("_ending", "_segment", "_watch", "name")

    def __init__(self, segment: SegmentWatch, watch: _NodeWatch, ending: Ending) -> None:
        self._segment, self._watch, self._ending = segment, watch, ending
        self.name = ending.name

    async def finish(self) -> None:
        try:
            if (rest := self._ending.finish()) is not None:
                await rest
        except BaseException as error:
            self._segment.blame(self._watch, error)
            raise
        self._watch.ended = True

    def abort(self) -> Aborting | None:
        return self._ending.abort()


class _CountingSource:
    """In front of a node with its own task."""

    __slots__ = ("_source", "_watch")

    def __init__(self, watch: _NodeWatch, source: Source[Any]) -> None:
        self._watch, self._source = watch, source

    async def receive(self) -> Any:
        item = await self._source.receive()
        self._watch.received += 1
        return item

    def __aiter__(self) -> _CountingSource:
        return self

    async def __anext__(self) -> Any:
        try:
            return await self.receive()
        except trio.EndOfChannel:
            raise StopAsyncIteration from None


class SegmentWatch:
    """Does for the runner what `links.join` does, with an observer looking on."""

    def __init__(self, observer: Observer) -> None:
        self._observer = observer
        self._watches: list[_NodeWatch] = []
        self._blamed: BaseException | None = None

    def blame(self, watch: _NodeWatch | None, error: BaseException) -> None:
        """An exception passes: the first place that sees it is where it came from."""
        if error is not self._blamed:
            self._blamed = error
            if watch is not None:
                watch.error = error

    def _start(self, name: str) -> _NodeWatch:
        watch = _NodeWatch(name)
        self._watches.insert(0, watch)
        self._observer.started(name)
        return watch

    def join(self, joints: Sequence[Joint], outlet: Sink[Any], endings: list[Ending]) -> Sink[Any]:
        onward = outlet
        for make, name, ends in joints:
            watch = self._start(name)
            link = make(_Leaving(self, watch, onward))
            if ends:
                endings.append(_WatchedEnding(self, watch, link))
            onward = _TimedEntering(self, watch, link) if isinstance(link, TimedLink) else _Entering(self, watch, link)
        return onward

    async def work(self, node: Node[Any, Any], source: Source[Any], sink: Sink[Any]) -> None:
        """Run a node with its own task."""
        watch = self._start(node.name)
        try:
            await node.work(_CountingSource(watch, source), _Leaving(self, watch, sink))
        except BaseException as error:
            self.blame(watch, error)
            raise
        watch.ended = True

    def close(self, *, ended: bool) -> None:
        """The segment is over."""
        for watch in self._watches:
            counts = Counts(watch.received, watch.sent)
            if ended or watch.ended:
                self._observer.completed(watch.name, counts)
                continue
            error = None if watch.error is None else bare(watch.error)
            if error is None or isinstance(error, DownstreamClosed):
                self._observer.stopped(watch.name, counts)
            else:
                self._observer.failed(watch.name, counts, error)


class CountingChannel:
    """The writing end of one edge's channel."""

    def __init__(self, observer: Observer, edge: Edge, channel: trio.MemorySendChannel[Any]) -> None:
        self._observer, self._edge, self._channel = observer, edge, channel
        self._items = self._waited = self._peak = 0

    async def send(self, item: Any, /) -> None:
        before = self._channel.statistics()
        if before.current_buffer_used >= before.max_buffer_size and not before.tasks_waiting_receive:
            self._waited += 1
        await self._channel.send(item)
        self._items += 1
        self._peak = max(self._peak, self._channel.statistics().current_buffer_used)

    def close(self) -> None:
        self._channel.close()
        self._observer.channel(self._edge, ChannelCounts(self._items, self._waited, self._peak))
