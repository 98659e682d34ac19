"""What keeps the streams of an HTTP/2 connection apart: hypercorn's connection would end with an exception, and so would
all of its streams, by what one of them sends; and it has no way of ending one alone."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast

import h2.connection
import h2.errors
import h2.events
import h2.exceptions
from hypercorn.protocol.events import StreamClosed
from hypercorn.protocol.h2 import H2Protocol

if TYPE_CHECKING:
    from collections.abc import Container, Iterator

_NEEDED = (b":method", b":path")


class CheckedConnection:
    """The state of a connection (h2), as hypercorn holds it. What is received through it leaves out

    * data of a stream that has ended here: a client may send on for long after an early response (413, 401);
    * requests without a method or path that can be read, CONNECT among them: their stream is reset (RFC 9113, 8.1.1);
    * priorities, which are deprecated (RFC 9113, 5.3) and which hypercorn keeps of no more than 1,000 streams.
    """

    def __init__(self, connection: h2.connection.H2Connection, streams: Container[int]) -> None:
        self._connection, self._streams = connection, streams

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def receive_data(self, data: bytes) -> Iterator[h2.events.Event]:
        """What the bytes say. Each event is looked at when those before it were handled. Raises h2's ProtocolError."""
        return self._checked(self._connection.receive_data(data))

    def _checked(self, events: list[h2.events.Event]) -> Iterator[h2.events.Event]:
        for event in events:
            match event:
                case h2.events.PriorityUpdated():
                    pass
                case h2.events.DataReceived(stream_id=int(number)) if number not in self._streams:
                    self._connection.acknowledge_received_data(event.flow_controlled_length or 0, number)
                case h2.events.RequestReceived(stream_id=int(number)) if not _can_be_read(event.headers):
                    self._connection.reset_stream(number, h2.errors.ErrorCodes.PROTOCOL_ERROR)
                case _:
                    yield event


async def reset_stream(send: object) -> bool:
    """Resets the stream behind the ASGI `send` of an HTTP/2 request, on the wire and at hypercorn, which lets go of what
    waits to be sent on it; the others of its connection go on. Whoever calls takes what `receive` still has. False where
    there is no such stream. That all of this is found is seen in tests/api/edge/test_http2.py."""
    stream: Any = getattr(send, "__self__", None)
    found = getattr(getattr(stream, "send", None), "__self__", None)
    if not isinstance(found, H2Protocol):
        return False
    protocol, number = cast("Any", found), cast("int", stream.stream_id)
    with suppress(h2.exceptions.ProtocolError):  # it has ended meanwhile, by its client or with the connection
        protocol.connection.reset_stream(number, h2.errors.ErrorCodes.INTERNAL_ERROR)
    await protocol._flush()
    await stream.send(StreamClosed(stream_id=number))
    await protocol._window_updated(number)
    return True


def _can_be_read(fields: Any) -> bool:
    found = {bytes(name): bytes(value) for name, value in fields if name[:1] == b":"}
    return all(name in found and found[name].isascii() for name in _NEEDED)
