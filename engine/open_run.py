"""A run whose results are taken one by one, by whoever has begun it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Iterable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import trio

from hyperinfer.engine.errors import plain_nursery
from hyperinfer.engine.run import run

if TYPE_CHECKING:
    from hyperinfer.engine.graph import Graph
    from hyperinfer.engine.node import Source


@asynccontextmanager
async def open_run(graph: Graph, inputs: Iterable[Any] | AsyncIterable[Any]) -> AsyncGenerator[Source[Any]]:
    """Sends `inputs` through the graph; what comes out is taken from the source that this gives.

        async with open_run(graph, [request]) as items:
            async for item in items: ...

    The graph waits while nothing is taken. Leaving the block cancels what still runs, and all aborts run first; so does
    an exception in the block. A bug in a node cancels the block and is raised at its end, bare, as by `run`.
    """
    send, receive = trio.open_memory_channel[Any](0)

    async def work() -> None:
        await run(graph, inputs, send)
        send.close()  # not after a bug: nobody may take it for a regular end

    try:
        async with plain_nursery() as nursery:
            nursery.start_soon(work)
            yield receive
            nursery.cancel_scope.cancel()
    finally:
        send.close()
        receive.close()
