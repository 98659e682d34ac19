"""Clients that see what is on the wire: HTTP/1.1 through h11, HTTP/2 through h2, and bare bytes."""

from __future__ import annotations

import socket
import struct
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import h2.config
import h2.connection
import h2.events
import h11
import trio

if TYPE_CHECKING:
    from collections.abc import Callable


async def read_to_end(stream: trio.abc.ReceiveStream) -> bytes:
    received = b""
    with suppress(trio.BrokenResourceError):
        while data := await stream.receive_some():
            received += data
    return received


def reset(stream: trio.SocketStream) -> None:
    """Closes so that the peer gets a reset."""
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    stream.socket.close()


@dataclass
class Answer:
    """One response as an HTTP/1.1 client sees it; `complete` only when its end was well-formed."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=lambda: dict[str, str]())
    body: bytes = b""
    complete: bool = False


class H1Client:
    """A strict HTTP/1.1 client on one connection."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self.stream = stream
        self._connection = h11.Connection(h11.CLIENT)

    async def send(self, method: str, path: str, body: bytes = b"", **headers: str) -> None:
        fields = [("host", "localhost"), *((name.replace("_", "-"), value) for name, value in headers.items())]
        if body:
            fields.append(("content-length", str(len(body))))
        wire = self._connection.send(h11.Request(method=method, target=path, headers=fields)) or b""
        if body:
            wire += self._connection.send(h11.Data(data=body)) or b""
        wire += self._connection.send(h11.EndOfMessage()) or b""
        await self.stream.send_all(wire)

    async def receive(self, *, until: bytes | None = None) -> Answer:
        """The response, or its part up to and including `until`."""
        answer = Answer()
        while True:
            try:
                event = self._connection.next_event()
            except h11.RemoteProtocolError:
                return answer
            if event is h11.NEED_DATA:
                try:
                    self._connection.receive_data(bytes(await self.stream.receive_some()))
                except trio.BrokenResourceError:
                    return answer
            elif isinstance(event, h11.Response):
                answer.status = event.status_code
                answer.headers = {name.decode(): value.decode() for name, value in event.headers}
            elif isinstance(event, h11.Data):
                answer.body += bytes(event.data)
                if until is not None and until in answer.body:
                    return answer
            elif isinstance(event, h11.EndOfMessage):
                answer.complete = True
                return answer
            elif isinstance(event, h11.ConnectionClosed):
                return answer

    async def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> Answer:
        await self.send(method, path, body, **headers)
        return await self.receive()

    def next_request(self) -> None:
        self._connection.start_next_cycle()


class H2Client:
    """Several requests on one connection."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self.stream = stream
        self.protocol = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
        self.protocol.initiate_connection()
        self.bodies: dict[int, bytes] = {}
        self.statuses: dict[int, bytes] = {}
        self.ended: dict[int, str] = {}

    async def head(self, number: int, path: str, *, end: bool = True) -> None:
        fields = [(":method", "POST"), (":path", path), (":scheme", "http"), (":authority", "localhost")]
        self.protocol.send_headers(number, fields, end_stream=end)
        await self.flush()

    async def flush(self) -> None:
        await self.stream.send_all(self.protocol.data_to_send())

    async def read_until(self, done: Callable[[], bool], *, acknowledge: bool = True) -> None:
        """Reads until `done`, or until the server ends the connection."""
        while not done():
            try:
                data = await self.stream.receive_some()
            except trio.BrokenResourceError:
                return
            if not data:
                return
            for event in self.protocol.receive_data(data):
                match event:
                    case h2.events.ResponseReceived(stream_id=int(number), headers=list(fields)):
                        self.statuses[number] = dict(fields)[b":status"]
                    case h2.events.DataReceived(stream_id=int(number)):
                        self.bodies[number] = self.bodies.get(number, b"") + event.data
                        if acknowledge and event.flow_controlled_length:
                            self.protocol.acknowledge_received_data(event.flow_controlled_length, number)
                    case h2.events.StreamEnded(stream_id=int(number)):
                        self.ended[number] = "end"
                    case h2.events.StreamReset(stream_id=int(number)):
                        self.ended[number] = "reset"
                    case _:
                        pass
            if acknowledge:
                await self.flush()
