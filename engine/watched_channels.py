"""The edges between segments with an observer looking on: each is what it is otherwise, and tells how full it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import trio

from hyperinfer.engine.clock import NEVER
from hyperinfer.engine.handover import Handover
from hyperinfer.engine.node import DONE
from hyperinfer.engine.observe import ChannelCounts

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from hyperinfer.engine.clock import Clock
    from hyperinfer.engine.graph import Edge
    from hyperinfer.engine.node import Sink
    from hyperinfer.engine.observe import Observer


class _Gauge:
    """What is told of one edge."""

    __slots__ = ("_edge", "_items", "_observer", "_peak", "_waited")

    def __init__(self, observer: Observer, edge: Edge) -> None:
        self._observer, self._edge = observer, edge
        self._items = self._waited = self._peak = 0

    def waits(self, fill: int) -> None:
        self._waited += 1
        self._observer.filled(self._edge, fill, waiting=True)

    def put(self, fill: int) -> None:
        self._items += 1
        self._peak = max(self._peak, fill)
        self._observer.filled(self._edge, fill, waiting=False)

    def taken(self, fill: int, *, waiting: bool) -> None:
        self._observer.filled(self._edge, fill, waiting=waiting)

    def closed(self) -> None:
        self._observer.channel(self._edge, ChannelCounts(self._items, self._waited, self._peak))


class WatchedHandover(Handover):
    """A hand-over that tells."""

    __slots__ = ("_gauge",)

    def __init__(self, observer: Observer, edge: Edge) -> None:
        super().__init__(edge.capacity)
        self._gauge = _Gauge(observer, edge)

    def send(self, item: Any, /) -> Awaitable[None]:
        """See `Handover`."""
        sending = super().send(item)
        if sending is not DONE:
            return self._sent(sending)
        self._gauge.put(self.fill)
        return DONE

    async def _sent(self, sending: Awaitable[None]) -> None:
        if not self.left:
            self._gauge.waits(self.fill)
        await sending
        self._gauge.put(self.fill)

    def close(self) -> None:
        """See `Handover`."""
        super().close()
        self._gauge.closed()

    async def serve(self, link: Sink[Any], clock: Clock = NEVER) -> None:
        """See `Handover`."""
        await super().serve(_Taking(self, self._gauge, link), clock)


class _Taking:
    """Between a hand-over and the first link behind it."""

    __slots__ = ("_gauge", "_handover", "_link")

    def __init__(self, handover: Handover, gauge: _Gauge, link: Sink[Any]) -> None:
        self._handover, self._gauge, self._link = handover, gauge, link

    def send(self, item: Any, /) -> Awaitable[None]:
        self._gauge.taken(self._handover.fill, waiting=self._handover.waiting)
        return self._link.send(item)


class WatchedSender:
    """The writing end of a memory channel."""

    def __init__(self, gauge: _Gauge, channel: trio.MemorySendChannel[Any]) -> None:
        self._gauge, self._channel = gauge, channel

    async def send(self, item: Any, /) -> None:
        """As of the channel."""
        before = self._channel.statistics()
        if before.current_buffer_used >= before.max_buffer_size and not before.tasks_waiting_receive:
            self._gauge.waits(before.current_buffer_used)
        await self._channel.send(item)
        self._gauge.put(self._channel.statistics().current_buffer_used)

    def close(self) -> None:
        """As of the channel."""
        self._channel.close()
        self._gauge.closed()


class WatchedReceiver:
    """The reading end of a memory channel."""

    def __init__(self, gauge: _Gauge, channel: trio.MemoryReceiveChannel[Any]) -> None:
        self._gauge, self._channel = gauge, channel

    async def receive(self) -> Any:
        """As of the channel."""
        item = await self._channel.receive()
        now = self._channel.statistics()
        self._gauge.taken(now.current_buffer_used, waiting=now.tasks_waiting_send > 0)
        return item

    def __aiter__(self) -> WatchedReceiver:
        return self

    async def __anext__(self) -> Any:
        try:
            return await self.receive()
        except trio.EndOfChannel:
            raise StopAsyncIteration from None

    def close(self) -> None:
        """As of the channel."""
        self._channel.close()


def watched_channel(observer: Observer, edge: Edge) -> tuple[WatchedSender, WatchedReceiver]:
    """Both ends of an edge's channel."""
    gauge = _Gauge(observer, edge)
    send, receive = trio.open_memory_channel[Any](edge.capacity)
    return WatchedSender(gauge, send), WatchedReceiver(gauge, receive)
