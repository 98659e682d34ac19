"""One request and its response on one connection."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from math import inf
from typing import TYPE_CHECKING, Final, Protocol, Self

import httpx2
import trio

from hyperinfer.providers.transport_connection import Connection
from hyperinfer.providers.transport_errors import Disconnected
from hyperinfer.providers.transport_parser import ResponseParser
from hyperinfer.providers.transport_request import Body

if TYPE_CHECKING:
    from hyperinfer.providers.transport_hearing import Heard

_ONE_WRITE: Final = 64 * 1024
"""Head and body up to this size go out in one write, which does not block on a fresh socket. Behind a larger one the
upstream may answer while we still send (413, 401, 429), so that is listened for."""


class Owner(Protocol):
    """Who gets a connection back after its exchange."""

    def finished(self, connection: Connection) -> None:
        """The exchange was complete and clean: the connection can carry another."""

    def abandoned(self, connection: Connection) -> None:
        """The connection is closed."""


class Exchange(httpx2.AsyncByteStream):
    """Sends one request, reads the head of its response, and then is the body of that response.

    Any exception on the way, cancellation included, closes the connection at once. The owner gets it back when the
    response was complete and clean, as soon as its last byte is here. `read_timeout` and `write_timeout` are seconds
    for each read and write; None waits. `connected`: trio's clock when its connection was there, which may be long before.
    """

    def __init__(
        self,
        connection: Connection,
        method: str,
        owner: Owner,
        *,
        read_timeout: float | None,
        write_timeout: float | None,
    ) -> None:
        self._connection: Connection | None = connection
        self.connected = connection.since
        self._parser = ResponseParser(method)
        self._owner = owner
        self._read_timeout = read_timeout
        self._write_timeout = write_timeout
        self._sent = False
        self._early_error: httpx2.TransportError | None = None

    @property
    def status(self) -> int:
        return self._parser.status

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        """As they came, in order."""
        return self._parser.headers

    @property
    def ended(self) -> bool:
        """All of the response is here, or none of the rest will be: there is nothing to close."""
        return self._connection is None

    async def answered(self, head: bytes, stream: httpx2.AsyncByteStream, *, chunked: bool) -> Self:
        """Sends the request, and reads until `status` and `headers` are known. Raises the exceptions of a broken connection
        or response."""
        parser = self._parser
        try:
            try:
                if not isinstance(stream, Body):
                    await self._send_stream(head, stream, chunked=chunked)
                elif len(head) + len(stream.data) <= _ONE_WRITE:
                    await self._write(head + stream.data)
                    self._sent = True
                else:
                    await self._send_listening(head, stream.data)
            except httpx2.WriteError:
                pass  # a peer that stops listening is no error yet: it may have answered before it did
            while not parser.has_head:
                if parser.failure is not None:
                    raise parser.failure
                if self._early_error is not None:
                    raise self._early_error
                self._feed(await self._receive())
            if parser.complete:
                self._settle()
        except BaseException:
            self.close()
            raise
        return self

    def died_unanswered(self, error: httpx2.TransportError) -> bool:
        """Whether the connection went away without one byte of an answer: on a reused one, the sign of old age."""
        return not self._parser.started and isinstance(error, Disconnected | httpx2.ReadError)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        parser = self._parser
        try:
            while True:
                if data := parser.take():
                    return data
                if parser.failure is not None:
                    raise parser.failure
                if parser.complete:
                    break
                self._feed(await self._receive())
                if parser.complete:
                    self._settle()
        except BaseException:
            self.close()
            raise
        raise StopAsyncIteration

    async def pass_on(self, take: Callable[[bytes], bool], idle: float = inf) -> "Heard":
        """Hands `take` each piece of the body as it comes, until it says that it takes no more, the body has ended, or
        nothing came for `idle` seconds. As iterating, but for that cancelling it loses nothing, and that `take` must not
        wait: it may be called in another task (`Connection.hear`)."""
        parser, takes = self._parser, True

        def heard(data: bytes) -> bool:
            nonlocal takes
            self._feed(data)
            if parser.complete or parser.failure is not None:
                return False
            if piece := parser.take():
                takes = take(piece)
            return takes

        try:
            while True:
                if piece := parser.take():
                    takes = take(piece)
                if not takes:
                    return "enough"
                if parser.failure is not None:
                    raise parser.failure
                if parser.complete:
                    return "end"
                limit = self._read_timeout
                hearing = self._open().hear(heard, idle) if limit is None else self._hear_in_time(heard, idle, limit)
                if await hearing == "silence":
                    return "silence"
                if parser.complete:
                    self._settle()
        except trio.Cancelled:
            raise
        except BaseException:
            self.close()
            raise

    async def aclose(self) -> None:
        """Closes the connection if the response is not complete. Never waits."""
        self.close()

    def close(self) -> None:
        """As `aclose`, for places that cannot wait."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
            self._owner.abandoned(connection)

    def _settle(self) -> None:
        """Gives the connection back as soon as the last byte is here, before the caller has taken it."""
        connection = self._connection
        if connection is None:
            return
        if self._parser.reusable and self._sent:
            self._connection = None
            self._owner.finished(connection)
        else:
            self.close()

    def _receive(self) -> Awaitable[bytes]:
        connection = self._open()
        return connection.receive() if self._read_timeout is None else self._receive_in_time(connection, self._read_timeout)

    async def _receive_in_time(self, connection: Connection, seconds: float) -> bytes:
        with trio.move_on_after(seconds):
            return await connection.receive()
        raise httpx2.ReadTimeout(f"no byte of the response for {seconds:g} s")

    async def _hear_in_time(self, heard: Callable[[bytes], bool], idle: float, limit: float) -> "Heard":
        why = await self._open().hear(heard, min(idle, limit))
        if why == "silence" and limit < idle:
            raise httpx2.ReadTimeout(f"no byte of the response for {limit:g} s")
        return why

    def _open(self) -> Connection:
        if self._connection is None:
            raise httpx2.ReadError("the response was closed before its end")
        return self._connection

    def _feed(self, data: bytes) -> None:
        if data:
            self._parser.feed(data)
        else:
            self._parser.feed_eof()

    def _write(self, data: bytes) -> Awaitable[None]:
        connection = self._open()
        return connection.send(data) if self._write_timeout is None else self._write_in_time(data, self._write_timeout)

    async def _write_in_time(self, data: bytes, seconds: float) -> None:
        with trio.move_on_after(seconds) as scope:
            await self._open().send(data)
        if scope.cancelled_caught:
            raise httpx2.WriteTimeout(f"the server took no byte of the request for {seconds:g} s")

    async def _send_stream(self, head: bytes, stream: httpx2.AsyncByteStream, *, chunked: bool) -> None:
        await self._write(head)
        parts = aiter(stream)
        try:
            async for part in parts:
                if part:
                    await self._write(b"%x\r\n%b\r\n" % (len(part), part) if chunked else part)
        finally:
            if isinstance(parts, AsyncGenerator):
                await parts.aclose()
        if chunked:
            await self._write(b"0\r\n\r\n")
        self._sent = True

    async def _send_listening(self, head: bytes, body: bytes) -> None:
        """Sends a large request and stops as soon as the upstream has answered it."""
        connection, failure = self._open(), None
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._listen, connection, nursery.cancel_scope)
            try:
                await self._write(head)
                await self._write(body)
                self._sent = True
                nursery.cancel_scope.cancel()
            except httpx2.WriteError:
                pass  # the listener finds the answer, or the end
            except (httpx2.WriteTimeout, httpx2.ReadError) as error:  # or it was closed by others between the two
                failure = error
                nursery.cancel_scope.cancel()
        if failure is not None:
            raise failure

    async def _listen(self, connection: Connection, scope: trio.CancelScope) -> None:
        try:
            while not self._parser.has_head and self._parser.failure is None:
                self._feed(await connection.receive())
        except httpx2.TransportError as error:
            self._early_error = error
        scope.cancel()
