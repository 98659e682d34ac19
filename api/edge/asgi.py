"""The ASGI vocabulary of this package, and the guard between hypercorn and an application.

hypercorn calls `EdgeApp`, `EdgeApp` calls the application. What the guard makes good:

* An exception never reaches hypercorn: it is logged and counted, and becomes a 500 while no head was sent.
* A message that was begun is sent to its end even when the application's task is cancelled meanwhile: hypercorn would
  already have counted the bytes as sent, and the next message would follow a gap. Bounded by the write deadline.
* On HTTP/2 a sender waits while too much waits for the peer's flow-control window, for at most the write deadline.
* A response that is sent before the whole request body came: what still comes is read and dropped for a moment before
  the response ends. Otherwise the body messages that nobody takes block the connection for ever, the socket is closed
  with unread bytes (a reset may then destroy the reply), and an HTTP/2 connection breaks.
* While the server drains, HTTP/1 responses say `connection: close`. So does the response to a request that has both a
  length and a transfer coding (RFC 9112, 6.1): whoever stands before us may have seen its end elsewhere.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import trio

from hyperinfer.api.edge.connection import Connection, connection_of, window_buffer_of
from hyperinfer.api.edge.exchange import ClientGone
from hyperinfer.api.edge.http2 import reset_stream

if TYPE_CHECKING:
    from hyperinfer.api.edge.counters import EdgeCounters
    from hyperinfer.api.edge.exchange import Headers

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
AsgiApp: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

log = logging.getLogger("hyperinfer.edge")

DROP_BODY = 1.0
"""Seconds for which the rest of a body is dropped before an early HTTP/1 response ends."""

DROP_BODY_H2 = 10.0
"""The same on HTTP/2, where a body that goes on after the response ends breaks the connection with all its streams."""

TAKE_BODY = 0.05
"""Seconds in which a body that has already come is taken from hypercorn's queue."""

END_OF_STREAM_POLL = 0.002
"""Seconds between two looks for the end of an HTTP/2 stream, in a drain alone: nothing says when it was sent."""

H2_PIECE = 32 * 1024
"""Bytes handed to hypercorn's HTTP/2 buffer at a time, and how many may wait there for the client's window."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole small response."""

    status: int
    headers: Headers
    body: bytes


CrashReply: TypeAlias = Callable[[Scope], Reply]


def plain_crash_reply(scope: Scope) -> Reply:
    """What a request gets whose handler threw before it had answered."""
    error = {"message": "Internal error.", "type": "server_error", "code": "internal_error", "param": None}
    body = json.dumps({"error": error}).encode()
    return Reply(500, [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))], body)


class EdgeApp:
    """An application as hypercorn calls it (its `AppWrapper`), guarded as this module says. Raises Cancelled alone."""

    def __init__(self, app: AsgiApp, *, counters: EdgeCounters, crash_reply: CrashReply = plain_crash_reply) -> None:
        self._app = app
        self._counters = counters
        self._crash_reply = crash_reply

    async def __call__(self, scope: Scope, receive: Receive, send: Send, *_threads: object) -> None:
        if scope["type"] != "http":
            # There is no websocket route: hypercorn answers this with 403.
            await send({"type": "websocket.close", "code": 1000})
            return
        guard = RequestGuard(scope, receive, send)
        self._counters.requests += 1
        version: str = scope["http_version"]
        with guard.connection.request(version) if guard.connection is not None else nullcontext():
            await self._run(scope, guard)

    async def _run(self, scope: Scope, guard: RequestGuard) -> None:
        crashed = False
        try:
            await self._app(scope, guard.receive, guard.send)
        except* ClientGone:
            guard.saw_client_go = True
        except* (Exception, SystemExit):
            log.exception("a request handler failed: %s %s", scope["method"], scope["path"])
            crashed = True
        if not crashed and not guard.finished:
            if guard.client_gone:
                self._counters.clients_gone += 1
            else:
                log.error("a request handler ended without a whole response: %s %s", scope["method"], scope["path"])
                crashed = True
        self._counters.crashes += crashed
        if guard.finished:
            return
        if crashed and not guard.started:
            await self._reply(scope, guard)
        else:
            await guard.abandon()

    async def _reply(self, scope: Scope, guard: RequestGuard) -> None:
        try:
            reply = self._crash_reply(scope)
        except Exception:
            log.exception("the reply to a failed request failed")
            reply = plain_crash_reply(scope)
        try:
            await guard.send({"type": "http.response.start", "status": reply.status, "headers": reply.headers})
            await guard.send({"type": "http.response.body", "body": reply.body, "more_body": False})
        except ClientGone:
            self._counters.clients_gone += 1


