"""The lifespan of an application: it starts whole or not at all, and its end is the end of the worker."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, cast

import pytest
import trio
from hypercorn.config import Sockets

from hyperinfer.api.edge import EdgeSettings, LifespanFailed, StartupFailed
from hyperinfer.api.edge.serve import serve
from tests.api.edge.clients import H1Client
from tests.api.edge.kit import QUICK, RecordingDrain, bare, edge, hello, within

if TYPE_CHECKING:
    from collections.abc import Callable

    from hyperinfer.api.edge import AsgiApp, Receive, Scope, Send


def failing(at: str, gate: trio.Event | None = None) -> AsgiApp:
    """An application whose lifespan fails at this point."""
    opened = trio.Event() if gate is None else gate

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            return await hello(scope, receive, send)
        if at == "at once":
            raise ValueError("no such file")
        await receive()
        match at:
            case "starting":
                raise ExceptionGroup("group", [ValueError("no such file")])
            case "by message":
                await send({"type": "lifespan.startup.failed", "message": "no such file"})
            case "silently":
                pass
            case "exiting":
                raise SystemExit("no such file")
            case _:
                await send({"type": "lifespan.startup.complete"})
        match at:
            case "while serving":
                await opened.wait()
                raise ValueError("the store is gone")
            case "returning":
                await opened.wait()
            case "shutting down":
                await receive()
                raise ValueError("the store is gone")
            case "by message, late":
                await receive()
                await send({"type": "lifespan.shutdown.failed", "message": "the store is gone"})
            case "never":
                await receive()
                await trio.sleep_forever()
            case _:
                pass

    return app


async def run(app: AsgiApp, when_ready: Callable[[], None], settings: EdgeSettings = QUICK, *, stop: bool = True) -> None:
    """Serves until it ends; told to stop as soon as it is ready, unless the test wants to see it end by itself."""
    shutdown = trio.Event()

    class Status:
        def started(self, value: list[str]) -> None:
            when_ready()
            if stop:
                shutdown.set()

    sockets = Sockets([], [], [])
    status = cast("trio.TaskStatus[list[str]]", Status())
    with within():
        await serve(app, settings, sockets=sockets, shutdown=shutdown, drain=RecordingDrain(), task_status=status)


@pytest.mark.parametrize("at", ["at once", "starting", "by message", "silently", "exiting"])
async def test_an_application_that_does_not_start_is_never_ready(at: str) -> None:
    def ready() -> None:
        raise AssertionError("it was never ready")

    with pytest.raises(StartupFailed, match=r"no such file|ended before"):
        await run(failing(at), ready)


async def test_a_start_that_takes_too_long_is_refused(autojump_clock: trio.testing.MockClock) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await trio.sleep_forever()

    shutdown = trio.Event()
    with pytest.raises(StartupFailed, match="within 60 s"):
        await serve(app, EdgeSettings(), sockets=Sockets([], [], []), shutdown=shutdown, drain=RecordingDrain())
    assert trio.current_time() == 60


@pytest.mark.parametrize("at", ["while serving", "returning"])
async def test_a_lifespan_that_dies_ends_the_worker_after_a_drain(at: str) -> None:
    gate = trio.Event()
    with pytest.raises(LifespanFailed, match=r"the store is gone|ended by itself"):
        await run(failing(at, gate), gate.set, stop=False)


@pytest.mark.parametrize("at", ["shutting down", "by message, late"])
async def test_a_lifespan_that_fails_to_shut_down(at: str) -> None:
    with pytest.raises(LifespanFailed, match="the store is gone"):
        await run(failing(at), lambda: None)


async def test_a_lifespan_that_never_shuts_down() -> None:
    with pytest.raises(LifespanFailed, match=r"within 0\.1 s"):
        await run(failing("never"), lambda: None, dataclasses.replace(QUICK, shutdown=0.1))


async def test_the_state_of_the_lifespan_reaches_the_requests() -> None:
    seen: list[object] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            scope["state"]["store"] = "open"
            return await bare(scope, receive, send)
        seen.append(scope["state"]["store"])
        await hello(scope, receive, send)

    with within():
        async with edge(app) as server, await server.connect() as stream:
            assert (await H1Client(stream).ask("GET", "/")).complete
    assert seen == ["open"]
