"""The one way out for what a caller can aim: fetches of pages and files, images behind URLs, wherever those redirect to.

Every hop is a connection of its own, to an address that was looked up once and checked, with nothing of ours or of a
client's on it but our name: no cookies, credentials, referrers, and no headers of the request that is being served. Proxy
variables of the environment (`HTTPS_PROXY`) are not followed: a proxy looks names up itself, behind the check.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import httpx2
import trio

from hyperinfer.providers.egress.errors import EgressError
from hyperinfer.providers.egress.lookup import Resolve, checked_addresses, system_resolver
from hyperinfer.providers.egress.reply import ReplyHead, check_status, read_body, read_head
from hyperinfer.providers.egress.urls import Target, parse, redirected
from hyperinfer.providers.transport import default_ssl_context
from hyperinfer.providers.transport_connection import Connection, Origin, connect
from hyperinfer.providers.transport_errors import GarbledResponse
from hyperinfer.providers.transport_exchange import Exchange
from hyperinfer.providers.transport_request import Body
from hyperinfer.providers.user_agent import user_agent

if TYPE_CHECKING:
    import ssl

    from hyperinfer.providers.egress.addresses import Address, Network

MOST_REDIRECTS: Final = 5
MOST_FETCHES: Final = 32
"""Fetches at once. The next ones wait, and their time runs."""
FETCH_SECONDS: Final = 20.0
_MOST_ADDRESSES: Final = 4
_CONNECT_SECONDS: Final = 5.0
_SILENCE_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True)
class Fetched:
    """A successful answer. `url`: where it came from in the end. `media_type`: lower-case, without parameters, as the server
    says; empty when it does not. `charset`: as it says, not checked. `body`: decoded of its content coding."""

    url: str
    media_type: str
    charset: str | None
    body: bytes


class Egress:
    """Fetches what callers name. Made once; holds nothing between two fetches.

    allow: networks that the operator opens beside the public ones (`egress` in `providers.yaml`). resolve: how names are
    looked up. ssl_context: by default the process's own, which trusts what the system trusts.
    """

    def __init__(
        self,
        *,
        allow: Sequence[Network] = (),
        resolve: Resolve | None = None,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self._allow = tuple(allow)
        self._resolve = resolve or system_resolver()
        self._ssl_context = ssl_context
        self._places = trio.CapacityLimiter(MOST_FETCHES)

    async def fetch(
        self,
        url: str,
        *,
        room: Callable[[str], int],
        accept: str = "*/*",
        seconds: float = FETCH_SECONDS,
        permits: Callable[[str], bool] = lambda url: True,
    ) -> Fetched:
        """GETs `url`, following at most five redirects. Raises EgressError.

        room: how many bytes of a media type (empty: not said) are read, before decoding as well as after it; 0 for a type
        that is not worth reading. accept: the header. seconds: for everything, from the first lookup to the last byte.
        permits: whether the caller wants this URL to be asked for, which those on the way are asked too.
        """
        target = parse(url)
        try:
            with trio.fail_after(seconds):
                async with self._places:
                    return await self._follow(target, room, accept, permits)
        except trio.TooSlowError as error:
            raise EgressError("timeout", f"the page did not come within {seconds:g} seconds") from error
        except httpx2.TimeoutException as error:
            raise EgressError("timeout", "the server does not answer", str(error)) from error
        except GarbledResponse as error:
            raise EgressError("unavailable", "the server's answer cannot be understood", str(error)) from error
        except httpx2.ConnectError as error:
            raise EgressError("unavailable", "no connection to the server could be made", str(error)) from error
        except httpx2.TransportError as error:
            raise EgressError("unavailable", "the connection to the server broke", str(error)) from error

    async def _follow(
        self, target: Target, room: Callable[[str], int], accept: str, permits: Callable[[str], bool]
    ) -> Fetched:
        for _ in range(MOST_REDIRECTS + 1):
            if not permits(target.url):
                raise EgressError("refused", f"{target.host} is not among what this request may ask for")
            exchange = await self._ask(target, accept)
            try:
                head = read_head(exchange.status, exchange.headers)
                if not head.redirects or head.location is None:
                    return await _read(target, head, exchange, room)
            finally:
                exchange.close()
            target = redirected(target, head.location)
        raise EgressError("refused", f"the page redirects more than {MOST_REDIRECTS} times")

    async def _ask(self, target: Target, accept: str) -> Exchange:
        connection = await self._connect(target, await checked_addresses(target, self._resolve, self._allow))
        exchange = Exchange(connection, "GET", _Closing(), read_timeout=_SILENCE_SECONDS, write_timeout=_SILENCE_SECONDS)
        return await exchange.answered(_request(target, accept), Body(b""), chunked=False)

    async def _connect(self, target: Target, addresses: Sequence[Address]) -> Connection:
        origin = Origin(target.scheme, target.host, target.port)
        context = None if target.scheme == "http" else self._ssl_context or default_ssl_context()
        failure: httpx2.TransportError | None = None
        for address in addresses[:_MOST_ADDRESSES]:
            try:
                return await connect(origin, context, seconds=_CONNECT_SECONDS, receive_buffer=None, address=address)
            except httpx2.TransportError as error:
                failure = error
        raise failure or httpx2.ConnectError("no address")


class _Closing:
    """The owner of a connection that carries one exchange."""

    def finished(self, connection: Connection) -> None:
        connection.close()

    def abandoned(self, connection: Connection) -> None:
        """It is closed already."""


def _request(target: Target, accept: str) -> bytes:
    """All that a server gets from us. The target is ASCII without spaces, whatever the caller wrote."""
    return (
        f"GET {target.path} HTTP/1.1\r\n"
        f"Host: {target.netloc}\r\n"
        f"User-Agent: {user_agent()} (fetched for a user)\r\n"
        f"Accept: {accept}\r\n"
        "Accept-Encoding: gzip, deflate\r\n"
        "Connection: close\r\n\r\n"
    ).encode("ascii")


async def _read(target: Target, head: ReplyHead, exchange: Exchange, room: Callable[[str], int]) -> Fetched:
    check_status(head)
    size = room(head.media_type)
    if size <= 0:
        raise EgressError("unsupported", f"this is {head.media_type[:80] or 'of an unknown kind'}, which is not read here")
    body = await read_body(head, exchange, size)
    return Fetched(target.url, head.media_type, head.charset, body)
