"""The upstream transport: HTTP/1.1 over trio sockets, as an httpx2 transport.

`httpx2.AsyncClient(transport=Transport())` works as one is used to; the gateway's hot path calls
`post` (`client.py`), which costs a tenth. What a client would add is the caller's: following
redirects, cookies, decoding the body, raising for a status.
"""

import ssl
from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import cache
from typing import Final, NamedTuple

import httpx2
import trio

from hyperinfer.providers.transport_connection import Connection, Origin, connect
from hyperinfer.providers.transport_exchange import Exchange
from hyperinfer.providers.transport_hearing import Sockets
from hyperinfer.providers.transport_pool import Pool
from hyperinfer.providers.transport_request import Body, request_body, request_head
from hyperinfer.providers.transport_scope import ExchangeScope

_PORTS: Final = {"http": 80, "https": 443}


@cache
def default_ssl_context() -> ssl.SSLContext:
    """The one TLS context of the process, built when first needed (it costs 18 ms). Trusts what the system trusts."""
    context = httpx2.create_ssl_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


class Waits(NamedTuple):
    """Seconds for connecting, and for each read and write; None waits. `connected`: is told how long connecting took."""

    connect: float | None
    read: float | None = None
    write: float | None = None
    connected: Callable[[float], None] | None = None

    @classmethod
    def of(cls, timeouts: Mapping[str, float | None]) -> "Waits":
        """As httpx2 has them."""
        return cls(timeouts.get("connect"), timeouts.get("read"), timeouts.get("write"))


