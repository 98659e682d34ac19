"""One accepted connection: who serves it, what is known about it, and the set of all of them that a drain works on."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, cast

import trio
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import ConnectionState

from hyperinfer.api.edge.deadline import WriteDeadline
from hyperinfer.api.edge.refusals import Refuse, RefusingServer, plain_refusal
from hyperinfer.api.edge.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator, Mapping

    from hypercorn.config import Config

    from hyperinfer.api.edge.asgi import AsgiApp, CrashReply
    from hyperinfer.api.edge.counters import EdgeCounters
    from hyperinfer.api.edge.dispatch import DataPlane
    from hyperinfer.api.edge.guarded import GuardedStream
    from hyperinfer.api.edge.settings import EdgeSettings

HypercornApp: TypeAlias = "Callable[..., Awaitable[None]]"
"""What hypercorn calls for a request: the three of ASGI, and two functions for threads that nothing here uses."""

EdgeStream: TypeAlias = "GuardedStream | trio.SSLStream[GuardedStream]"

LEFTOVER = 0.1
"""Seconds for the end of a connection that is closed and has no handler running."""

NEW = 1.0
"""Seconds from its start in which a connection is not ended for another's sake: its first request is on its way."""

LAST_CALL = 0.25
"""Seconds from the beginning of a drain in which idle connections may still ask. A busy client then mostly learns of the end
by the answer to its next request, which says so, and not by the end of the connection that it was just sending it on."""

CONNECTION = "hyperinfer.connection"
"""Where `scope["state"]` holds the `Connection` of a request."""


class Ending:
    """hypercorn's `terminated` event, one for each connection: set by a drain, and when the connection has ended.

    hypercorn's idle timer waits for it. Without the second the timer would keep the ended connection, its socket and
    its place among the allowed ones until the keep-alive time is over.
    """

    def __init__(self) -> None:
        self._event = trio.Event()
        self._told: Callable[[], None] | None = None

    def fire(self) -> None:
        self._event.set()
        if self._told is not None:
            self._told()

    def tell(self, function: Callable[[], None]) -> None:
        """`function` is called, perhaps more than once, when the event is set; now, if it is already."""
        self._told = function
        if self._event.is_set():
            function()

    async def set(self) -> None:
        self.fire()

    async def clear(self) -> None:
        self._event = trio.Event()

    async def wait(self) -> None:
        await self._event.wait()

    def is_set(self) -> bool:
        return self._event.is_set()


@dataclass(eq=False, slots=True)
class Connection:
    """What a request may know about the connection that it came on."""

    stream: GuardedStream
    ending: Ending = field(default_factory=Ending)
    serving: trio.CancelScope = field(default_factory=trio.CancelScope)
    began: float = field(default_factory=trio.current_time)
    draining: bool = False
    http2: bool = False
    requests: int = 0
    """Handlers that are running."""
    watch: Watch | None = None
    look: Callable[[], bool] | None = None
    """Takes what lies unread in the socket: whether something did."""
    window_deadline: WriteDeadline = field(init=False)
    """For what waits on the flow-control window of HTTP/2, which the deadline of the stream does not see."""

    _closing: bool = False
    _lookouts: list[Callable[[], None]] = field(default_factory=lambda: list["Callable[[], None]"]())
    _forget: Callable[[], None] | None = None

    def __post_init__(self) -> None:
        self.window_deadline = WriteDeadline(self.stream.write_deadline.seconds, self.stream.write_deadline.late)
        self.stream.call_at_end(self._end)

    @contextmanager
    def request(self, http_version: str) -> Generator[None]:
        """While a handler runs."""
        self.http2 = http_version == "2"
        self.stream.first_request_came()
        self.requests += 1
        try:
            yield
        finally:
            self.requests -= 1
            if self._closing:
                self.end_if_idle()
            self._end_if_over()

    @contextmanager
    def looking_out(self, left: Callable[[], None]) -> Generator[None]:
        """`left` is called once, where the peer leaves within this block, whatever lies there unread. For who does not read;
        never where sockets cannot be watched. Several may look out at once, as the streams of HTTP/2 do."""
        watch, descriptor = self.watch, self.stream.socket.fileno()
        if watch is None or not watch.watches_sockets or descriptor < 0:
            yield
            return

        def tell() -> None:
            watch.forget(descriptor, tell)
            told, self._lookouts = self._lookouts, []
            for each in told:
                each()

        if not self._lookouts:
            self._forget = partial(watch.forget, descriptor, tell)
            watch.read(descriptor, tell)
            watch.pause(descriptor, paused=True)
        self._lookouts.append(left)
        try:
            yield
        finally:
            if left in self._lookouts:  # it was not told
                self._lookouts.remove(left)
            if not self._lookouts and self._forget is not None:
                self._forget()
                self._forget = None

    def end_if_idle(self) -> None:
        """Ends the connection now, or with the response that is under way."""
        self._closing = True
        # Told to end, hypercorn closes an HTTP/2 connection with the last stream, before that stream's end was sent.
        if not (self.http2 and self.requests):
            self.ending.fire()

    def tighten(self, seconds: float) -> None:
        """The client gets no more than `seconds` from here on to take what is sent."""
        self.stream.write_deadline.tighten(seconds)
        self.window_deadline.tighten(seconds)

    @property
    def blocked(self) -> bool:
        """Something waits for the client to take it."""
        return self.stream.write_deadline.waiting or self.window_deadline.waiting

    def _end(self) -> None:
        self.ending.fire()
        # hypercorn wakes nobody who waits for the window of a connection that has ended.
        self.window_deadline.tighten(0)
        self._end_if_over()

    def _end_if_over(self) -> None:
        # hypercorn's reader waits for ever behind a response that was not completed when pipelined bytes lie there.
        if self.stream.closed and not self.requests:
            self.serving.deadline = min(self.serving.deadline, trio.current_time() + LEFTOVER)


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
    state: Mapping[str, object]
    application: AsgiApp
    """What `app` guards."""
    handler_of: DataPlane
    """The handlers that may be called without ASGI."""
    settings: EdgeSettings
    counters: EdgeCounters
    crash_reply: CrashReply
    refuse: Refuse = plain_refusal
    watch: Watch = field(default_factory=Watch)


