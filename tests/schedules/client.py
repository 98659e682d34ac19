"""The clients of a schedule: they send what they ask in pieces, read as they like, and leave when they like."""

from __future__ import annotations

import socket as stdlib_socket
from contextlib import suppress
from itertools import cycle, pairwise
from typing import TYPE_CHECKING, Any

import httptools
import trio

from hyperinfer.api.data_plane import ROUTES
from tests.support.bench import asked
from tests.support.tool_rounds import switched_on

if TYPE_CHECKING:
    from tests.schedules.course import Visited
    from tests.schedules.plan import Ask, Visitor

_PATHS = {format.dialect: path for path, format in ROUTES.items()}
STUCK_FOR = 100.0
"""Seconds for which a client that reads no more stays."""


def request_of(ask: Ask, secret: str, *, last: bool) -> bytes:
    """The bytes of a request."""
    fields: dict[str, Any] = {} if ask.tool is None else switched_on(ask.client, "web_search")
    text = f"request number {ask.number} {'x' * ask.size}"
    if ask.client == "openai_responses":
        fields["input"] = text
    else:
        fields["messages"] = [{"role": "user", "content": text}]
    body = asked(ask.client, ask.model.removeprefix("test/"), stream=ask.streamed, **fields)
    lines = [
        f"POST {_PATHS[ask.client]} HTTP/1.1",
        "host: gateway",
        f"authorization: Bearer {secret}",
        "content-type: application/json",
        f"content-length: {len(body)}",
    ]
    if last:
        lines.append("connection: close")
    return "\r\n".join([*lines, "", ""]).encode() + body


class Client:
    """One connection, from its beginning to its end."""

    def __init__(self, visitor: Visitor, visited: Visited, address: str | bytes, secret: str) -> None:
        self._visitor, self.visited, self._address = visitor, visited, address
        self._secret = secret
        self._socket: trio.socket.SocketType | None = None
        self._answered, self._leaving = trio.Event(), trio.Event()
        self._parser = httptools.HttpResponseParser(self)

    def leave(self) -> None:
        """Goes away, now; called from anywhere. Not before it has come, and not behind its last response."""
        sock, visited = self._socket, self.visited
        if sock is None or visited.left_at is not None or visited.ended != "open":
            return
        visited.left_at = trio.current_time()
        half = self._visitor.leaves is not None and self._visitor.leaves.half
        with suppress(OSError):
            sock.shutdown(stdlib_socket.SHUT_WR if half else stdlib_socket.SHUT_RDWR)
        if not half:
            self._end("left")
            self._leaving.set()

    async def run(self) -> None:
        """All of it."""
        visitor, visited = self._visitor, self.visited
        if visitor.begins:
            await trio.sleep(visitor.begins)
        plain = stdlib_socket.socket(stdlib_socket.AF_UNIX)
        plain.setblocking(False)
        try:
            plain.connect(self._address)
        except OSError:
            plain.close()
            self._end("refused")
            return
        with trio.socket.from_stdlib_socket(plain) as sock:
            self._socket = sock
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._send, sock)
                if visitor.leaves is not None and visitor.leaves.when.at is not None:
                    nursery.start_soon(self._leave_at, visitor.begins + visitor.leaves.when.at)
                nursery.start_soon(self._read, sock, nursery.cancel_scope)
                await self._leaving.wait()
                # Closed with what it has not read, and so reset.
                nursery.cancel_scope.cancel()
        assert visited.ended != "open"

    async def _leave_at(self, at: float) -> None:
        await trio.sleep_until(at)
        self.leave()

    def _end(self, how: Any) -> None:
        if self.visited.ended == "open":
            self.visited.ended, self.visited.ended_at = how, trio.current_time()

    # ---- sending ----------------------------------------------------------------------------------------------------

    async def _send(self, sock: trio.socket.SocketType) -> None:
        visitor, visited = self._visitor, self.visited
        asks, pauses = visitor.asks, cycle(visitor.pauses)
        with suppress(OSError):
            for place, ask in enumerate(asks):
                wire = request_of(ask, self._secret, last=place == len(asks) - 1 and not visitor.stays)
                cuts = sorted({0, *(int(cut * len(wire)) for cut in visitor.cuts), len(wire)})
                for start, end in pairwise(cuts):
                    if pause := next(pauses):
                        await trio.sleep(pause)
                    while start < end:
                        start += await sock.send(wire[start:end])
                        if len(visited.began_at) == place:
                            visited.began_at.append(trio.current_time())
                visited.sent_at.append(trio.current_time())
                while not visitor.pipelined and visited.complete <= place:
                    await self._answered.wait()

    # ---- reading ----------------------------------------------------------------------------------------------------

    async def _read(self, sock: trio.socket.SocketType, scope: trio.CancelScope) -> None:
        await self._read_all(sock)
        scope.cancel()

    async def _read_all(self, sock: trio.socket.SocketType) -> None:
        visitor, visited = self._visitor, self.visited
        size = 0
        try:
            while True:
                if visitor.stuck is not None and visitor.stuck <= size < visitor.stuck + 10**9:
                    size += 10**9
                    await trio.sleep(STUCK_FOR)
                if visitor.chewing:
                    await trio.sleep(visitor.chewing)
                data = await sock.recv(visitor.bites)
                if not data:
                    self._end("eof")
                    return
                size += len(data)
                visited.received.append((trio.current_time(), data))
                with suppress(httptools.HttpParserError):
                    self._parser.feed_data(data)
                if visited.complete == len(visitor.asks) and not visitor.stays:
                    self._end("done")
                    return
        except OSError:
            self._end("reset")

    def on_message_complete(self) -> None:
        """For the parser."""
        self.visited.complete += 1
        self._answered.set()
        self._answered = trio.Event()
