"""`Exchange` over ASGI: hypercorn's HTTP/1.1 and HTTP/2, and any other ASGI server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from hyperinfer.api.edge.connection import connection_of
from hyperinfer.api.edge.exchange import BODY_IDLE, BODY_WHOLE, BodyTooLarge, ClientGone, Headers, HeadMemo, SlowBody

if TYPE_CHECKING:
    from collections.abc import Callable

    from hyperinfer.api.edge.asgi import Message, Receive, Scope, Send


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
        self._stream = connection.stream if connection is not None and scope["http_version"] != "2" else None
        self._receive = receive
        self._send = send
        self._watching = watching
        self._watches: list[trio.CancelScope] = []
        self._body_idle = body_idle
        self._body_whole = body_whole
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
                message = await self._receive()
                if message["type"] == "http.disconnect":
                    self._disconnected = True
                    raise ClientGone("the client left before the whole body had come")
                chunk: bytes = message.get("body", b"")
                size += len(chunk)
                if size > limit:
                    raise BodyTooLarge(limit)
                chunks.append(chunk)
                self._body_read = not message.get("more_body", False)
                scope.deadline = min(trio.current_time() + self._body_idle, latest)
        if not self._body_read:
            raise SlowBody("the request body did not come in time")
        return b"".join(chunks)

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
        while not self._body_read and not self._disconnected:
            message = await self._receive()
            self._disconnected = message["type"] == "http.disconnect"
            self._body_read = not message.get("more_body", False)
        if self._stream is not None:
            await self._stream.wait_gone()
        while self._stream is None and not self._disconnected:
            self._disconnected = (await self._receive())["type"] == "http.disconnect"
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
