"""A balancer of TCP connections that knows nothing of what they carry: to each backend in turn, to the next if one refuses.

python -m tests.support.balancer PORT PORT …    prints `listening http://127.0.0.1:PORT`
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Sequence
from functools import partial

import trio


async def connect(ports: Sequence[int]) -> trio.SocketStream | None:
    """The first of these that lets us in."""
    for port in ports:
        try:
            return await trio.open_tcp_stream("127.0.0.1", port)
        except OSError:
            continue
    return None


async def carry(source: trio.SocketStream, sink: trio.SocketStream, both: trio.CancelScope) -> None:
    """Everything that comes, and then its end. A connection that breaks takes the other with it."""
    try:
        async for data in source:
            await sink.send_all(data)
        await sink.send_eof()
    except (trio.BrokenResourceError, trio.ClosedResourceError):
        both.cancel()


async def serve(ports: Sequence[int]) -> None:
    """For ever."""
    turns = itertools.count()

    async def carry_both(client: trio.SocketStream) -> None:
        first = next(turns) % len(ports)
        backend = await connect([*ports[first:], *ports[:first]])
        if backend is None:
            return
        async with backend, trio.open_nursery() as nursery:
            nursery.start_soon(carry, client, backend, nursery.cancel_scope)
            nursery.start_soon(carry, backend, client, nursery.cancel_scope)

    async with trio.open_nursery() as nursery:
        listening = partial(trio.serve_tcp, carry_both, 0, host="127.0.0.1")
        (listener,) = await nursery.start(listening)
        print(f"listening http://127.0.0.1:{listener.socket.getsockname()[1]}", flush=True)


if __name__ == "__main__":
    trio.run(serve, [int(word) for word in sys.argv[1:]])
