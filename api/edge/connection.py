"""One accepted connection: who serves it, what is known about it, and the set of all of them that a drain works on."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, cast

import trio
from hypercorn.trio.tcp_server import TCPServer
from hypercorn.typing import ConnectionState

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator, Mapping

    from hypercorn.config import Config
    from hypercorn.trio.worker_context import WorkerContext

    from hyperinfer.api.edge.deadline import WriteDeadline
    from hyperinfer.api.edge.guarded import GuardedStream

HypercornApp: TypeAlias = "Callable[..., Awaitable[None]]"
"""What hypercorn calls for a request: the three of ASGI, and two functions for threads that nothing here uses."""

EdgeStream: TypeAlias = "GuardedStream | trio.SSLStream[GuardedStream]"

CONNECTION = "hyperinfer.connection"
"""Where `scope["state"]` holds the `Connection` of a request."""


@dataclass(slots=True)
class EdgeCounters:
    """What happened at the edge since the start; for metrics."""

    connections: int = 0
    open: int = 0
    requests: int = 0
    clients_gone: int = 0
    """Requests whose client left or stopped reading."""
    crashes: int = 0
    """Requests whose handler threw."""
    connection_crashes: int = 0
    """Connections that ended by an exception: a bug here, in hypercorn or in a parser, each logged."""
    handshakes_failed: int = 0
    accept_errors: int = 0


@dataclass(eq=False, slots=True)
class Connection:
    """What a request may know about the connection that it came on."""

    stream: GuardedStream
    write_deadline: WriteDeadline
    draining: bool = False


def connection_of(scope: Mapping[str, Any]) -> Connection | None:
    """The connection of an ASGI request, None under another server."""
    return cast("Connection | None", scope.get("state", {}).get(CONNECTION))


class EdgeConnection(Protocol):
    """Serves one connection until it ends."""

    async def run(self) -> None: ...


class Choose(Protocol):
    """The seam: decides, per connection, who serves it. It may read ahead from the stream only what it replays."""

    async def __call__(self, stream: EdgeStream, connection: Connection) -> EdgeConnection: ...


@dataclass(frozen=True, slots=True)
class Serving:
    """What all connections of a worker share."""

    app: HypercornApp
    config: Config
    context: WorkerContext
    state: Mapping[str, object]


class StockEdge:
    """Every connection to hypercorn: HTTP/1.1, HTTP/2 by ALPN, by prior knowledge and by `Upgrade: h2c`."""

    def __init__(self, serving: Serving) -> None:
        self._serving = serving

    async def __call__(self, stream: EdgeStream, connection: Connection) -> EdgeConnection:
        serving = self._serving
        state = ConnectionState({**serving.state, CONNECTION: connection})
        # It declares narrower types; what it uses of a stream is asserted in tests/api/edge/test_stock_seam.py.
        app, given = cast("Any", serving.app), cast("Any", stream)
        return TCPServer(app, serving.config, serving.context, cast("Any", state), given)


EDGES: Mapping[str, Callable[[Serving], Choose]] = {"stock": StockEdge}
"""What `--edge` may name."""


@dataclass(eq=False, slots=True)
class Connections:
    """The open connections of a worker."""

    draining: bool = False
    _open: set[Connection] = field(default_factory=lambda: set[Connection]())
    _opening: set[trio.CancelScope] = field(default_factory=lambda: set[trio.CancelScope]())

    @contextmanager
    def holding(self, connection: Connection) -> Generator[None]:
        connection.draining = self.draining
        self._open.add(connection)
        try:
            yield
        finally:
            self._open.discard(connection)

    @contextmanager
    def opening(self, seconds: float) -> Generator[trio.CancelScope]:
        """A scope for what comes before the first request (the TLS handshake): ends after `seconds`, or by a drain."""
        with trio.move_on_after(seconds) as scope:
            self._opening.add(scope)
            try:
                if self.draining:
                    scope.cancel()
                yield scope
            finally:
                self._opening.discard(scope)

    def begin_drain(self) -> None:
        """Responses say `connection: close` from here on; handshakes under way end."""
        self.draining = True
        for connection in self._open:
            connection.draining = True
        for scope in self._opening:
            scope.cancel()

    def tighten(self, seconds: float) -> None:
        """Clients that do not read get no more than `seconds` from here on."""
        for connection in self._open:
            connection.write_deadline.tighten(seconds)

    def abort_blocked(self) -> None:
        """Resets the connections whose client does not take what is being sent: no cancellation ends these sends."""
        for connection in list(self._open):
            if connection.write_deadline.waiting:
                connection.stream.abort()
