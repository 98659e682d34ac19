"""The HTTP edge with nothing behind it: reads a request, answers with prepared bytes.

python -m benchmarks.gateway.edge_alone EDGE
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import trio

from benchmarks.gateway.processes import raise_file_limit
from benchmarks.gateway.wire import script
from hyperinfer.api.edge.dispatch import Dispatch
from hyperinfer.api.edge.serve import serve
from hyperinfer.api.edge.settings import EdgeSettings, hypercorn_config

if TYPE_CHECKING:
    from hyperinfer.api.edge.asgi import Receive, Scope, Send
    from hyperinfer.api.edge.dispatch import Handler
    from hyperinfer.api.edge.exchange import Exchange

BODY = script("openai_chat").whole
HEADERS = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(BODY)), (b"x-request-id", b"req-1")]


async def answer(exchange: Exchange) -> None:
    """The same for everybody."""
    await exchange.read_body(1_000_000)
    await exchange.send_head(200, HEADERS)
    await exchange.send_last(BODY)


def route(path: str) -> Handler | None:
    """One handler for all paths."""
    return answer


async def lifespan(scope: Scope, receive: Receive, send: Send) -> None:
    """Nothing to start."""
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})


class NoDrain:
    """Nobody is told."""

    def begin(self, grace: float) -> None:
        pass


async def main(edge: str) -> None:
    """Serve until it is ended."""
    settings = EdgeSettings(edge=edge)
    config = hypercorn_config(settings)
    config.bind = "127.0.0.1:0"
    sockets = config.create_sockets()
    for sock in sockets.insecure_sockets:
        sock.listen(1024)
    print(sockets.insecure_sockets[0].getsockname()[1], flush=True)
    app = Dispatch(route, lifespan, lifespan=lifespan)
    await serve(app, settings, sockets=sockets, shutdown=trio.Event(), drain=NoDrain())


if __name__ == "__main__":
    raise_file_limit()
    trio.run(main, sys.argv[1])
