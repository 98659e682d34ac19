"""What hypercorn refuses by itself, before any application is asked: a request that is no HTTP, a head that is too large, a
WebSocket. It says so by a bare status; here it gets the fields and the body of a reply of ours. HTTP/1 alone: on HTTP/2 the
same faults are errors of the protocol, without a response."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from hypercorn.events import Event, RawData
from hypercorn.protocol.h2 import H2Protocol
from hypercorn.trio.tcp_server import TCPServer

from hyperinfer.api.edge.http2 import CheckedConnection

if TYPE_CHECKING:
    from hyperinfer.api.edge.exchange import Headers

_WORDS = {
    403: "There is no WebSocket here: use streamed HTTP.",
    408: "The request did not come in time: send it without pauses.",
    431: "The head of the request is too large: send fewer or shorter headers.",
    501: "Neither CONNECT nor a transfer coding other than chunked is possible here: this is no proxy.",
    505: "HTTP/1.1 and HTTP/1.0 are spoken here.",
}

_BARE = [b"connection: close", b"content-length: 0"]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Fields and body beside the status; the length is not among the fields."""

    headers: Headers
    body: bytes


Refuse: TypeAlias = Callable[[int, str], Refusal]
"""Makes the refusal for a status and the path that was asked for, "" where that is not known."""


def plain_refusal(status: int, path: str) -> Refusal:
    """Without an application's own form of it."""
    del path
    error = {"message": words_of(status), "type": "invalid_request_error", "code": "invalid_request", "param": None}
    return Refusal([(b"content-type", b"application/json")], json.dumps({"error": error}).encode())


def words_of(status: int) -> str:
    """What the client is told."""
    return _WORDS.get(status, "This is no valid HTTP request.")


class RefusingServer(TCPServer):
    """hypercorn's server of one connection, whose own refusals say more, and which no bytes of HTTP/2 bring down. `refuse`
    is to be set before it runs."""

    refuse: Refuse

    async def protocol_send(self, event: Event) -> None:
        """Everything that goes to the client; of HTTP/2 the settings are the first, before anything is received."""
        protocol = cast("Any", self.protocol.protocol)
        if isinstance(protocol, H2Protocol) and not isinstance(protocol.connection, CheckedConnection):
            protocol.connection = cast("Any", CheckedConnection(protocol.connection, protocol.streams))
        if isinstance(event, RawData) and (status := _refused(event.data)):
            event = RawData(data=_told(event.data, self.refuse(status, "")))
        await super().protocol_send(event)


def _refused(data: bytes) -> int:
    """The status, if these bytes are a head as hypercorn itself makes it, else 0. An application's has other fields."""
    if not (data.startswith((b"HTTP/1.1 4", b"HTTP/1.1 5")) and data.endswith(b"\r\n\r\n")):
        return 0
    fields = sorted(field for field in data.split(b"\r\n")[1:-2] if not field.startswith(b"date: "))
    return int(data[9:12]) if fields == _BARE else 0


def _told(head: bytes, refusal: Refusal) -> bytes:
    fields: list[Any] = [*refusal.headers, (b"content-length", b"%d" % len(refusal.body))]
    told = b"".join(b"%b: %b\r\n" % field for field in fields)
    return head.replace(b"content-length: 0\r\n", told, 1) + refusal.body
