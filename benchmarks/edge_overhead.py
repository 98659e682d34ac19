"""CPU time of a request at the edge: hypercorn's connection, the lean one, and the least that trio and httptools can do.

    python -m benchmarks.edge_overhead [--requests 2000] [--rounds 5] [--connections 8]

The clients run in a process of their own; only the server's CPU time is counted, system calls included. The handler does
next to nothing: it reads the body, and sends a whole response or a stream. One round measures every server in turn, so
that what else the machine does meets them all alike; figures are medians over the rounds, and the best one.
"""

import argparse
import json
import multiprocessing
import os
import socket
import statistics
import time
from collections.abc import Awaitable, Callable
from functools import partial
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from typing import Any

import httptools
import trio
from hypercorn.config import Sockets

from hyperinfer.api.edge import Dispatch, EdgeSettings, Exchange, Receive, Scope, Send
from hyperinfer.api.edge.serve import serve

REQUEST_BODY = b'{"model":"m","messages":[{"role":"user","content":"' + b"x" * 300 + b'"}]}'
REQUEST = (
    b"POST /%b HTTP/1.1\r\nHost: localhost:8080\r\nAccept: application/json\r\nAccept-Encoding: identity\r\n"
    b"User-Agent: bench/1.0\r\nAuthorization: Bearer hi-0123456789abcdef0123456789abcdef\r\n"
    b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
)
REPLY = b'{"choices":[' + b"y" * 500 + b"]}"
EVENT = b'data: {"choices":[{"delta":{"content":"token"}}]}\n\n'
EVENTS = 100
WHOLE_END = REPLY[-8:]
STREAM_END = b"0\r\n\r\n"


async def handler(exchange: Exchange) -> None:
    """Reads the body; answers whole, or by a stream of events with a turn of the loop after each."""
    await exchange.read_body(1_000_000)
    with trio.CancelScope() as scope:
        exchange.on_gone(scope.cancel)
        if exchange.path == "/stream":
            await exchange.send_head(200, [(b"content-type", b"text/event-stream")])
            for _ in range(EVENTS):
                await exchange.send_body(EVENT)
                await trio.lowlevel.checkpoint()
            await exchange.send_last(b"data: [DONE]\n\n")
            return
        await exchange.send_head(200, [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(REPLY))])
        await exchange.send_last(REPLY)


class Floor:
    """No more than a parser and a socket: no limits, no deadlines, nobody who sees the client leave."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self._stream = stream
        self._parser = httptools.HttpRequestParser(self)
        self._done = False
        self._path = b""
        self._headers: list[tuple[bytes, bytes]] = []

    def on_url(self, url: bytes) -> None:
        self._path = url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name, value))

    def on_message_complete(self) -> None:
        self._done = True

    async def run(self) -> None:
        """Until the client leaves."""
        send = self._stream.send_all
        head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
        while data := await self._stream.receive_some(65536):
            self._parser.feed_data(data)
            if not self._done:
                continue
            self._done = False
            self._headers.clear()
            if self._path == b"/stream":
                start = head + b"transfer-encoding: chunked\r\n\r\n"
                for _ in range(EVENTS):
                    await send(start + b"%x\r\n%b\r\n" % (len(EVENT), EVENT))
                    start = b""
                    await trio.lowlevel.checkpoint()
                await send(b"e\r\ndata: [DONE]\n\n\r\n" + STREAM_END)
            else:
                await send(head + b"content-length: %d\r\n\r\n%b" % (len(REPLY), REPLY))


async def asgi(scope: Scope, receive: Receive, send: Send) -> None:
    """The lifespan alone."""
    del scope
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})


class Quiet:
    """A drain that nobody hears of."""

    def begin(self, grace: float) -> None:
        """Nothing runs."""


def route(path: str) -> Callable[[Exchange], Awaitable[None]]:
    """Every path is the handler's."""
    del path
    return handler


