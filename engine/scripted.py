"""Inputs that come by a script and outputs that remember, for tests on virtual time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

import trio

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

T = TypeVar("T")


class ListSource(Generic[T]):
    """Items one after the other, `every` seconds apart (0: at once, though always after a checkpoint)."""

    def __init__(self, items: Iterable[T], *, every: float = 0.0) -> None:
        self._items = iter(items)
        self._every = every
        #: How many items were taken, and when.
        self.taken = 0
        self.times: list[float] = []

    async def receive(self) -> T:
        """The next item, or `trio.EndOfChannel`."""
        await trio.sleep(self._every)
        for item in self._items:
            self.taken += 1
            self.times.append(trio.current_time())
            return item
        raise trio.EndOfChannel

    def __aiter__(self) -> ListSource[T]:
        return self

    async def __anext__(self) -> T:
        try:
            return await self.receive()
        except trio.EndOfChannel:
            raise StopAsyncIteration from None


class ListSink(Generic[T]):
    """Keeps what it is sent, and when. Each item takes it `every` seconds; after `closes_after` items it is closed."""

    def __init__(self, *, every: float = 0.0, closes_after: int | None = None) -> None:
        self.items: list[T] = []
        self.times: list[float] = []
        self._every = every
        self._closes_after = closes_after

    async def send(self, item: T, /) -> None:
        """Raises `trio.BrokenResourceError` once closed."""
        if self._closes_after is not None and len(self.items) >= self._closes_after:
            raise trio.BrokenResourceError("the reader has left")
        await trio.sleep(self._every)
        self.items.append(item)
        self.times.append(trio.current_time())


class ScriptedStream(trio.abc.ReceiveStream):
    """The receiving side of a connection that plays a script of `(delay, bytes | exception)`.

    Delays are seconds since the item before was due, the first since the first read: a slow reader finds what has
    come meanwhile waiting, as with a real peer. One read gives at most one item of the script. After the last one
    the stream is at its end (`b""`).
    """

    def __init__(self, script: Sequence[tuple[float, bytes | BaseException]]) -> None:
        self._script = list(script)
        self._due: float | None = None
        self._rest = b""
        #: How many items of the script were read.
        self.reads = 0
        #: When the stream was closed; None while it is open.
        self.closed_at: float | None = None

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        await trio.lowlevel.checkpoint()
        if self.closed_at is not None:
            raise trio.ClosedResourceError("this stream was closed")
        if not self._rest:
            if self.reads == len(self._script):
                return b""
            delay, item = self._script[self.reads]
            if self._due is None:
                self._due = trio.current_time()
            await trio.sleep_until(self._due + delay)
            self._due += delay
            self.reads += 1
            if isinstance(item, BaseException):
                raise item
            self._rest = item
        given = self._rest[:max_bytes]
        self._rest = self._rest[len(given) :]
        return given

    async def __anext__(self) -> bytes:
        if data := await self.receive_some():
            return data
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """Close; the first time counts. Safe when cancelled."""
        if self.closed_at is None:
            self.closed_at = trio.current_time()
        await trio.lowlevel.checkpoint()
