"""Chat over websockets, and somebody who looks on: who asks at /ask gets the text, who is at /watch gets every event of it.

python docs/examples/websocket.py [PORT]
"""

import itertools
import json
import sys
from contextlib import suppress
from functools import partial

import hypercorn
import hypercorn.trio
import msgspec
import trio
from quart import websocket
from quart_trio import QuartTrio

from hyperinfer.engine import Failure, Graph, open_run, tee
from hyperinfer.formats import OPENAI_CHAT, text_of
from hyperinfer.nodes import Answering, Incoming, Reply, Ticket, call, decode, to_model
from hyperinfer.providers import Upstreams, open_upstreams, shipped_catalogue


class Watchers:
    """A sink that hands each event to all who watch. Who is far behind misses some: nobody waits for one who looks on."""

    def __init__(self) -> None:
        self.channels = set[trio.MemorySendChannel[str]]()

    async def send(self, item: Reply | Failure) -> None:
        for event in item if isinstance(item, tuple) else ():
            told = json.dumps({"event": type(event).__name__, **msgspec.to_builtins(event)})
            for channel in self.channels:
                with suppress(trio.WouldBlock):
                    channel.send_nowait(told)


def application(upstreams: Upstreams) -> QuartTrio:
    app, watchers, numbers = QuartTrio(__name__), Watchers(), itertools.count(1)
    model = to_model(shipped_catalogue(), "demo/chat")
    graph = Graph.linear(decode(), model, call(upstreams), tee(watchers, slow="drop"))

    @app.websocket("/watch")
    async def watch() -> None:
        await websocket.accept()
        send, receive = trio.open_memory_channel[str](100)
        watchers.channels.add(send)
        try:
            async for told in receive:
                await websocket.send(told)
        finally:
            watchers.channels.remove(send)

    @app.websocket("/ask")
    async def ask() -> None:
        while True:
            messages = [{"role": "user", "content": await websocket.receive()}]
            body = json.dumps({"model": "any", "stream": True, "messages": messages}).encode()
            async with open_run(graph, [Incoming(Ticket.plain(f"ask-{next(numbers)}", OPENAI_CHAT), body)]) as replies:
                async for item in replies:
                    if not isinstance(item, Answering):
                        await websocket.send(item.message if isinstance(item, Failure) else text_of(item))

    return app


async def main(port: str) -> None:
    config = hypercorn.Config.from_mapping(bind=[f"127.0.0.1:{port}"])
    async with open_upstreams() as upstreams, trio.open_nursery() as nursery:
        (url,) = await nursery.start(partial(hypercorn.trio.serve, application(upstreams), config, mode="asgi"))
        print(f"listening {url}", flush=True)


if __name__ == "__main__":
    trio.run(main, sys.argv[1] if sys.argv[1:] else "8765")