async def serve_edge(edge: str, listening: socket.socket) -> None:
    """One of our edges, as a worker serves it."""
    settings = EdgeSettings(edge=edge)
    sockets = Sockets([], [listening], [])
    await serve(Dispatch(route, asgi), settings, sockets=sockets, shutdown=trio.Event(), drain=Quiet())


async def serve_floor(listening: socket.socket) -> None:
    """The least."""

    async def handle(stream: trio.SocketStream) -> None:
        await Floor(stream).run()

    await trio.serve_listeners(handle, [trio.SocketListener(trio.socket.from_stdlib_socket(listening))])


SERVERS: dict[str, Callable[[socket.socket], Awaitable[None]]] = {
    "stock": partial(serve_edge, "stock"),
    "lean": partial(serve_edge, "lean"),
    "floor": serve_floor,
}


def server(name: str, pipe: Pipe) -> None:
    """A process that serves, and says how much CPU time it has used when it is asked."""

    async def main() -> None:
        listening = socket.create_server(("127.0.0.1", 0), backlog=128)
        listening.setblocking(False)
        pipe.send(listening.getsockname()[1])
        async with trio.open_nursery() as nursery:
            nursery.start_soon(SERVERS[name], listening)
            while True:
                await trio.lowlevel.wait_readable(pipe.fileno())
                pipe.recv()
                pipe.send(time.process_time())

    trio.run(main)


def client(port: int, path: bytes, end: bytes, count: int, connections: int) -> None:
    """Sends `count` requests, one after the other on each connection."""
    request = REQUEST % (path, len(REQUEST_BODY), REQUEST_BODY)

    async def connection(number: int) -> None:
        async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
            for _ in range(number):
                await stream.send_all(request)
                received = b""
                while not received.endswith(end):
                    received = received[-16:] + await stream.receive_some(65536)

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            for _ in range(connections):
                nursery.start_soon(connection, count // connections)

    trio.run(main)


def measured(port: int, pipe: Pipe, path: bytes, end: bytes, count: int, connections: int) -> float:
    """Microseconds of the server's CPU time for each request."""
    client(port, path, end, connections * 4, connections)
    pipe.send("how much")
    before: float = pipe.recv()
    client(port, path, end, count, connections)
    pipe.send("how much")
    after: float = pipe.recv()
    return (after - before) / (count // connections * connections) * 1e6


def main() -> None:
    """Prints a table; `--json` also writes it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    spawning = multiprocessing.get_context("spawn")
    running: dict[str, tuple[int, Pipe, Any]] = {}
    for name in SERVERS:
        ours, theirs = spawning.Pipe()
        process = spawning.Process(target=server, args=(name, theirs), daemon=True)
        process.start()
        running[name] = (ours.recv(), ours, process)
    kinds = {"whole": (b"whole", WHOLE_END, options.requests), "stream": (b"stream", STREAM_END, options.requests // 20)}
    figures: dict[str, list[float]] = {f"{kind} {name}": [] for kind in kinds for name in SERVERS}
    try:
        for _ in range(options.rounds):
            for kind, (path, end, count) in kinds.items():
                for name, (port, pipe, _process) in running.items():
                    figures[f"{kind} {name}"].append(measured(port, pipe, path, end, count, options.connections))
    finally:
        for _, _, process in running.values():
            process.terminate()
            process.join()
    print(f"µs of CPU a request; {options.connections} connections, {options.rounds} rounds, {os.cpu_count()} cores")
    for kind in kinds:
        floor = statistics.median(figures[f"{kind} floor"])
        for name in SERVERS:
            values = figures[f"{kind} {name}"]
            median = statistics.median(values)
            each = f"{median / EVENTS:8.2f} an event" if kind == "stream" else " " * 17
            print(f"{kind:<8}{name:<8}{median:9.1f}  best {min(values):9.1f} {each}  {median / floor:5.2f} x the floor")
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
