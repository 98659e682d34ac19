"""An upstream as a transport of httpx: without a port, on the clock of whoever waits.

With an `AsyncClient` the pauses are those of its event loop: on trio's virtual clock they are exact and take no time. A read
timeout of the client that a pause is longer than is over when it would be, and raises as it would.
"""

from __future__ import annotations

import asyncio
import time
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, Self

import httpx2
import trio

from hyperinfer.testing.wire.frames import Chunk, Ending, Wire

if TYPE_CHECKING:
    from hyperinfer.testing.received import Received
    from hyperinfer.testing.upstream import Upstream

_NEVER: Final = float("inf")


class _Exchange:
    """One answer being played. Times are those of the script, since the request came; `pace` makes real ones of them."""

    def __init__(self, library: Any, request: Received, wire: Wire, pace: float, limit: float | None) -> None:
        self.library, self.request, self.wire = library, request, wire
        self._pace, self._limit = pace, limit
        self._chunks, self._left = iter(wire.chunks), len(wire.chunks)
        self._due = self._now = 0.0

    def next_wait(self, real: float, delay: float) -> tuple[float, bool]:
        """Until which real time to wait for what comes `delay` after the thing before it, and whether it comes by then: else
        the client's patience ends. `real`: what time it is. Real times are seconds since the request came."""
        self._now = max(self._now, real / self._pace) if self._pace else max(self._now, self._due)
        self._due += delay
        patience = _NEVER if self._limit is None else self._now + self._limit
        until = min(self._due, patience)
        self._now = max(self._now, until)
        return until * self._pace if until != _NEVER else _NEVER, self._due <= patience

    def head_delay(self) -> float:
        """Of status and headers, or of what comes in their place."""
        return _NEVER if self.wire.status is None and self.wire.ending is Ending.STALL else self.wire.wait

    def next_step(self) -> tuple[float, Chunk | None]:
        """The next piece and its delay; None for the ending."""
        chunk = next(self._chunks, None)
        if chunk is not None:
            self._left -= 1
            return chunk.delay, chunk
        return (_NEVER if self.wire.ending is Ending.STALL else self.wire.ending_delay), None

    def leave(self) -> None:
        """The client has closed the response, be it read to its end or not."""
        everything = not self._left and self.wire.ending is Ending.COMPLETE
        self.request.end("answered" if everything else "left")

    def timeout(self) -> Exception:
        """What the client's library says when nothing came in time."""
        error: Exception = self.library.ReadTimeout("The read operation timed out")
        return error

    def ending(self) -> Exception | None:
        """What it says of how the exchange has ended."""
        self.request.end("answered" if self.wire.ending is Ending.COMPLETE else "failed")
        match self.wire.ending:
            case Ending.RESET:
                name, words = "ReadError", "[Errno 104] Connection reset by peer"
            case Ending.CUT if self.wire.status is None:
                name, words = "RemoteProtocolError", "Server disconnected without sending a response."
            case Ending.CUT:
                name, words = "RemoteProtocolError", "peer closed connection without sending complete message body"
            case _:
                return None
        found: Any = getattr(self.library, self.wire.error or name, None)
        kind = found if isinstance(found, type) and issubclass(found, self.library.TransportError) else None
        error: Exception = (kind or getattr(self.library, name))("as in the recording" if self.wire.error else words)
        return error


class _Body:
    """The body of one answer, for both kinds of clients."""

    def __init__(self, exchange: _Exchange, began: float) -> None:
        self._exchange, self._began = exchange, began

    def __iter__(self) -> Self:
        return self

    def __aiter__(self) -> Self:
        return self

    def __next__(self) -> bytes:
        delay, chunk = self._exchange.next_step()
        _sleep(self._exchange, self._began, delay)
        if (data := self._given(chunk)) is None:
            raise StopIteration
        return data

    async def __anext__(self) -> bytes:
        delay, chunk = self._exchange.next_step()
        await _sleep_async(self._exchange, self._began, delay)
        if (data := self._given(chunk)) is None:
            raise StopAsyncIteration
        return data

    def _given(self, chunk: Chunk | None) -> bytes | None:
        if chunk is not None:
            return chunk.data
        if (error := self._exchange.ending()) is not None:
            raise error
        return None

    def close(self) -> None:
        """The client has had enough."""
        self._exchange.leave()

    async def aclose(self) -> None:
        """The client has had enough."""
        self._exchange.leave()


