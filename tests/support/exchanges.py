"""An HTTP exchange by script: the client's side of the data plane on virtual time."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING

import trio

from hyperinfer.api.edge.exchange import BodyTooLarge, ClientGone, Headers, HeadMemo, SlowBody

if TYPE_CHECKING:
    from hyperinfer.api.edge.exchange import T


class ScriptedExchange:
    """Implements `Exchange`.

    `leaves_at`: trio's clock when the client goes away. `writing`: seconds that each write of the body takes. `stuck_after`:
    writes of the body after which the client reads no more. `slow`: the body never comes. `chunked`: its length is not
    told. `unnoticed`: only a write finds out that the client is gone. `handling`: what the handler runs in.
    """

    client: tuple[str, int] | None = ("127.0.0.1", 1)
    query = b""

    def __init__(
        self,
        body: bytes,
        headers: Mapping[str, str],
        *,
        method: str = "POST",
        path: str = "/",
        leaves_at: float = math.inf,
        writing: float = 0.0,
        stuck_after: int | None = None,
        slow: bool = False,
        chunked: bool = False,
        unnoticed: bool = False,
    ) -> None:
        self.method, self.path = method, path
        self.headers: Headers = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
        self.memo = HeadMemo()
        self._body, self._leaves_at, self._writing, self._slow = body, leaves_at, writing, slow
        self._stuck_after, self._unnoticed, self._chunked = stuck_after, unnoticed, chunked
        self._left = trio.Event()
        self.handling = trio.CancelScope()
        self._watchers: list[Callable[[], None]] = []
        self.status: int | None = None
        self.head_at: float | None = None
        self.sent_headers: dict[str, str] = {}
        self.writes: list[tuple[float, bytes]] = []
        self.ended_at: float | None = None

    @property
    def sent(self) -> bytes:
        """The body of the response."""
        return b"".join(data for _, data in self.writes)

    @property
    def body_length(self) -> int | None:
        return None if self._chunked else len(self._body)

    async def while_there(self, wait: Callable[[], Awaitable[T]]) -> T:
        if not self.gone:
            with trio.CancelScope() as waiting:
                self._watchers.append(waiting.cancel)
                return await wait()
        raise ClientGone

    async def read_body(self, limit: int) -> bytes:
        await trio.lowlevel.checkpoint()
        if self._slow:
            raise SlowBody
        if len(self._body) > limit:
            raise BodyTooLarge(limit)
        return self._body

    async def send_head(self, status: int, headers: Headers) -> None:
        assert self.status is None, "a second head"
        await self._check()
        self.status, self.head_at = status, trio.current_time()
        self.sent_headers = {name.decode(): value.decode("latin-1") for name, value in headers}
        assert len(self.sent_headers) == len(headers), f"a header twice: {headers}"

    async def send_body(self, data: bytes) -> None:
        assert data, "an empty write"
        await self._write(data)

    async def send_last(self, data: bytes = b"") -> None:
        await self._write(data)
        self.ended_at = trio.current_time()

    def on_gone(self, function: Callable[[], None]) -> None:
        self._watchers.append(function)

    @property
    def gone(self) -> bool:
        return self._left.is_set()

    def end_with_client(self) -> None:
        self._watchers.append(self.handling.cancel)

    async def leave_in_time(self) -> None:
        """The client, to be run beside the handler: leaves in its time."""
        if self._leaves_at == math.inf or self._unnoticed:
            return
        await trio.sleep_until(self._leaves_at)
        self._leave()

    def _leave(self) -> None:
        self._left.set()
        for watcher in self._watchers:
            watcher()

    async def _check(self) -> None:
        await trio.lowlevel.checkpoint()
        if self._left.is_set() or trio.current_time() >= self._leaves_at:
            self._leave()
            raise ClientGone

    async def _write(self, data: bytes) -> None:
        assert self.status is not None, "a body before the head"
        assert self.ended_at is None, "a write after the end"
        await self._check()
        if self._stuck_after is not None and len(self.writes) >= self._stuck_after:
            await trio.sleep_forever()
        # As the edge does: what has begun is completed even when the task is cancelled.
        with trio.CancelScope(shield=True):
            await trio.sleep(self._writing)
        self.writes.append((trio.current_time(), data))