class RequestGuard:
    """`receive` and `send` of one request, with what the guard must know about it."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.connection: Connection | None = connection_of(scope)
        self.started = False
        self.finished = False
        self.saw_client_go = False
        self._disconnected = False  # which is said but once
        self._h2 = scope["http_version"] == "2"
        names = {name for name, _ in scope.get("headers", ())}
        self._length_in_doubt = b"transfer-encoding" in names and b"content-length" in names
        self._receive = receive
        self._send = send
        self._receivers = 0
        self._body_done = trio.Event()

    @property
    def client_gone(self) -> bool:
        return self.saw_client_go or (self.connection is not None and self.connection.stream.gone.is_set())

    async def receive(self) -> Message:
        if self._disconnected:
            await trio.lowlevel.checkpoint()
            return {"type": "http.disconnect"}
        self._receivers += 1
        try:
            message = await self._receive()
        finally:
            self._receivers -= 1
        if message["type"] == "http.disconnect":
            self.saw_client_go = self._disconnected = True
        if self._disconnected or not message.get("more_body", False):
            self._body_done.set()
        return message

    async def send(self, message: Message) -> None:
        """Raises ClientGone when an HTTP/2 client took nothing before the write deadline."""
        if message["type"] == "http.response.start":
            draining = self.connection is not None and self.connection.draining
            if not self._h2 and (draining or self._length_in_doubt):
                message = {**message, "headers": [*message.get("headers", ()), (b"connection", b"close")]}
            await self._write(message)
            self.started = True
        elif message["type"] == "http.response.body" and not message.get("more_body", False):
            if not self._body_done.is_set():
                message = await self._drop_before(message)
            await self._write_last(message)
            self.finished = True
            if self._h2 and self.connection is not None and self.connection.draining:
                await self._wait_for_end_of_stream(self.connection)
        else:
            await self._write(message)

    async def abandon(self) -> None:
        """Ends a response that will not be completed, so that the client can tell, and nothing stays behind."""
        if self.connection is None:
            return
        with trio.move_on_after(TAKE_BODY):
            # A handler may never have asked; mostly the end of the body lies there.
            await self._drop_body()
        body_done = self._body_done.is_set()
        if not self._h2:
            # The end of the connection without the end of the chunks.
            self.connection.stream.close_after_reply()
        elif not await self._reset_stream():
            # hypercorn would leave the stream open for ever.
            self.connection.stream.abort()
        if not body_done and not self._disconnected:
            # hypercorn waits for somebody to take the body messages, and the disconnect behind them.
            with trio.move_on_after(DROP_BODY):
                await self._take_all()

    async def _reset_stream(self) -> bool:
        """Of HTTP/2, and nothing else of its connection. False where that cannot be."""
        async with trio.open_nursery() as nursery:
            if not self._disconnected:
                nursery.start_soon(self._take_all)  # the disconnect waits behind the body messages
            done = await reset_stream(self._send)
            nursery.cancel_scope.cancel()
        return done

    async def _take_all(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._disconnected = True

    async def _write(self, message: Message) -> None:
        # A handler that only sends would otherwise never notice its cancellation.
        await trio.lowlevel.checkpoint_if_cancelled()
        if not self._h2 or self.connection is None:
            # The stream below has the write deadline.
            with trio.CancelScope(shield=True):
                await self._send_on(message)
            return
        body: bytes = message.get("body", b"")
        for start in range(H2_PIECE, len(body), H2_PIECE):
            piece = body[start - H2_PIECE : start]
            await self._write_to_window({"type": "http.response.body", "body": piece, "more_body": True})
        if len(body) > H2_PIECE:
            message = {**message, "body": body[(len(body) - 1) // H2_PIECE * H2_PIECE :]}
        await self._write_to_window(message)

    async def _send_on(self, message: Message) -> None:
        if self._body_done.is_set() or self.connection is None:
            await self._send(message)
            return
        # Where that fails hypercorn puts a disconnect message behind those of the body, and waits until these are taken.
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._drop_body_when, self.connection.stream.gone)
            await self._send(message)
            nursery.cancel_scope.cancel()

    async def _drop_body_when(self, gone: trio.Event) -> None:
        await gone.wait()
        await self._drop_body()

    async def _write_to_window(self, message: Message) -> None:
        assert self.connection is not None
        with self.connection.window_deadline.scope(shield=True) as scope:
            await self._send_on(message)
            buffer = window_buffer_of(self._send)
            if buffer is not None and len(buffer.buffer) >= H2_PIECE:
                await buffer.drain()
        if scope.cancelled_caught:
            self.connection.window_deadline.late()
            raise ClientGone("the client took nothing before the write deadline")

    async def _wait_for_end_of_stream(self, connection: Connection) -> None:
        # hypercorn says that all is sent when the end of the stream is not yet; the connection closes after us.
        with connection.window_deadline.scope(shield=True):
            while window_buffer_of(self._send) is not None:  # noqa: ASYNC110 - hypercorn has no event for it
                await trio.sleep(END_OF_STREAM_POLL)

    async def _drop_before(self, last: Message) -> Message:
        """Sends the last bytes, drops the rest of the request body for a moment, leaves the bare end to be sent."""
        if last.get("body"):
            await self._write({**last, "more_body": True})
        with trio.move_on_after(DROP_BODY_H2 if self._h2 else DROP_BODY):
            await self._drop_body()
        return {"type": "http.response.body", "body": b"", "more_body": False}

    async def _drop_body(self) -> None:
        while not self._body_done.is_set():
            if self._receivers:
                # The application reads the body itself.
                await self._body_done.wait()
            else:
                await self.receive()

    async def _write_last(self, message: Message) -> None:
        if self._body_done.is_set():
            await self._write(message)
            return
        # hypercorn puts a disconnect message behind the body messages; with nobody taking those it would wait for ever.
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._drop_body)
            await self._write(message)
            nursery.cancel_scope.cancel()
