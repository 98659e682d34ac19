"""CPU time of one upstream request: our transport called directly, through `AsyncClient`, and httpx2's own transport.

    python -m benchmarks.upstream_overhead [--requests 3000]

The server runs in its own process, and only this process's CPU time is counted, system calls included. "no network"
replaces the transport by one that answers at once: what is left is the cost of the layer above it.
"""

import argparse
import itertools
import multiprocessing
import time
from collections.abc import Awaitable, Callable
from multiprocessing.connection import Connection as Pipe

import httpx2
import trio

from hyperinfer.providers.catalogue import Provider
from hyperinfer.providers.client import Upstream
from hyperinfer.providers.secret import Secret
from hyperinfer.providers.transport import Transport

REQUEST = b'{"model":"m","messages":[{"role":"user","content":"' + b"x" * 300 + b'"}]}'
REPLY = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Request-Id: 1\r\nContent-Length: 400\r\n\r\n" + b"x" * 400


class NullTransport(httpx2.AsyncBaseTransport):
    """Answers at once, without a network."""

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, headers=[(b"content-length", b"400")], stream=httpx2.ByteStream(b"x" * 400))


def serve(pipe: Pipe) -> None:
    """Answers every request with the same bytes."""

    async def handle(stream: trio.SocketStream) -> None:
        received = b""
        while data := await stream.receive_some(65536):
            received += data
            if received.endswith(REQUEST):
                received = b""
                await stream.send_all(REPLY)

    async def main() -> None:
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        pipe.send(listeners[0].socket.getsockname()[1])
        await trio.serve_listeners(handle, listeners)

    trio.run(main)


async def cpu_per_call(call: Callable[[], Awaitable[object]], count: int) -> float:
    """Microseconds of CPU time."""
    for _ in range(count // 10 + 1):
        await call()
    start = time.process_time()
    for _ in range(count):
        await call()
    return (time.process_time() - start) / count * 1e6


async def through_upstream(upstream: Upstream) -> bytes:
    async with upstream.open(upstream.endpoint, REQUEST, stream=False) as response:
        return await response.read(100_000)


async def measure(port: int, count: int) -> None:
    base = f"http://127.0.0.1:{port}/v1"
    provider = Provider("bench", "openai_chat", base, (Secret("sk-0"),))
    headers = {"authorization": "Bearer sk-0", "content-type": "application/json"}

    async def with_client(client: httpx2.AsyncClient) -> bytes:
        return (await client.post(f"{base}/chat/completions", content=REQUEST, headers=headers)).content

    async def report(name: str, call: Callable[[], Awaitable[object]]) -> None:
        print(f"{name:<46}{await cpu_per_call(call, count):8.1f} µs")

    null = Upstream(provider, NullTransport(), turns=itertools.count())
    await report("no network: Upstream.open", lambda: through_upstream(null))
    async with httpx2.AsyncClient(transport=NullTransport()) as client:
        await report("no network: AsyncClient.post", lambda: with_client(client))
    async with Transport() as transport:
        ours = Upstream(provider, transport, turns=itertools.count())
        await report("loopback: Upstream.open, our transport", lambda: through_upstream(ours))
    async with httpx2.AsyncClient(transport=Transport()) as client:
        await report("loopback: AsyncClient.post, our transport", lambda: with_client(client))
    async with httpx2.AsyncClient(trust_env=False) as client:
        await report("loopback: AsyncClient.post, httpx2's transport", lambda: with_client(client))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=3000)
    count: int = parser.parse_args().requests
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(theirs,), daemon=True)
    server.start()
    try:
        trio.run(measure, ours.recv(), count)
    finally:
        server.terminate()
        server.join()


if __name__ == "__main__":
    main()
