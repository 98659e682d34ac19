"""Serving an application until a drain has ended: hypercorn's parts, put together by us.

It mirrors hypercorn's `worker_serve` for trio (0.18). Ours because these have no hook there: the choice of who serves
a connection, an exception that leaves a connection (it would end the process), guarded streams, the bound on
connections, the strict lifespan, and a drain that the application hears of.

A drain, seconds from the shutdown signal:

    0                       listeners close, when their backlogs are empty; requests that have come by then are let in;
                            the application is told; responses begun from here on say `connection: close`
    0.25                    idle connections and handshakes end
    grace                   the application ends its streams itself; a client that does not read has a third of the
                            settle margin from here
    grace + settle_margin   whatever still runs is cancelled, clients that do not read are reset
    … + settling            the last settlement has ended, by its own deadline
    then                    the application's lifespan ends, within `shutdown`
"""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, Protocol

import trio

from hyperinfer.api.edge.address import url_of
from hyperinfer.api.edge.asgi import CrashReply, EdgeApp, plain_crash_reply
from hyperinfer.api.edge.connection import (
    LAST_CALL,
    Choose,
    Connection,
    Connections,
    EdgeStream,
    Serving,
)
from hyperinfer.api.edge.counters import EdgeCounters
from hyperinfer.api.edge.dispatch import Routed
from hyperinfer.api.edge.edges import EDGES
from hyperinfer.api.edge.lifespan import Lifespan, LifespanFailed, StartupFailed
from hyperinfer.api.edge.listener import BoundedListener
from hyperinfer.api.edge.refusals import Refuse, plain_refusal
from hyperinfer.api.edge.settings import EdgeSettings, hypercorn_config

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from ssl import SSLContext

    from hypercorn.config import Sockets

    from hyperinfer.api.edge.asgi import AsgiApp
    from hyperinfer.api.edge.dispatch import DataPlane
    from hyperinfer.api.edge.guarded import GuardedStream

log = logging.getLogger("hyperinfer.edge")

COMING = 0.05
"""Seconds in which requests that have come before the end, and were not read yet, are let in."""


class Drain(Protocol):
    """What an application hears of a drain through."""

    def begin(self, grace: float) -> None:
        """The server has begun to stop: nothing new is admitted, what runs ends itself within `grace` seconds."""
        ...


