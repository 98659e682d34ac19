"""The hot path to one provider: prebuilt address and headers, one call of the transport, raw bytes back."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from math import inf
from typing import TYPE_CHECKING, Final, Self, TypeAlias

import httpx2
import msgspec
import trio

from hyperinfer.formats.events import UpstreamError
from hyperinfer.formats.upstream_errors import UpstreamFault, fault_of_event
from hyperinfer.providers.auth import Credentials
from hyperinfer.providers.catalogue_records import Provider
from hyperinfer.providers.content_coding import Decoder, decoder_for
from hyperinfer.providers.quirks import Protocol
from hyperinfer.providers.response_headers import meaningful
from hyperinfer.providers.secret import Secret
from hyperinfer.providers.status import classify
from hyperinfer.providers.transport import Transport, Waits, origin_of
from hyperinfer.providers.transport_errors import GarbledResponse
from hyperinfer.providers.transport_exchange import Exchange
from hyperinfer.providers.transport_request import Body, request_head
from hyperinfer.providers.transport_scope import ExchangeScope
from hyperinfer.providers.user_agent import user_agent

if TYPE_CHECKING:
    from types import TracebackType

    from hyperinfer.providers.transport_hearing import Heard

ENDPOINTS: Final[dict[Protocol, str]] = {
    "openai_chat": "/chat/completions",
    "openai_responses": "/responses",
    "anthropic_messages": "/messages",
}
"""Where each protocol generates, below `base_url`."""

ANTHROPIC_VERSION: Final = "2023-06-01"
"""Sent to a Messages upstream unless the caller passes the client's own."""

ERROR_BODY_LIMIT: Final = 64 * 1024
"""Bytes of an error's body that are read."""

ERROR_BODY_SECONDS: Final = 5.0
"""How long an error's body may take: the client waits for the news."""

SHORTEST_SECRET: Final = 8
"""Characters of a header's value from which on it counts as secret in what a provider says."""

_Took: TypeAlias = Callable[[float], None] | None

_PASSED_ON: Final = frozenset({"anthropic-version", "anthropic-beta"})
"""The only headers of a client that may reach an upstream, and that a Messages one."""


class BodyTooLarge(GarbledResponse):
    """A whole response is larger than its reader allows."""


class UpstreamResponse:
    """A response whose body is read once: as an iterator over pieces as they arrive, or as a whole with `read`.

    A content coding is undone. Iterating raises `httpx2.TransportError` where the connection or the response breaks.
    `meaningful`: those of the headers that the gateway looks at (`response_headers.meaningful`).
    """

    __slots__ = ("_decoder", "_pieces", "_private", "_raw_headers", "_stream", "meaningful", "status")

    def __init__(
        self, status: int, headers: list[tuple[bytes, bytes]], stream: httpx2.AsyncByteStream, private: tuple[Secret, ...]
    ) -> None:
        self.status = status
        self.meaningful = meaningful(headers)
        coding = self.meaningful.get("content-encoding")
        self._decoder: Decoder | None = decoder_for(coding) if coding else None
        self._raw_headers = headers
        self._stream = stream
        self._pieces = stream.__aiter__()
        self._private = private

    @classmethod
    def of(cls, response: httpx2.Response, private: tuple[Secret, ...]) -> Self:
        """What any transport of httpx2 gave."""
        return cls(response.status_code, response.headers.raw, _asynchronous(response), private)

    @property
    def headers(self) -> Mapping[str, str]:
        """By lower-case name; repeated ones are joined with commas."""
        return httpx2.Headers(self._raw_headers)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._pieces if self._decoder is None else self

    async def __anext__(self) -> bytes:
        decoder = self._decoder
        if decoder is None:
            return await self._pieces.__anext__()
        while not (decoded := decoder.take()):
            try:
                decoder.feed(await self._pieces.__anext__())
            except StopAsyncIteration:
                decoder.end()
                raise
        return decoded

    def pass_on(self, take: Callable[[bytes], bool], idle: float = inf) -> "Awaitable[Heard]":
        """Hands `take` each piece as it comes, until it says that it takes no more, the body has ended, or nothing came for
        `idle` seconds.

        `take` must not wait: it may be called in another task. Raises as iterating, and what `take` raises.
        """
        if self._decoder is None and isinstance(self._stream, Exchange):
            return self._stream.pass_on(take, idle)
        return self._pass_on_iterating(take, idle)

    async def _pass_on_iterating(self, take: Callable[[bytes], bool], idle: float) -> "Heard":
        while True:
            piece = b""
            with trio.move_on_after(idle) as silence:
                try:
                    piece = await self.__anext__()
                except StopAsyncIteration:
                    return "end"
            if silence.cancelled_caught:
                return "silence"
            if not take(piece):
                return "enough"

    async def read(self, limit: int) -> bytes:
        """The whole body. Raises `BodyTooLarge` when it has more than `limit` bytes, without reading on."""
        pieces: list[bytes] = []
        size = 0
        async for piece in self:
            size += len(piece)
            if size > limit:
                raise BodyTooLarge(f"the response has more than {limit} bytes")
            pieces.append(piece)
        return b"".join(pieces)

    async def fault(self, *, now: float) -> UpstreamFault:
        """Reads the body as an error's and says what it means. `now` is Unix seconds, for a `Retry-After` date.

        A body that breaks off, or goes on for too long, is judged by what came of it.
        """
        body = bytearray()
        with trio.move_on_after(ERROR_BODY_SECONDS):
            try:
                async for piece in self:
                    body += piece
                    if len(body) > ERROR_BODY_LIMIT:
                        break
            except httpx2.TransportError:
                pass  # the status is known, and says more than the way it was said
        return classify(
            self.status, self.meaningful, bytes(body[:ERROR_BODY_LIMIT]), now=now, private=self._reveal_private()
        )

    @property
    def ended(self) -> bool:
        """The body is here to its end, and the connection is of somebody else. False also where the transport cannot say."""
        stream = self._stream
        return type(stream) is Exchange and stream.ended

    @property
    def connected(self) -> float | None:
        """Trio's clock when its connection was there: before the request where the connection is used again. None where the
        transport cannot say."""
        stream = self._stream
        return stream.connected if isinstance(stream, Exchange) else None

    async def aclose(self) -> None:
        """Closes the connection unless the body was read to its end. Our transport does so without waiting."""
        await self._stream.aclose()

    def fault_within(self, error: UpstreamError) -> UpstreamFault:
        """What the error means with which the reply in this response ended, under a status of success."""
        return msgspec.structs.replace(fault_of_event(error, private=self._reveal_private()), status=self.status)

    def _reveal_private(self) -> list[str]:
        return [secret.reveal() for secret in self._private]


