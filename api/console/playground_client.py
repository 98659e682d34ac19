"""The client of a request from the playground: it takes what any client gets, and passes it on to the page."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Awaitable, Callable, Iterator
from typing import TYPE_CHECKING, Final, TypeVar

import trio

from hyperinfer.api.edge.exchange import BodyTooLarge, ClientGone, HeadMemo
from hyperinfer.engine import DONE

if TYPE_CHECKING:
    from hyperinfer.api.console.outbox import Outbox
    from hyperinfer.api.edge.exchange import Headers

T = TypeVar("T")

PIECE: Final = 32 * 1024
"""Bytes of the response in one line."""


class PlaygroundClient:
    """Implements `Exchange` within the process. It takes no more than whoever reads the outbox does: who writes waits for
    the browser, and so does the provider that is read.

    `handling`: what the handler runs in. `status`: of HTTP. `request_id`: as the response says it.
    """

    method = "POST"
    query = b""
    client: tuple[str, int] | None = None

    def __init__(self, path: str, headers: Headers, body: bytes, outbox: Outbox) -> None:
        self.path, self.headers = path, headers
        self.memo = HeadMemo()
        self.handling = trio.CancelScope()
        self.status: int | None = None
        self.request_id: str | None = None
        self._body, self._length, self._outbox = body, len(body), outbox
        self._left = self._ended = False
        self._watchers: list[Callable[[], None]] = []

    @property
    def gone(self) -> bool:
        return self._left

    @property
    def body_length(self) -> int | None:
        return self._length

    async def while_there(self, wait: Callable[[], Awaitable[T]]) -> T:
        waiting = trio.CancelScope()
        self.on_gone(waiting.cancel)
        try:
            with waiting:
                return await wait()
        finally:
            self._watchers.remove(waiting.cancel)
        raise ClientGone("the browser left while it waited")

    async def read_body(self, limit: int) -> bytes:
        await trio.lowlevel.checkpoint()
        if self._left:
            raise ClientGone("the browser left")
        if self._length > limit:
            raise BodyTooLarge(limit)
        body, self._body = self._body, b""
        return body

    def send_head(self, status: int, headers: Headers) -> Awaitable[None]:
        self._check_gone()
        self.status = status
        named = [(name.decode("ascii"), value.decode("latin-1")) for name, value in headers]
        self.request_id = dict(named).get("x-request-id")
        self._outbox.say({"kind": "head", "status": status, "headers": named})
        return DONE

    def send_body(self, data: bytes) -> Awaitable[None]:
        # All of it at once: what was begun is complete, also where its task is cancelled while it waits.
        self._check_gone()
        for piece in _pieces(data):
            try:
                self._outbox.say({"kind": "bytes", "text": piece.decode()})
            except UnicodeDecodeError:
                self._outbox.say({"kind": "bytes", "base64": b64encode(piece).decode()})
        return DONE if self._outbox.room else self._outbox.wait_room()

    async def send_last(self, data: bytes = b"") -> None:
        sending = self.send_body(data)
        self._ended = True
        await sending

    def on_gone(self, function: Callable[[], None]) -> None:
        if self._left:
            function()
        self._watchers.append(function)

    def end_with_client(self) -> None:
        self.on_gone(self.handling.cancel)

    def leave(self) -> None:
        """The browser has left, or has all that there is."""
        if not self._left and not self._ended:
            self._left = True
            for watcher in list(self._watchers):
                watcher()

    def _check_gone(self) -> None:
        if self._left:
            raise ClientGone("the browser left")


def _pieces(data: bytes) -> Iterator[bytes]:
    """Parts of the data that are not too long; no character of UTF-8 is cut."""
    at = 0
    while at < len(data):
        end = min(at + PIECE, len(data))
        while at < end < len(data) and end > at + PIECE - 4 and data[end] & 0xC0 == 0x80:
            end -= 1
        yield data[at:end]
        at = end