class _Carrier:
    """What makes a transport of either library; it comes first among the bases."""

    _library: Any
    _body: Any
    _upstream: Upstream

    def handle_request(self, request: Any) -> Any:
        """The response to a synchronous client. It sleeps for real."""
        began = time.monotonic()
        exchange = self._exchange(request, request.read(), began)
        try:
            _sleep(exchange, began, exchange.head_delay())
            return self._response(exchange, began)
        except BaseException:
            exchange.request.end("left")
            raise

    async def handle_async_request(self, request: Any) -> Any:
        """The response to an asynchronous client, on trio or asyncio."""
        body = await request.aread()
        began = _loop_time()
        exchange = self._exchange(request, body, began)
        try:
            await _sleep_async(exchange, began, exchange.head_delay())
            return self._response(exchange, began)
        except BaseException:
            exchange.request.end("left")
            raise

    def _exchange(self, request: Any, body: bytes, at: float) -> _Exchange:
        target = request.url.raw_path.decode("ascii")
        headers = {name.lower(): value for name, value in request.headers.items()}
        received, wire = self._upstream.receive(method=request.method, target=target, headers=headers, body=body, at=at)
        limits: dict[str, float | None] = request.extensions.get("timeout") or {}
        return _Exchange(self._library, received, wire, self._upstream.pace, limits.get("read"))

    def _response(self, exchange: _Exchange, began: float) -> Any:
        if exchange.wire.status is None:
            error = exchange.ending()
            assert error is not None
            raise error
        body = self._body(exchange, began)
        return self._library.Response(exchange.wire.status, headers=list(exchange.wire.fields), stream=body)


class _Httpx2Body(_Body, httpx2.SyncByteStream, httpx2.AsyncByteStream):
    pass


class UpstreamTransport(_Carrier, httpx2.BaseTransport, httpx2.AsyncBaseTransport):
    """A transport of httpx2, for synchronous and asynchronous clients."""

    _library = httpx2
    _body = _Httpx2Body

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream


def httpx_transport(upstream: Upstream) -> Any:
    """A transport of httpx, for synchronous and asynchronous clients. Raises `ImportError`."""
    library: Any = import_module("httpx")
    body = type("Body", (_Body, library.SyncByteStream, library.AsyncByteStream), {})
    bases = (_Carrier, library.BaseTransport, library.AsyncBaseTransport)
    return type("HttpxTransport", bases, {"_library": library, "_body": body, "_upstream": upstream})()


def _sleep(exchange: _Exchange, began: float, delay: float) -> None:
    until, comes = exchange.next_wait(time.monotonic() - began, delay)
    if until == _NEVER:
        raise exchange.timeout()
    time.sleep(max(0.0, began + until - time.monotonic()))
    if not comes:
        raise exchange.timeout()


async def _sleep_async(exchange: _Exchange, began: float, delay: float) -> None:
    until, comes = exchange.next_wait(_loop_time() - began, delay)
    if trio.lowlevel.in_trio_run():
        await trio.sleep_until(began + until)
    elif until == _NEVER:
        await asyncio.get_running_loop().create_future()
    else:
        await asyncio.sleep(max(0.0, began + until - _loop_time()))
    if not comes:
        raise exchange.timeout()


def _loop_time() -> float:
    return trio.current_time() if trio.lowlevel.in_trio_run() else asyncio.get_running_loop().time()