class StockEdge:
    """Every connection to hypercorn: HTTP/1.1, HTTP/2 by ALPN, by prior knowledge and by `Upgrade: h2c`."""

    def __init__(self, serving: Serving) -> None:
        self._serving = serving

    async def __call__(self, stream: EdgeStream, connection: Connection) -> EdgeConnection:
        serving = self._serving
        state = ConnectionState({**serving.state, CONNECTION: connection})
        # It declares narrower types; what it uses of a stream is asserted in tests/api/edge/test_stock_seam.py.
        app, given = cast("Any", serving.app), cast("Any", stream)
        context = WorkerContext(None)
        context.terminated = connection.ending
        server = RefusingServer(app, serving.config, context, cast("Any", state), given)
        server.refuse = serving.refuse
        return server


class WindowBuffer(Protocol):
    """hypercorn's buffer of an HTTP/2 stream: bytes that wait for the client's flow-control window."""

    buffer: bytearray

    async def drain(self) -> None:
        """Waits until it is empty."""
        ...


def window_buffer_of(send: object) -> WindowBuffer | None:
    """The buffer behind the ASGI `send` of an HTTP/2 request; None when there is none (any more), or on HTTP/1.

    hypercorn lets a sender go on when the window is used up, and keeps what it sends without bound. So whoever sends
    must look. Read only; that it is found is asserted in tests/api/edge/test_stock_seam.py.
    """
    stream: Any = getattr(send, "__self__", None)
    protocol: Any = getattr(getattr(stream, "send", None), "__self__", None)
    buffers: dict[int, WindowBuffer] = getattr(protocol, "stream_buffers", {})
    return buffers.get(getattr(stream, "stream_id", -1))


@dataclass(eq=False, slots=True)
class Connections:
    """The open connections of a worker."""

    draining: bool = False
    _closing: bool = False
    _open: dict[Connection, None] = field(default_factory=lambda: dict[Connection, None]())  # the oldest first
    _opening: set[trio.CancelScope] = field(default_factory=lambda: set[trio.CancelScope]())

    @contextmanager
    def holding(self, connection: Connection) -> Generator[None]:
        connection.draining = self.draining
        if self._closing:
            connection.end_if_idle()
        self._open[connection] = None
        try:
            yield
        finally:
            self._open.pop(connection, None)

    @contextmanager
    def opening(self, seconds: float) -> Generator[trio.CancelScope]:
        """A scope for what comes before the first request (the TLS handshake): ends after `seconds`, or by a drain."""
        with trio.move_on_after(seconds) as scope:
            self._opening.add(scope)
            try:
                if self._closing:
                    scope.cancel()
                yield scope
            finally:
                self._opening.discard(scope)

    def begin_drain(self) -> None:
        """Responses that begin from here on say `connection: close`."""
        self.draining = True
        for connection in self._open:
            connection.draining = True

    def look(self) -> bool:
        """Takes what has come on all connections: whether something had."""
        return any([connection.look() for connection in list(self._open) if connection.look is not None])

    def end_idle(self) -> None:
        """Idle connections and handshakes end; the others with the response that is under way."""
        self._closing = True
        for connection in list(self._open):
            connection.end_if_idle()
        for scope in self._opening:
            scope.cancel()

    def end_an_idle_one(self) -> None:
        """The oldest that has no request under way, if it is not new: somebody else waits for its place."""
        latest = trio.current_time() - NEW
        for connection in self._open:
            if connection.began > latest:
                return
            if not connection.requests and not connection.ending.is_set():
                connection.ending.fire()
                return

    def tighten(self, seconds: float) -> None:
        """Clients that do not read get no more than `seconds` from here on."""
        for connection in self._open:
            connection.tighten(seconds)

    def abort_blocked(self) -> None:
        """Resets the connections whose client does not take what is being sent: no cancellation ends these sends."""
        for connection in list(self._open):
            if connection.blocked:
                connection.stream.abort()
