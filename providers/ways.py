"""How an address is reached: by our transport, or by httpx2's own where a proxy or HTTP/2 is in it."""

import ssl
from collections.abc import Set
from functools import cache
from typing import Final

import httpx2

from hyperinfer.providers.proxies import Proxies
from hyperinfer.providers.secret import Secret
from hyperinfer.providers.transport import Transport, default_ssl_context, origin_of
from hyperinfer.providers.transport_connection import Origin
from hyperinfer.providers.ways_left import Leavable

_LIMITS: Final = httpx2.Limits(max_connections=None, max_keepalive_connections=128, keepalive_expiry=60.0)
"""As our own transport has them: how many requests run at once is not decided here."""


@cache
def _http2_ssl_context() -> ssl.SSLContext:
    """A second context for the process, as what it offers by ALPN is set in the context."""
    return httpx2.create_ssl_context()


class Ways(httpx2.AsyncBaseTransport):
    """A transport to wherever `direct` leads, with the proxies that the environment names in between.

    httpx2's own transports, one for each origin, proxy and version of HTTP, are made when they are first needed. They cost
    several times the CPU of ours. ssl_context: by default the process's own.
    """

    def __init__(
        self, direct: httpx2.AsyncBaseTransport, proxies: Proxies, *, ssl_context: ssl.SSLContext | None = None
    ) -> None:
        self._direct = direct
        self._proxies = proxies
        self._ssl_context = ssl_context
        self._stock: dict[tuple[Origin, Secret | None, bool], Leavable] = {}

    def to(self, url: httpx2.URL, *, http2: bool) -> httpx2.AsyncBaseTransport:
        """The transport for requests to `url`. `http2`: HTTP/2 where the server offers it (over TLS, by ALPN)."""
        proxy = self._proxies.to(url.scheme, url.host, url.port)
        if proxy is None and not http2:
            return self._direct
        key = (origin_of(url), proxy, http2)
        stock = self._stock.get(key)
        if stock is None:
            stock = self._stock[key] = Leavable(self._made(proxy, http2))
        return stock

    async def leave(self, origins: Set[Origin]) -> None:
        """Keeps no connections to these origins any more; to those named the last time, again. Requests under way end in
        their time."""
        if isinstance(self._direct, Transport):
            self._direct.leave(origins)
        for key in [key for key in self._stock if key[0] in origins]:
            await self._stock.pop(key).leave()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Sends a request the way that leads to its URL. Raises `httpx2.TransportError`."""
        return await self.to(request.url, http2=False).handle_async_request(request)

    async def aclose(self) -> None:
        """Closes every connection."""
        await self._direct.aclose()
        for stock in self._stock.values():
            await stock.aclose()

    def _made(self, proxy: Secret | None, http2: bool) -> httpx2.AsyncHTTPTransport:
        context = self._ssl_context or (_http2_ssl_context() if http2 else default_ssl_context())
        over = None
        if proxy is not None:
            over = httpx2.Proxy(proxy.reveal())
            if over.url.scheme == "https":
                over.ssl_context = self._ssl_context or default_ssl_context()
        return httpx2.AsyncHTTPTransport(verify=context, http2=http2, limits=_LIMITS, proxy=over, trust_env=False)
