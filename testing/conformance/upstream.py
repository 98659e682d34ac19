"""The scripted upstream of the kit: all three protocols on one port. A request names its script by a marker in its prompt,
which survives gateways that rename models and rebuild bodies."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import h11
import trio

from hyperinfer.testing.conformance import vendor_chat, vendor_messages, vendor_responses
from hyperinfer.testing.conformance.asked import Asked, read
from hyperinfer.testing.conformance.said import Breaks, Refuses, Said, Says, Text, Waits

if TYPE_CHECKING:
    from hyperinfer.testing.conformance.said import Format, Reply

VENDORS: Final = {"chat": vendor_chat, "responses": vendor_responses, "messages": vendor_messages}
PATHS: Final[dict[str, Format]] = {"/chat/completions": "chat", "/responses": "responses", "/messages": "messages"}
_MARKER = re.compile(rb"conformance-[0-9a-z]+-\d+")
_PLAIN: Reply = Says(Said((Text(("Hello.",)),)))
_SCATTER_SECONDS = 0.001  # lets a gateway read one piece before the next is there; nothing depends on it


@dataclass(slots=True)
class Stage:
    """What one exchange finds at the upstream. `asked`: what came, retries too. `begun`: the first piece was sent, or the
    request of a reply that waits was read. `closed`: the gateway closed the connection before the reply's end; `closed_at`:
    when, on trio's clock. `release` lets a reply go on that waits."""

    reply: Reply
    asked: list[Asked] = field(default_factory=list[Asked])
    begun: trio.Event = field(default_factory=trio.Event)
    closed: trio.Event = field(default_factory=trio.Event)
    release: trio.Event = field(default_factory=trio.Event)
    closed_at: float = 0.0


