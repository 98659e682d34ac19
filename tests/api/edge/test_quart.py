"""quart-trio as the control plane behind the data plane: bodies, limits, keep-alive and the drain."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, cast

import pytest
import trio
from quart import request
from quart_trio import QuartTrio

from hyperinfer.api.edge import Dispatch
from tests.api.edge.clients import H1Client
from tests.api.edge.kit import QUICK, edge, within

if TYPE_CHECKING:
    from hyperinfer.api.edge import AsgiApp, Handler

pytestmark = pytest.mark.usefixtures("each_edge")


def control_plane(started: list[str]) -> AsgiApp:
    app = QuartTrio("control")
    app.config["MAX_CONTENT_LENGTH"] = 1_000_000

    @app.before_serving
    async def start() -> None:
        started.append("start")

    @app.after_serving
    async def stop() -> None:
        started.append("stop")

    @app.get("/hello")
    async def hello() -> str:
        return "hello"

    @app.post("/size")
    async def size() -> str:
        return str(len(await request.get_data()))

    @app.post("/ignore")
    async def ignore() -> str:
        return "ignored"

    @app.get("/crash")
    async def crash() -> str:
        raise ValueError("boom")

    def nothing(path: str) -> Handler | None:
        del path
        return None

    # Its types name each message; ours do not.
    return Dispatch(nothing, cast("AsgiApp", app))


async def test_the_control_plane() -> None:
    started: list[str] = []
    with within():
        async with edge(control_plane(started)) as server, await server.connect() as stream:
            assert started == ["start"]
            client = H1Client(stream)
            for method, path, body, expected in (
                ("GET", "/hello", b"", (200, b"hello")),
                ("POST", "/size", bytes(900_000), (200, b"900000")),
                ("POST", "/ignore", bytes(900_000), (200, b"ignored")),
                ("GET", "/hello", b"", (200, b"hello")),
            ):
                answer = await client.ask(method, path, body)
                assert (answer.status, answer.body) == expected
                client.next_request()
            assert (await client.ask("GET", "/crash")).status == 500
            assert server.counters.connections == 1
            assert server.counters.crashes == 0
            assert server.counters.connection_crashes == 0
    assert started == ["start", "stop"]


async def test_a_body_over_its_limit_is_refused() -> None:
    with within():
        async with edge(control_plane([])) as server, await server.connect() as stream, trio.open_nursery() as nursery:
            client = H1Client(stream)
            nursery.start_soon(client.send, "POST", "/size", bytes(3_000_000))
            assert (await client.receive()).status == 413


async def test_its_idle_connections_end_at_once_in_a_drain() -> None:
    """quart-trio cancels its handler when the response has ended, in the middle of hypercorn's last steps."""
    with within():
        async with edge(control_plane([]), dataclasses.replace(QUICK, grace=4.0)) as server:
            streams = [await server.connect() for _ in range(10)]
            for stream in streams:
                assert (await H1Client(stream).ask("GET", "/hello")).complete
            began = trio.current_time()
            server.shutdown.set()
            await server.ended.wait()
            assert trio.current_time() - began < 2
            for stream in streams:
                await stream.aclose()