class Transport(httpx2.AsyncBaseTransport):
    """Keeps connections alive and answers one request at a time on each.

    A connection is used again only after a complete, clean, uncancelled exchange. When a reused one dies before the
    first byte of a response, the request goes out once more on a new one (servers close idle connections when they
    like); a body that can be read only once never goes on a reused connection. Nothing else is retried.

    Cancelling a call, or closing the response before its end, closes the socket at once.

    Timeouts: `request.extensions["timeout"]` as httpx2 fills it (connect, read, write; seconds, None waits). Without
    it, `connect_timeout` bounds connecting, and the caller's cancel scopes everything else.
    """

    def __init__(
        self,
        *,
        ssl_context: ssl.SSLContext | None = None,
        connect_timeout: float | None = 10.0,
        max_idle: int = 128,
        idle_seconds: float = 60.0,
        receive_buffer: int | None = None,
        sockets: Sockets | None = None,
    ) -> None:
        """`max_idle` connections are kept an origin. `receive_buffer` bounds the kernel's buffer of each, in bytes.
        `sockets`: who watches those that are not read through TLS; None: each is waited for by the task that reads it."""
        self._ssl_context = ssl_context
        self._connect_timeout = connect_timeout
        self._receive_buffer = receive_buffer
        self._sockets = sockets
        self._pool = Pool(max_idle=max_idle, idle_seconds=idle_seconds)
        self._active: set[Connection] = set()
        self._left: frozenset[Origin] = frozenset()
        self._closed = False

    @property
    def idle(self) -> int:
        """Connections kept for later."""
        return len(self._pool)

    @property
    def active(self) -> int:
        """Connections with a request under way."""
        return len(self._active)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Sends `request` and returns its response with an unread body.

        Raises `httpx2.TransportError`: see `transport_errors`.
        """
        head = request_head(request)
        body = await request_body(request)
        chunked = not isinstance(body, Body) and "chunked" in request.headers.get("transfer-encoding", "").lower()
        timeouts = _timeouts(request)
        waits = Waits(self._connect_timeout) if timeouts is None else Waits.of(timeouts)
        exchange = await self._answered(origin_of(request.url), request.method, head, body, waits, chunked=chunked)
        return httpx2.Response(exchange.status, headers=exchange.headers, stream=exchange)

    def post(
        self, origin: Origin, head: bytes, body: Body, waits: Waits, scope: ExchangeScope | None = None
    ) -> Awaitable[Exchange]:
        """The same for a `POST` whose head is bytes already (the request line, headers and the empty line behind them): the
        exchange with its status and headers, and its body still to be read. `scope`: what it can be ended by."""
        return self._answered(origin, "POST", head, body, waits, chunked=False, scope=scope)

    def scope(self) -> ExchangeScope | None:
        """A scope for `post`. None where nobody watches the sockets: their alarms are what it needs."""
        return None if self._sockets is None else ExchangeScope(self._sockets)

    async def _answered(
        self,
        origin: Origin,
        method: str,
        head: bytes,
        body: httpx2.AsyncByteStream,
        waits: Waits,
        *,
        chunked: bool,
        scope: ExchangeScope | None = None,
    ) -> Exchange:
        if self._closed:
            raise RuntimeError("the transport is closed")
        reused = self._pool.take(origin, trio.current_time()) if isinstance(body, Body) else None
        if reused is not None:
            exchange = self._begin(reused, method, waits, scope)
            try:
                return await exchange.answered(head, body, chunked=chunked)
            except httpx2.TransportError as error:
                if not exchange.died_unanswered(error):
                    raise
        exchange = self._begin(await self._connect(origin, waits, scope), method, waits, scope)
        return await exchange.answered(head, body, chunked=chunked)

    def leave(self, origins: Iterable[Origin]) -> None:
        """Keeps connections to these origins no longer (and again to those named the last time): idle ones are closed, the
        others when their exchange is over."""
        self._left = frozenset(origins)
        for origin in self._left:
            self._pool.close_to(origin)

    async def aclose(self) -> None:
        """Closes every connection, also those with a request under way."""
        self._closed = True
        self._pool.close()
        for connection in self._active:
            connection.close()
        self._active.clear()

    def finished(self, connection: Connection) -> None:
        """Takes a connection back after a complete and clean exchange."""
        self._active.discard(connection)
        if self._closed or (self._left and connection.origin in self._left):
            connection.close()
            return
        try:
            self._pool.put(connection, trio.current_time())
        except BaseException:  # a bug, and nobody else knows of the connection any more
            connection.close()
            raise

    def abandoned(self, connection: Connection) -> None:
        """Forgets a connection that an exchange has closed."""
        self._active.discard(connection)

    def _begin(self, connection: Connection, method: str, waits: Waits, scope: ExchangeScope | None) -> Exchange:
        self._active.add(connection)
        exchange = Exchange(connection, method, self, read_timeout=waits.read, write_timeout=waits.write)
        if scope is not None:
            scope.holds(exchange.close)
        return exchange

    async def _connect(self, origin: Origin, waits: Waits, scope: ExchangeScope | None) -> Connection:
        if self._closed:
            raise httpx2.ReadError("the transport was closed during the request")
        context = None if origin.scheme == "http" else self._ssl_context or default_ssl_context()
        with trio.CancelScope() as connecting:
            if scope is not None:
                scope.holds(connecting.cancel)
            began = trio.current_time()
            connection = await connect(
                origin, context, seconds=waits.connect, receive_buffer=self._receive_buffer, sockets=self._sockets
            )
            if waits.connected is not None:
                waits.connected(trio.current_time() - began)
            return connection
        raise httpx2.ConnectError("ended while connecting")


def _timeouts(request: httpx2.Request) -> Mapping[str, float | None] | None:
    timeouts: Mapping[str, float | None] | None = request.extensions.get("timeout")
    return timeouts


def origin_of(url: httpx2.URL) -> Origin:
    """Where a URL leads. Raises `httpx2.UnsupportedProtocol` for one that this transport cannot call."""
    scheme = url.scheme
    port = url.port or _PORTS.get(scheme)
    if port is None or not url.host:
        raise httpx2.UnsupportedProtocol(f"not a URL that this transport can call: {scheme}://")
    return Origin(scheme, url.host, port)