class Upstream:
    """Calls one provider through a transport. Everything that can be made in advance is.

    `turns` counts requests, for a provider with several keys (`itertools.count()`). `connected` is told how many seconds
    each connection took, where the transport is `Transport`.
    """

    def __init__(
        self, provider: Provider, transport: httpx2.AsyncBaseTransport, *, turns: Iterator[int], connected: _Took = None
    ) -> None:
        self._transport = transport
        self._credentials = Credentials(provider, turns)
        self._base = httpx2.URL(provider.base_url)
        self._urls: dict[str, httpx2.URL] = {}
        self._starts: dict[tuple[str, int, bool], bytes] = {}
        self._origin = origin_of(self._base) if type(transport) is Transport else None
        hosts = (Secret(self._base.host),) if provider.transport == "network" else ()
        # Values of headers as well: they are often keys too. Short ones are none, and words in their own right.
        headers = tuple(value for _, value in provider.headers if len(value.reveal()) >= SHORTEST_SECRET)
        self._private = provider.keys + headers + hosts
        self._headers = {
            (place, stream): self._prebuilt(provider, place, stream)
            for place in range(max(1, len(self._credentials)))
            for stream in (False, True)
        }
        # Everything behind connecting has deadlines of the pipeline's own.
        self._waits = Waits(connect=provider.timeouts.connect, connected=connected)
        self._extensions = {"timeout": {"connect": provider.timeouts.connect, "read": None, "write": None, "pool": None}}
        self.endpoint = ENDPOINTS[provider.protocol]
        self._takes_anthropic_headers = provider.protocol == "anthropic_messages"

    def scope(self) -> ExchangeScope | None:
        """For `open`: what a request can be ended by, at less cost than a cancel scope. None where only that does."""
        return self._transport.scope() if type(self._transport) is Transport else None

    def open(
        self,
        path: str,
        body: bytes,
        *,
        stream: bool,
        extra_headers: Iterable[tuple[str, str]] = (),
        scope: ExchangeScope | None = None,
    ) -> "Opening":
        """`async with` posts a JSON body to `path` (below the base URL: `endpoint`, or `/messages/count_tokens`), and gives
        the response.

        `extra_headers` are the client's `anthropic-version` and `anthropic-beta` on a Messages hop; any other name is
        refused with `ValueError`, and both are left out elsewhere. `scope`: one from `scope()`. Leaving the block closes the
        connection unless the body was read to its end. Raises `httpx2.TransportError`
        (`connection_faults.fault_of_exception`).
        """
        return Opening(self, path, body, stream, tuple(extra_headers), scope)

    async def ask(
        self, path: str, body: bytes, stream: bool, extra_headers: tuple[tuple[str, str], ...], scope: ExchangeScope | None
    ) -> UpstreamResponse:
        """The response, to be closed by the caller. For `Opening`."""
        transport, origin, private = self._transport, self._origin, self._private
        # A subclass may look at requests: it gets one to look at.
        if type(transport) is not Transport or origin is None:
            response = await transport.handle_async_request(self._request(path, body, stream, extra_headers))
            try:
                return UpstreamResponse.of(response, private)
            except BaseException:
                await response.aclose()
                raise
        if extra_headers:
            head = request_head(self._request(path, body, stream, extra_headers))
        else:
            head = b"%b%d\r\n\r\n" % (self._start(path, self._credentials.next_turn(), stream), len(body))
        exchange = await transport.post(origin, head, Body(body), self._waits, scope)
        try:
            return UpstreamResponse(exchange.status, exchange.headers, exchange, private)
        except BaseException:
            exchange.close()
            raise

    def _start(self, path: str, place: int, stream: bool) -> bytes:
        """The head of a request as far as the number of its length."""
        start = self._starts.get((path, place, stream))
        if start is None:
            request = httpx2.Request("POST", self._url(path), headers=self._headers[place, stream], stream=Body(b""))
            start = self._starts[path, place, stream] = request_head(request)[: -len(b"\r\n")] + b"content-length: "
        return start

    def _url(self, path: str) -> httpx2.URL:
        url = self._urls.get(path)
        if url is None:
            url = self._urls[path] = _join(self._base, path)
        return url

    def _request(self, path: str, body: bytes, stream: bool, extra_headers: Iterable[tuple[str, str]]) -> httpx2.Request:
        headers = self._headers[self._credentials.next_turn(), stream].copy()
        headers["content-length"] = str(len(body))
        for name, value in extra_headers:
            name = name.lower()
            if name not in _PASSED_ON:
                raise ValueError(f"{name} is not a header that goes upstream")
            # What is not printable ASCII is no version and no flag.
            if self._takes_anthropic_headers and value.isascii() and value.isprintable():
                flags = headers.get(name) if name == "anthropic-beta" else None
                headers[name] = f"{flags},{value}" if flags else value
        return httpx2.Request("POST", self._url(path), headers=headers, stream=Body(body), extensions=self._extensions)

    def _prebuilt(self, provider: Provider, place: int, stream: bool) -> httpx2.Headers:
        headers = httpx2.Headers(
            {
                "host": self._base.netloc.decode("ascii"),
                "user-agent": user_agent(),
                "accept": "text/event-stream" if stream else "application/json",
                "accept-encoding": "identity",
                "content-type": "application/json",
            }
        )
        if provider.protocol == "anthropic_messages":
            headers["anthropic-version"] = ANTHROPIC_VERSION
        for name, secret in provider.headers:
            headers[name] = secret.reveal()
        for name, value in self._credentials.headers(place):
            headers[name] = value
        return headers


