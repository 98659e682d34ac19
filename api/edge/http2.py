"""What hypercorn takes from HTTP/2 clients for granted. Its connection would end with an exception, and with all of its
streams, by what one of them sends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import h2.connection
import h2.errors
import h2.events

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


def _can_be_read(fields: Any) -> bool:
    found = {bytes(name): bytes(value) for name, value in fields if name[:1] == b":"}
    return all(name in found and found[name].isascii() for name in _NEEDED)
