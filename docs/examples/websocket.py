"""Chat by websocket: /ask answers in text, /watch looks on at every event. Run: python docs/examples/websocket.py [PORT]"""

import sys
from contextlib import suppress

import trio
from msgspec import json, to_builtins
from quart import websocket
from quart_trio import QuartTrio

from hyperinfer.engine import Failure, Graph, open_run, tee
from hyperinfer.formats import OPENAI_CHAT, text_of
from hyperinfer.nodes import Answering, Incoming, Reply, Ticket, call, decode, to_model
from hyperinfer.providers import open_upstreams, shipped_catalogue


class Watchers(set[trio.MemorySendChannel[bytes]]):
    """A sink that hands each event to all who watch. Who is far behind misses some: nobody waits for one who looks on."""

    async def send(self, item: Reply | Failure) -> None:
        for event in item if isinstance(item, tuple) else ():
            told = json.encode({"event": type(event).__name__, **to_builtins(event)})
            for channel in self:
                with suppress(trio.WouldBlock):
                    channel.send_nowait(told)


async def main(port: int) -> None:
    app, watchers = QuartTrio(__name__), Watchers()
    async with open_upstreams() as upstreams, trio.open_nursery() as nursery:
        model = to_model(shipped_catalogue(), "demo/chat")
        graph = Graph.linear(decode(), model, call(upstreams), tee(watchers, slow="drop"))

        @app.websocket("/watch")
        async def watch() -> None:
            await websocket.accept()
            send, receive = trio.open_memory_channel[bytes](100)
            watchers.add(send)
            try:
                async for told in receive:
                    await websocket.send(told.decode())
            finally:
                watchers.remove(send)

        @app.websocket("/ask")
        async def ask() -> None:
            while question := await websocket.receive():
                asked = {"model": "any", "stream": True, "messages": [{"role": "user", "content": question}]}
                async with open_run(graph, [Incoming(Ticket.plain("ask-1", OPENAI_CHAT), json.encode(asked))]) as replies:
                    async for item in replies:
                        if not isinstance(item, Answering):
                            await websocket.send(item.message if isinstance(item, Failure) else text_of(item))

        (url,) = await nursery.start(app.run_task, "127.0.0.1", port)
        print(f"listening {url}", flush=True)


if __name__ == "__main__":
    trio.run(main, int(sys.argv[1]) if sys.argv[1:] else 8765)
