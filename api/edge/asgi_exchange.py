"""`Exchange` over ASGI: hypercorn's HTTP/1.1 and HTTP/2, and any other ASGI server."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING

import trio

from hyperinfer.api.edge.connection import connection_of
from hyperinfer.api.edge.exchange import BODY_IDLE, BODY_WHOLE, BodyTooLarge, ClientGone, Headers, HeadMemo, SlowBody

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from hyperinfer.api.edge.asgi import Message, Receive, Scope, Send
    from hyperinfer.api.edge.exchange import T

UNREAD = 64 * 1024
"""Bytes of a body that are taken in to see who leaves, before anybody reads it."""


class AsgiExchange:
    """One ASGI request; see `Exchange`. `watching`: the nursery in which the handler runs, beside it the task that looks out
    for the disconnect when somebody wants to hear of it; to be cancelled at the end of the handler.

    Under hypercorn the disconnect is seen on the connection itself, because hypercorn does not read on while pipelined
    bytes wait behind a running HTTP/1 request.
    """

    def __init__(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        watching: trio.Nursery,
        *,
        body_idle: float = BODY_IDLE,
        body_whole: float = BODY_WHOLE,
    ) -> None:
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.query: bytes = scope["query_string"]
        self.headers: Headers = scope["headers"]
        self.memo = HeadMemo()
        client = scope.get("client")
        self.client: tuple[str, int] | None = (client[0], client[1]) if client else None
        connection = connection_of(scope)
        self._connection = connection
        self._stream = connection.stream if connection is not None and scope["http_version"] != "2" else None
        self._receive = receive
        self._send = send
        self._watching = watching
        self._watches: list[trio.CancelScope] = []
        self._body_idle = body_idle
        self._body_whole = body_whole
        self._ahead: list[bytes] = []  # of the body, that came while nobody read it
        self._body_came = False
        self._body_read = False
        self._disconnected = False
        self._ends_with_client = False

    @property
    def gone(self) -> bool:
        return self._disconnected or (self._stream is not None and (self._stream.gone.is_set() or self._stream.send_failed))

    @property
    def body_length(self) -> int | None:
        return _content_length(self.headers)

    async def read_body(self, limit: int) -> bytes:
        if self._body_read:
            raise RuntimeError("the body was read before")
        if (_content_length(self.headers) or 0) > limit:
            raise BodyTooLarge(limit)
        now = trio.current_time()
        latest = now + self._body_whole
        chunks: list[bytes] = []
        size = 0
        with trio.CancelScope(deadline=min(now + self._body_idle, latest)) as scope:
            while not self._body_read:
                if not self._ahead and not self._body_came:
                    await self._take_some()
                if self._disconnected:
                    raise ClientGone("the client left before the whole body had come")
                size += sum(map(len, self._ahead))
                if size > limit:
                    raise BodyTooLarge(limit)
                chunks += self._ahead
                self._ahead.clear()
                self._body_read = self._body_came
                scope.deadline = min(trio.current_time() + self._body_idle, latest)
        if not self._body_read:
            raise SlowBody("the request body did not come in time")
        return b"".join(chunks)

    async def _take_some(self) -> None:
        message = await self._receive()
        if message["type"] == "http.disconnect":
            self._disconnected = True
            return
        if message.get("body"):
            self._ahead.append(message["body"])
        self._body_came = not message.get("more_body", False)

    async def while_there(self, wait: Callable[[], Awaitable[T]]) -> T:
        waiting, looking, over = trio.CancelScope(), trio.CancelScope(), trio.Event()

        def left() -> None:
            self._disconnected = True
            waiting.cancel()

        async def look_out() -> None:
            try:
                with looking:
                    await self._wait_gone_unread()
                    left()
            finally:
                over.set()

        if not self._disconnected:
            self._watching.start_soon(look_out)
            try:
                with waiting, nullcontext() if self._connection is None else self._connection.looking_out(left):
                    return await wait()
            finally:
                looking.cancel()
                with trio.CancelScope(shield=True):
                    await over.wait()  # what it has taken lies in `_ahead`
        raise ClientGone("the client left while it waited")

    async def _wait_gone_unread(self) -> None:
        while not self._body_came and not self._disconnected and sum(map(len, self._ahead)) < UNREAD:
            await self._take_some()
        if self._stream is not None:
            # Where more of the body waits to be read, reading ahead is not for us.
            await (self._stream.wait_gone() if self._body_came else self._stream.gone.wait())
        elif self._body_came:
            await self._wait_disconnect()
        elif not self._disconnected:
            await trio.sleep_forever()

    async def _wait_disconnect(self) -> None:
        while not self._disconnected:
            self._disconnected = (await self._receive())["type"] == "http.disconnect"

    async def send_head(self, status: int, headers: Headers) -> None:
        self._check_gone()
        await self._say({"type": "http.response.start", "status": status, "headers": list(headers)})

    async def send_body(self, data: bytes) -> None:
        self._check_gone()
        await self._say({"type": "http.response.body", "body": data, "more_body": True})

    async def send_last(self, data: bytes = b"") -> None:
        self._check_gone()
        if self._stream is not None and self._body_read:
            # Who has the whole answer may send on before the handler has returned: to whoever watches that would be read
            # ahead, of which there may be little.
            for watch in self._watches:
                watch.cancel()
        # A client may close as soon as it has the end, so only a failed write counts here.
        await self._say({"type": "http.response.body", "body": data, "more_body": False})

    def on_gone(self, function: Callable[[], None]) -> None:
        scope = trio.CancelScope()
        self._watches.append(scope)

        async def watch() -> None:
            with scope:
                await self._wait_gone()
                function()

        if self._disconnected or (self._stream is not None and self._stream.gone.is_set()):
            function()
        else:
            self._watching.start_soon(watch)

    def end_with_client(self) -> None:
        self._ends_with_client = True
        self.on_gone(self._watching.cancel_scope.cancel)

    async def _wait_gone(self) -> None:
        while not self._body_came and not self._disconnected:
            await self._take_some()
            self._ahead.clear()
        self._body_read = True
        if self._stream is not None:
            await self._stream.wait_gone()
        else:
            await self._wait_disconnect()
        self._disconnected = True

    def _check_gone(self) -> None:
        if self._disconnected or (self._stream is not None and self._stream.gone.is_set()):
            raise ClientGone("the client is gone")

    async def _say(self, message: Message) -> None:
        try:
            await self._send(message)
            # hypercorn drops what it cannot send without a word.
            if self._stream is not None and self._stream.send_failed:
                raise ClientGone("the client did not take the response")
        except ClientGone:
            self._disconnected = True
            if self._ends_with_client:
                self._watching.cancel_scope.cancel()
            raise


def _content_length(headers: Headers) -> int | None:
    """None where there is none, or none that is a number: HTTP/1 servers refuse that, HTTP/2 ones need not."""
    for name, value in headers:
        if name == b"content-length":
            try:
                return int(value)
            except ValueError:
                return None
    return None
