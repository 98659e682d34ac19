"""What stands in place of the things that a recorded request calls, does the same, and tells what came of it."""

from __future__ import annotations

from contextlib import asynccontextmanager
from math import inf
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, Self

import httpx2

from hyperinfer.providers.client import UpstreamResponse
from hyperinfer.providers.transport_exchange import Exchange as UpstreamExchange

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping

    from hyperinfer.api.edge.exchange import Exchange, Headers
    from hyperinfer.formats.server_tools import ToolName, ToolOutcome
    from hyperinfer.nodes.attempt import Client, Clients
    from hyperinfer.nodes.tools.port import Declaration, ServerTool
    from hyperinfer.providers.catalogue import Provider
    from hyperinfer.providers.transport_hearing import Heard
    from hyperinfer.providers.transport_scope import ExchangeScope


class Asking(NamedTuple):
    """What is asked of whom. `slug`: the catalogue's name of the model. `path`: below the provider's address. `headers`:
    those of the client that are passed on."""

    provider: Provider
    slug: str
    path: str
    headers: tuple[tuple[str, str], ...]
    streamed: bool


class Attempted(Protocol):
    """Hears what comes of one attempt. Nothing of it waits or raises."""

    def head(self, status: int, headers: Mapping[str, str]) -> None: ...

    def piece(self, data: bytes) -> None: ...

    def ended(self) -> None: ...

    def failed(self, error: httpx2.TransportError) -> None: ...

    def closed(self) -> None:
        """We closed it, or it ended by itself if nobody said so before."""
        ...


class Listener(Protocol):
    """Hears of one request."""

    def attempted(self, asking: Asking, body: bytes) -> Attempted:
        """An upstream is asked."""
        ...

    def ran(self, tool: str, arguments: object, began: float, outcome: ToolOutcome | None) -> None:
        """A tool ran, or was cut short. `began`: trio's clock."""
        ...

    def answered(self, status: int, headers: Headers) -> None:
        """The connection is given the head of the response."""
        ...

    def sent(self, data: bytes) -> None:
        """Bytes of its body."""
        ...

    def now(self) -> float:
        """Trio's clock."""
        ...


class TappedClients:
    """Clients whose attempts are heard. `slug`: the catalogue's name of the model that is asked at the moment."""

    def __init__(self, clients: Clients, slug: Callable[[], str], listener: Listener) -> None:
        self._clients, self._slug, self._listener = clients, slug, listener

    def of(self, provider: Provider) -> Client:
        """That of a provider."""
        return TappedClient(self._clients.of(provider), provider, self._slug, self._listener)


class TappedClient:
    """One of them."""

    def __init__(self, client: Client, provider: Provider, slug: Callable[[], str], listener: Listener) -> None:
        self._client, self._provider, self._slug, self._listener = client, provider, slug, listener

    @property
    def endpoint(self) -> str:
        return self._client.endpoint

    def scope(self) -> ExchangeScope | None:
        """As the client's."""
        return self._client.scope()

    @asynccontextmanager
    async def open(
        self,
        path: str,
        body: bytes,
        *,
        stream: bool,
        extra_headers: Iterable[tuple[str, str]] = (),
        scope: ExchangeScope | None = None,
    ) -> AsyncGenerator[UpstreamResponse]:
        """As the client's."""
        headers = tuple(extra_headers)
        attempted = self._listener.attempted(Asking(self._provider, self._slug(), path, headers, stream), body)
        opening = self._client.open(path, body, stream=stream, extra_headers=headers, scope=scope)
        del body  # a reply may take an hour

        def failing(error: httpx2.TransportError) -> None:
            if scope is None or not scope.cancelled_caught:  # else it is we who closed it
                attempted.failed(error)

        try:
            async with opening as response:
                attempted.head(response.status, response.meaningful)
                yield HeardResponse.over(response, attempted, failing)
                if response.ended:
                    attempted.ended()
        except httpx2.TransportError as error:
            failing(error)
            raise
        finally:
            attempted.closed()


class HeardResponse(UpstreamResponse):
    """A response that is heard as it is read."""

    __slots__ = ("_attempted", "_failing")
    _attempted: Attempted
    _failing: Callable[[httpx2.TransportError], None]

    @classmethod
    def over(
        cls, response: UpstreamResponse, attempted: Attempted, failing: Callable[[httpx2.TransportError], None]
    ) -> Self:
        """In place of another, which is read no more."""
        heard = cls(response.status, response._raw_headers, response._stream, response._private)
        heard._pieces = response._pieces
        heard._attempted, heard._failing = attempted, failing
        return heard

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        try:
            piece = await super().__anext__()
        except StopAsyncIteration:
            self._attempted.ended()
            raise
        except httpx2.TransportError as error:
            self._failing(error)
            raise
        self._attempted.piece(piece)
        return piece

    async def pass_on(self, take: Callable[[bytes], bool], idle: float = inf) -> Heard:
        """As of any response."""

        def heard(piece: bytes) -> bool:
            self._attempted.piece(piece)
            return take(piece)

        if self._decoder is not None or not isinstance(self._stream, UpstreamExchange):
            return await self._pass_on_iterating(take, idle)
        why = await super().pass_on(heard, idle)
        if why == "end":
            self._attempted.ended()
        return why


class TappedTool:
    """A tool whose runs are heard."""

    def __init__(self, tool: ServerTool, listener: Listener) -> None:
        self._tool, self._listener = tool, listener

    @property
    def name(self) -> ToolName:
        return self._tool.name

    @property
    def price(self) -> int:
        return self._tool.price

    @property
    def seconds(self) -> float:
        return self._tool.seconds

    def declaration(self, options: Mapping[str, Any]) -> Declaration:
        return self._tool.declaration(options)

    async def run(self, arguments: Mapping[str, Any], options: Mapping[str, Any]) -> ToolOutcome:
        """As the tool's."""
        began, outcome = self._listener.now(), None
        try:
            outcome = await self._tool.run(arguments, options)
            return outcome
        finally:
            self._listener.ran(self.name, arguments, began, outcome)


class TappedExchange:
    """The side of an exchange that is written to. See `exchange_sink.Writable`."""

    def __init__(self, exchange: Exchange, listener: Listener) -> None:
        self._exchange, self._listener = exchange, listener

    @property
    def gone(self) -> bool:
        return self._exchange.gone

    def send_head(self, status: int, headers: Headers) -> Awaitable[None]:
        """As the exchange's."""
        if not self._exchange.gone:
            self._listener.answered(status, headers)
        return self._exchange.send_head(status, headers)

    def send_body(self, data: bytes) -> Awaitable[None]:
        """As the exchange's."""
        if not self._exchange.gone:
            self._listener.sent(data)
        return self._exchange.send_body(data)

    async def send_last(self, data: bytes = b"") -> None:
        """As the exchange's."""
        await self._exchange.send_last(data)
        self._listener.sent(data)