class Opening:
    """A request that is sent when its block is entered, and whose response is closed when it is left."""

    __slots__ = ("_asked", "_response")

    def __init__(
        self,
        upstream: Upstream,
        path: str,
        body: bytes,
        stream: bool,
        extra_headers: tuple[tuple[str, str], ...],
        scope: ExchangeScope | None,
    ) -> None:
        self._asked = [(upstream, path, body, stream, extra_headers, scope)]
        self._response: UpstreamResponse | None = None

    async def __aenter__(self) -> UpstreamResponse:
        # Not kept: a long response would hold the request's body to its end.
        upstream, path, body, stream, extra_headers, scope = self._asked.pop()
        self._response = await upstream.ask(path, body, stream, extra_headers, scope)
        return self._response

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: "TracebackType | None"
    ) -> None:
        response = self._response
        if response is not None and not response.ended:
            await response.aclose()


def _asynchronous(response: httpx2.Response) -> httpx2.AsyncByteStream:
    stream = response.stream
    if not isinstance(stream, httpx2.AsyncByteStream):
        raise RuntimeError("the transport answered with a synchronous body")
    return stream


def _join(base: httpx2.URL, path: str) -> httpx2.URL:
    """`path` below the path of `base`, whose query (`?api-version=…`) and percent-encoding stay as they are."""
    base_path, mark, query = base.raw_path.partition(b"?")
    return base.copy_with(raw_path=base_path.rstrip(b"/") + path.encode("ascii") + mark + query)
