"""The client of a replay: it asks what was asked, takes what it is sent, and leaves when the one that was recorded left."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

import msgspec
import trio

from hyperinfer.api.edge.exchange import BodyTooLarge, ClientGone, HeadMemo

if TYPE_CHECKING:
    from hyperinfer.api.edge.exchange import Headers
    from hyperinfer.api.replay.timeline import Misplaced, Timeline


T = TypeVar("T")


class Write(msgspec.Struct, frozen=True, gc=False):
    """Bytes of the response's body that were sent at once. `at`: seconds since the request came. `told`: how much the client
    had been told with them."""

    at: float
    data: bytes
    told: int


class ReplayedClient:
    """Implements `Exchange`. What is sent is taken at once.

    `leaves_after`: it leaves in place of taking more bytes of the body than so many, None for one that stays. `headless`: it
    left before there was a head. `handling`: what the handler runs in. `sent`: is told of each write. `told`: how much the
    client was told so far. `misplaced`: ends the replay, which has come to write what it must not.
    """

    client: tuple[str, int] | None = None

    def __init__(
        self,
        *,
        method: str,
        path: str,
        query: str,
        headers: Headers,
        body: bytes,
        timeline: Timeline,
        told: Callable[[], int],
        misplaced: Callable[[Misplaced], None],
        leaves_after: int | None = None,
        headless: bool = False,
        sent: Callable[[Write], None] | None = None,
    ) -> None:
        self.method, self.path, self.query, self.headers = method, path, query.encode(), headers
        self.memo = HeadMemo()
        self.handling = trio.CancelScope()
        self.status: int | None = None
        self.head: tuple[tuple[str, str], ...] = ()
        self.writes: list[Write] = []
        self.length = 0
        self.ended = False
        self._body, self._timeline, self._told, self._sent = body, timeline, told, sent
        self._misplaced = misplaced
        self._leaves_after, self._headless = leaves_after, headless
        self._left = False
        self._watchers: list[Callable[[], None]] = []

    @property
    def body_length(self) -> int | None:
        return len(self._body)

    async def while_there(self, wait: Callable[[], Awaitable[T]]) -> T:
        return await wait()  # nothing that comes before the body takes time

    async def read_body(self, limit: int) -> bytes:
        await trio.lowlevel.checkpoint()
        if len(self._body) > limit:
            raise BodyTooLarge(limit)
        return self._body

    async def send_head(self, status: int, headers: Headers) -> None:
        await trio.lowlevel.checkpoint()
        if self._left or self._headless:
            self.leave()
            raise ClientGone("the client left before the head")
        self.status = status
        self.head = tuple((name.decode("ascii"), value.decode("latin-1")) for name, value in headers)

    async def send_body(self, data: bytes) -> None:
        await trio.lowlevel.checkpoint()
        if (misplaced := self._timeline.misplaced()) is not None:
            self._misplaced(misplaced)
            await trio.sleep_forever()
        if self._leaves_after is not None and self.length + len(data) > self._leaves_after:
            self.leave()
        if self._left:
            raise ClientGone("the client left")
        self._timeline.writes()
        self.length += len(data)
        write = Write(self._timeline.now, data, self._told())
        self.writes.append(write)
        if self._sent is not None:
            self._sent(write)

    async def send_last(self, data: bytes = b"") -> None:
        if data:
            await self.send_body(data)
        elif self._left:
            raise ClientGone("the client left")
        self.ended = True

    def on_gone(self, function: Callable[[], None]) -> None:
        if self._left:
            function()
        self._watchers.append(function)

    @property
    def gone(self) -> bool:
        return self._left

    def end_with_client(self) -> None:
        self.on_gone(self.handling.cancel)

    def leave(self) -> None:
        """The client goes away."""
        if not self._left and not self.ended:
            self._left = True
            for watcher in self._watchers:
                watcher()