async def serve(
    app: AsgiApp,
    settings: EdgeSettings,
    *,
    sockets: Sockets,
    shutdown: trio.Event,
    drain: Drain,
    crash_reply: CrashReply = plain_crash_reply,
    refuse: Refuse = plain_refusal,
    counters: EdgeCounters | None = None,
    task_status: trio.TaskStatus[list[str]] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serves `app` on listening sockets until `shutdown` is set and the drain has ended. `started` with the URLs.

    The sockets belong to it from here on. Raises StartupFailed when the application does not start, LifespanFailed
    when its lifespan ends early (after a drain) or does not end; neither in a group. Any other exception is a bug.
    """
    counters = EdgeCounters() if counters is None else counters
    failure: StartupFailed | LifespanFailed | None = None
    try:
        await _serve_lifespan(app, settings, sockets, shutdown, drain, crash_reply, refuse, counters, task_status)
    except* (StartupFailed, LifespanFailed) as group:
        failure = _leaf(group)
    if failure is not None:
        raise failure


async def _serve_lifespan(
    app: AsgiApp,
    settings: EdgeSettings,
    sockets: Sockets,
    shutdown: trio.Event,
    drain: Drain,
    crash_reply: CrashReply,
    refuse: Refuse,
    counters: EdgeCounters,
    task_status: trio.TaskStatus[list[str]],
) -> None:
    lifespan = Lifespan(app)
    async with trio.open_nursery() as lifespan_nursery:
        with trio.move_on_after(settings.startup) as startup:
            await lifespan_nursery.start(lifespan.run)
        if startup.cancelled_caught:
            raise StartupFailed(f"the application did not start within {settings.startup:g} s")
        config = hypercorn_config(settings)
        guarded = EdgeApp(app, counters=counters, crash_reply=crash_reply)
        handler_of = _handlers_of(app)
        serving = Serving(guarded, config, lifespan.state, app, handler_of, settings, counters, crash_reply, refuse)
        server = _Server(settings, serving, counters)
        await server.run(sockets, config.create_ssl_context(), (shutdown, lifespan.ended), drain, task_status)
        await lifespan.shut_down(settings.shutdown)
        lifespan_nursery.cancel_scope.cancel()


class _Server:
    """The connections of one worker, from the first accept to the end of the drain."""

    def __init__(self, settings: EdgeSettings, serving: Serving, counters: EdgeCounters) -> None:
        self._settings = settings
        self._counters = counters
        self._connections = Connections()
        self._watch = serving.watch
        self._choose: Choose = EDGES[settings.edge](serving)

    async def run(
        self,
        sockets: Sockets,
        ssl_context: SSLContext | None,
        stops: tuple[trio.Event, ...],
        drain: Drain,
        task_status: trio.TaskStatus[list[str]],
    ) -> None:
        listeners, urls = self._listeners(sockets, ssl_context)
        async with trio.open_nursery() as guards:
            guards.start_soon(self._abort_when_cancelled)
            guards.start_soon(self._watch.run)
            async with trio.open_nursery() as handlers:
                async with trio.open_nursery() as accepting:
                    for listener in listeners:
                        accepting.start_soon(listener.accept, handlers)
                    task_status.started(urls)
                    await _any_of(stops)
                    for listener in listeners:
                        listener.until.cancel()
                # After the listeners: a client that sees its idle connection end must not come in once more.
                if self._connections.look() or any(listener.late for listener in listeners):
                    await trio.sleep(COMING)
                drain.begin(self._settings.grace)
                self._connections.begin_drain()
                guards.start_soon(self._end_idle)
                guards.start_soon(self._end_late, handlers.cancel_scope)
            guards.cancel_scope.cancel()

    def _listeners(self, sockets: Sockets, ssl_context: SSLContext | None) -> tuple[list[_Listening], list[str]]:
        limit = trio.Semaphore(self._settings.max_connections)
        listeners: list[_Listening] = []
        urls: list[str] = []
        secure = [(sock, True) for sock in sockets.secure_sockets]
        for sock, tls in [*secure, *((sock, False) for sock in sockets.insecure_sockets)]:
            inner = trio.SocketListener(trio.socket.from_stdlib_socket(sock))
            bounded = BoundedListener(inner, limit, self._settings, self._counters, self._connections.end_an_idle_one)
            if tls and ssl_context is None:
                raise ValueError("a secure socket needs a certificate and a key")
            context = ssl_context if tls else None
            listeners.append(_Listening(bounded, context, partial(self._handle, bounded.release)))
            urls.append(url_of(sock, tls=tls))
        return listeners, urls

    async def _handle(self, release: Callable[[], None], stream: EdgeStream) -> None:
        """The outermost frame of a connection: no exception but Cancelled goes further, and the socket is closed."""
        guarded = stream.transport_stream if isinstance(stream, trio.SSLStream) else stream
        connection = Connection(guarded, watch=self._watch)
        ended = False
        try:
            with self._connections.holding(connection), connection.serving:
                await self._serve_connection(stream, connection)
            await guarded.linger()
            ended = True
        except* (Exception, SystemExit):
            self._counters.connection_crashes += 1
            log.exception("a connection failed")
        finally:
            # Closed by now, unless something failed or was cancelled.
            if not ended:
                guarded.abort()
            release()

    async def _serve_connection(self, stream: EdgeStream, connection: Connection) -> None:
        if isinstance(stream, trio.SSLStream):
            shaken = False
            with self._connections.opening(self._settings.handshake):
                try:
                    await stream.do_handshake()
                    shaken = True
                except (trio.BrokenResourceError, trio.ClosedResourceError):
                    pass
            if not shaken:
                self._counters.handshakes_failed += 1
                await stream.aclose()
                return
        await (await self._choose(stream, connection)).run()

    async def _end_idle(self) -> None:
        await trio.sleep(LAST_CALL)
        self._connections.end_idle()

    async def _end_late(self, handlers: trio.CancelScope) -> None:
        await trio.sleep(self._settings.grace)
        self._connections.tighten(self._settings.settle_margin / 3)
        await trio.sleep(self._settings.settle_margin)
        handlers.cancel()
        self._connections.abort_blocked()

    async def _abort_when_cancelled(self) -> None:
        # hypercorn shields its sends: a cancellation from outside would wait for clients that do not read.
        try:
            await trio.sleep_forever()
        finally:
            self._connections.abort_blocked()


class _Listening:
    """One listening socket, with TLS where there is a `context`. `until`: cancelled when no more is to be accepted but what
    lies in the backlog by then, `late`."""

    def __init__(
        self, listener: BoundedListener, context: SSLContext | None, handler: Callable[[EdgeStream], Awaitable[None]]
    ) -> None:
        self.until = trio.CancelScope()
        self.late = 0
        self._listener, self._context, self._handler = listener, context, handler

    async def accept(self, handlers: trio.Nursery) -> None:
        """Closes the socket at the end."""
        # Not trio.serve_listeners: it closes each stream once more after its handler, where an exception would escape.
        async with self._listener:
            with self.until:
                while True:
                    self._handle(await self._listener.accept(), handlers)
            # Whoever lies there has perhaps sent its request, and would get a reset.
            for stream in self._listener.accept_waiting():
                self._handle(stream, handlers)
                self.late += 1

    def _handle(self, stream: GuardedStream, handlers: trio.Nursery) -> None:
        if self._context is None:
            handlers.start_soon(self._handler, stream)
        else:
            handlers.start_soon(
                self._handler, trio.SSLStream(stream, self._context, server_side=True, https_compatible=True)
            )


def _handlers_of(app: object) -> DataPlane:
    if isinstance(app, Routed):
        return app.handler

    def none(path: str) -> None:
        del path

    return none


async def _any_of(events: tuple[trio.Event, ...]) -> None:
    async def wait(event: trio.Event) -> None:
        await event.wait()
        nursery.cancel_scope.cancel()

    async with trio.open_nursery() as nursery:
        for event in events:
            nursery.start_soon(wait, event)


def _leaf(group: BaseExceptionGroup[StartupFailed | LifespanFailed]) -> StartupFailed | LifespanFailed:
    first: BaseException = group
    while isinstance(first, BaseExceptionGroup):
        first = first.exceptions[0]
    assert isinstance(first, (StartupFailed, LifespanFailed))
    return first
