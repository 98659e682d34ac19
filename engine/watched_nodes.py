"""The nodes of a segment with an observer looking on: a link for each node, and something before and behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import trio

from hyperinfer.engine.errors import bare
from hyperinfer.engine.links import TimedLink
from hyperinfer.engine.node import DONE, DownstreamClosed
from hyperinfer.engine.observe import Counts

if TYPE_CHECKING:
    from collections.abc import Awaitable, Sequence

    from hyperinfer.engine.clock import Clock
    from hyperinfer.engine.links import Aborting, Ending, Joint
    from hyperinfer.engine.node import Node, Sink, Source
    from hyperinfer.engine.observe import Observer


class _NodeWatch:
    """`takes`, `gives`: the hooks, which are called often."""

    __slots__ = ("ended", "error", "gives", "name", "received", "sent", "takes")

    def __init__(self, observer: Observer, name: str) -> None:
        self.name, self.takes, self.gives = name, observer.received, observer.sent
        self.received = self.sent = 0
        self.ended = False
        self.error: BaseException | None = None
        observer.started(name)


class _Entering:
    """In front of a link. What can be done at once still is: a run goes just as it does with nobody looking on."""

    __slots__ = ("_link", "_segment", "_watch")

    def __init__(self, segment: SegmentWatch, watch: _NodeWatch, link: Sink[Any]) -> None:
        self._segment, self._watch, self._link = segment, watch, link

    def send(self, item: Any, /) -> Awaitable[None]:
        watch = self._watch
        watch.received += 1
        watch.takes(watch.name, item)
        try:
            sending = self._link.send(item)
        except BaseException as error:
            self._segment.blame(self._watch, error)
            raise
        return DONE if sending is DONE else self._segment.seen(sending, self._watch)


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

    def send(self, item: Any, /) -> Awaitable[None]:
        watch = self._watch
        watch.sent += 1
        watch.gives(watch.name, item)
        try:
            sending = self._onward.send(item)
        except BaseException as error:
            self._segment.blame(None, error)
            raise
        return DONE if sending is DONE else self._segment.seen(sending, None)


class _WatchedEnding:
    __slots__ = ("_ending", "_segment", "_watch", "name")

    def __init__(self, segment: SegmentWatch, watch: _NodeWatch, ending: Ending) -> None:
        self._segment, self._watch, self._ending = segment, watch, ending
        self.name = ending.name

    def finish(self) -> Awaitable[None] | None:
        try:
            rest = self._ending.finish()
        except BaseException as error:
            self._segment.blame(self._watch, error)
            raise
        if rest is not None:
            return self._finishing(rest)
        self._watch.ended = True
        return None

    async def _finishing(self, rest: Awaitable[None]) -> None:
        await self._segment.seen(rest, self._watch)
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
        watch = self._watch
        watch.received += 1
        watch.takes(watch.name, item)
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

    async def seen(self, rest: Awaitable[None], watch: _NodeWatch | None) -> None:
        """The rest of what a node does. `watch`: whose; None: not a node's."""
        try:
            await rest
        except BaseException as error:
            self.blame(watch, error)
            raise

    def _start(self, name: str) -> _NodeWatch:
        watch = _NodeWatch(self._observer, name)
        self._watches.insert(0, watch)
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