class Upstream:
    """It knows the stages of exchanges under way. `port`: where it listens. `strangers`: requests without a marker."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.stages: dict[str, Stage] = {}
        self.strangers = 0

    async def connection(self, stream: trio.SocketStream) -> None:
        """Serves one, until either side closes."""
        try:
            async with stream:
                connection = h11.Connection(h11.SERVER)
                while (request := await _request(stream, connection)) is not None:
                    if not await self._answer(stream, connection, *request):
                        return
                    connection.start_next_cycle()
        except (trio.BrokenResourceError, h11.ProtocolError):
            pass

    async def _answer(self, stream: trio.SocketStream, connection: h11.Connection, path: str, body: bytes) -> bool:
        """Whether the connection can go on."""
        protocol: Format | None = next((protocol for end, protocol in PATHS.items() if path.endswith(end)), None)
        if protocol is None:
            await _whole(stream, connection, 404, {}, b'{"error": {"message": "not here", "type": "not_found_error"}}')
            return True
        found = _MARKER.findall(body)
        stage = self.stages.get(found[0].decode()) if found else None
        if stage is None:
            self.strangers += 1
            stage = Stage(_PLAIN)
        asked = read(protocol, body)
        stage.asked.append(asked)
        whole = False

        def gone() -> None:
            if not stage.closed.is_set():
                stage.closed_at = trio.current_time()
                stage.closed.set()

        async def watch() -> None:
            with suppress(trio.BrokenResourceError):
                if await stream.receive_some(1):
                    return  # a next request already: none of those that are judged
            gone()
            nursery.cancel_scope.cancel()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(watch)
            try:
                whole = await _play(stream, connection, stage, asked)
            except trio.BrokenResourceError:
                gone()
            nursery.cancel_scope.cancel()
        return whole


@asynccontextmanager
async def serving(host: str, port: int) -> AsyncGenerator[Upstream]:
    """Serves on an address; port 0 picks one. Raises OSError when it cannot listen there."""
    listeners = await trio.open_tcp_listeners(port, host=host)
    upstream = Upstream(listeners[0].socket.getsockname()[1])
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.serve_listeners, upstream.connection, listeners)
        yield upstream
        nursery.cancel_scope.cancel()


async def _request(stream: trio.SocketStream, connection: h11.Connection) -> tuple[str, bytes] | None:
    """Path without its query, and body; None when no more comes."""
    path, body = "", b""
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            if connection.they_are_waiting_for_100_continue:
                go_on = connection.send(h11.InformationalResponse(status_code=100, headers=[]))
                await stream.send_all(go_on or b"")
            connection.receive_data(await stream.receive_some(65536))
        elif isinstance(event, h11.Request):
            path = event.target.decode("ascii", "replace").partition("?")[0].rstrip("/")
        elif isinstance(event, h11.Data):
            body += bytes(event.data)
        elif isinstance(event, h11.EndOfMessage):
            return path, body
        else:
            return None


async def _play(stream: trio.SocketStream, connection: h11.Connection, stage: Stage, asked: Asked) -> bool:
    """The reply of a stage. Whether it was sent to its end, so that the connection may be used again."""
    vendor, reply = VENDORS[asked.protocol], stage.reply
    if isinstance(reply, Refuses):
        status, headers, body = vendor.refusal(reply.kind)
        await _whole(stream, connection, status, headers, body)
        return True
    if not asked.streamed:
        return await _play_whole(stream, connection, stage, vendor.whole(reply.said, asked.body))
    head = h11.Response(status_code=200, headers=[("content-type", "text/event-stream"), ("transfer-encoding", "chunked")])
    events = vendor.stream(reply.said, asked.body)
    await stream.send_all(connection.send(head) or b"")
    match reply:
        case Says(stream="scattered"):
            for piece in _scattered(b"".join(events)):
                await _piece(stream, connection, piece)
                await trio.sleep(_SCATTER_SECONDS)
        case Says(stream="crlf"):
            for event in events:
                await _piece(stream, connection, b": PROCESSING\r\n\r\n" + event.replace(b"\n", b"\r\n"))
        case Says():
            for event in events:
                await _piece(stream, connection, event)
        case Waits():
            cut = _first_text(events, reply.said)
            await _piece(stream, connection, b"".join(events[:cut]))
            stage.begun.set()
            await stage.release.wait()
            await _piece(stream, connection, b"".join(events[cut:]))
        case Breaks(_, how):
            sent = b"".join(events[: _first_text(events, reply.said)])
            await _piece(stream, connection, sent + (vendor.error_event() if how == "error" else b""))
            if how == "drop":
                return False
    await stream.send_all(connection.send(h11.EndOfMessage()) or b"")
    return True


async def _play_whole(stream: trio.SocketStream, connection: h11.Connection, stage: Stage, body: bytes) -> bool:
    match stage.reply:
        case Waits():
            stage.begun.set()
            await stage.release.wait()
        case Breaks(_, "eof"):
            body = body[: len(body) // 2]
        case Breaks(_, "drop"):
            headers = [("content-type", "application/json"), ("content-length", str(len(body)))]
            await stream.send_all(connection.send(h11.Response(status_code=200, headers=headers)) or b"")
            await _piece(stream, connection, body[: len(body) // 2])
            return False
        case _:
            pass
    await _whole(stream, connection, 200, {}, body)
    return True


async def _whole(
    stream: trio.SocketStream, connection: h11.Connection, status: int, headers: dict[str, str], body: bytes
) -> None:
    fields = [("content-type", "application/json"), ("content-length", str(len(body))), *headers.items()]
    head = connection.send(h11.Response(status_code=status, headers=fields)) or b""
    sent = (connection.send(h11.Data(data=body)) or b"") + (connection.send(h11.EndOfMessage()) or b"")
    await stream.send_all(head + sent)


async def _piece(stream: trio.SocketStream, connection: h11.Connection, data: bytes) -> None:
    await stream.send_all(connection.send(h11.Data(data=data)) or b"")


def _first_text(events: list[bytes], said: Said) -> int:
    """How many events bring the first delta of its text."""
    mark = json.dumps(next(part.pieces[0] for part in said.parts if isinstance(part, Text)), ensure_ascii=False).encode()
    return next(n for n, event in enumerate(events, 1) if mark in event)


def _scattered(data: bytes) -> list[bytes]:
    """Cut within each character that is not ASCII, and within the first bytes of every line."""
    found: list[bytes] = []
    start = 0
    for at in range(1, len(data)):
        if data[at] & 0xC0 == 0x80 or data[at - 2 : at - 1] == b"\n":
            found.append(data[start:at])
            start = at
    return [*found, data[start:]]
